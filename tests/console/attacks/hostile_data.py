"""A database in which every text is hostile, and a folder of hostile page snapshots."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler.snapshots.page_snapshot import write_snapshot
from models import HostRate, RejectedItem
from models.console_action import ConsoleAction
from models.crawl_order import CrawlOrder
from models.relay import OutboxRefusal, OutboxSink
from models.run import database_now
from models.run_log import RunLogLine
from models.session import make_sessions
from tests.console import runs, site_tables
from tests.console.test_events import add_events
from tests.console.test_pages import HOSTILE as HOSTILE_HTML
from tests.console.test_pages import SNAPSHOT

EVIL = "evil.example"  # the server of the attacker
# Short, since a column may have 100 characters: an attribute ends, an element begins, the text turns.
TEXT = f"\u202e\x1b[31m\"'><script>pwned=1</script><img src=//{EVIL} onerror=pwned=2>{{{{7*7}}}}\u2066\x07"
LINK = f"javascript:window.pwned=3//https://{EVIL}/\u202e"
# Pages of sites, each with other ways to run a script, to leave the frame, or to tell another server.
PAGES = (
    HOSTILE_HTML,
    b"<script>window.pwned=1;top.pwned=1;fetch('//evil.example/')</script><img src=x onerror=pwned=1>"
    b"<svg onload=pwned=1>",
    b'<iframe srcdoc="<script>top.pwned=1</script><img src=//evil.example>"></iframe>'
    b"<object data=//evil.example></object><embed src=//evil.example>",
    b"<style>@import '//evil.example/a';body{background:url(//evil.example/b);font-family:x}"
    b"@font-face{font-family:x;src:url(//evil.example/c)}</style>text"
    b"<video poster=//evil.example src=//evil.example autoplay></video>",
    b"<form action=//evil.example><input autofocus onfocus=pwned=1><button>x</button></form>"
    b"<base target=_top href=//evil.example>",
    b"<meta http-equiv=refresh content='0;url=//evil.example'>"
    b"<META\x0chttp-equiv=refresh content='0;url=//evil.example'><link rel=stylesheet href=//evil.example>"
    b"<link rel=dns-prefetch href=//evil.example><link rel=prefetch href=//evil.example>",
    b"<svg><use href=//evil.example#x /><image href=//evil.example /><script href=//evil.example></script></svg>"
    b"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=pwned=1&gt;'>",
    b"<plaintext><a href=javascript:pwned=1>x</a>",
    b"+ADw-script+AD4-pwned=1+ADw-/script+AD4-",  # as UTF-7
    b"<iframe src=/orders/ onload=pwned=1></iframe><frameset onload=pwned=1><frame src=/></frameset>",
    "\u202e\u2066\x1b[2J<p title='\u202e'>evil</p>".encode(),
)


def fill(engine: Engine, folder: Path) -> int:
    """Fill the tables, and write the snapshots; return the id of the run with hostile texts."""
    site_tables.make(engine)
    site_tables.add_history(engine)
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        cut = TEXT[:100]
        for verdict in (0, 1):
            run = runs.add_run(
                session,
                cut,
                now,
                verdict=verdict,
                arguments={TEXT: TEXT, "url": LINK},
                finish_reason=cut,
                note=TEXT,
                reasons=[TEXT],
                host=TEXT,
                versions={TEXT: TEXT},
                accepted_by=TEXT,
                counts={
                    "pages": {TEXT: 1},
                    "rows": {TEXT: 1},
                    "rejected": {TEXT: 1},
                    "changes": {f"{TEXT}/{TEXT}": 1},
                },
                alarm={TEXT: TEXT},
            )
        live = runs.add_run(session, "live", now, verdict=None, paused_at=now, paused_by=TEXT)
        runs.add_samples(session, live.id, now)
        runs.add_requests(session, live.id, "queued", 3, host=f"{EVIL}/{TEXT}")
        session.add(HostRate(run_id=live.id, worker=0, host=TEXT, at=now, seconds=5.0, pages=1))
        for number, html in enumerate(PAGES):
            name = f"{run.id}/{number}"
            runs.add_requests(
                session,
                run.id,
                "failed" if number % 2 else "refused",
                1,
                first=number,
                host=f"{EVIL}/{TEXT}",
                status=500,
                error=f"Traceback {TEXT}\n  {TEXT}\nValueError: {TEXT}",
                kept_page=name,
            )
            session.add(
                RejectedItem(
                    run_id=run.id,
                    request_number=number,
                    spider=cut,
                    table_name="wide",
                    url=LINK,
                    item={TEXT: [TEXT, {"\u202e": "\ud800" if number % 2 else TEXT}]},
                    reasons={TEXT: TEXT, "": TEXT},
                    keyed=True,
                    at=now,
                    kept_page=name,
                )
            )
            write_snapshot(
                folder,
                replace(
                    SNAPSHOT,
                    name=name,
                    spider=TEXT,
                    why=[TEXT],
                    url=LINK,
                    headers=[(TEXT, [TEXT]), ("Content-Type", ["text/html; charset=utf-7"])],
                    encoding="utf-8",
                    body=html,
                ),
            )
            (folder / f"{name}.png").write_bytes(html)
        session.add(
            RunLogLine(run_id=run.id, number=1, at=now, level="ERROR", logger=cut, message=f"{TEXT}\n{TEXT}")
        )
        runs.add_schedule(
            session,
            cut,
            now,
            declared="0 0 1 1 *",
            spider_arguments=[TEXT],
            changed_by=TEXT,
            recipients=[TEXT, "x"],
            heard_by=[TEXT, LINK],
        )
        runs.add_schedule(session, "books", now, declared="0 0 1 1 *", next_at=now + timedelta(days=1))
        session.add(OutboxSink(name=cut, position=0, error=TEXT, used_at=now))
        add_events(session, now, 1, 1, row_key=TEXT, spider=cut)
        session.flush()
        session.add(OutboxRefusal(sink=cut, event=1, reason=TEXT, at=now))
        session.add(
            ConsoleAction(
                at=now, actor=TEXT, address="127.0.0.1", action="log in", target=TEXT, succeeded=False
            )
        )
        _add_orders(session, run.id)
        return run.id


OPEN_ORDER = 1


def _add_orders(session: Session, run_id: int) -> None:
    """Insert an order that waits, and two that are over."""
    now = database_now(session)
    for number, state in enumerate(("asked", "done", "failed"), OPEN_ORDER):
        session.add(
            CrawlOrder(
                id=number,
                kind="replay",
                spider=TEXT[:100],
                run_id=run_id,
                arguments={"snapshot": f"{run_id}/1", TEXT: TEXT},
                state=state,
                asked_by=TEXT,
                asked_at=now,
                message=TEXT,
            )
        )
