"""``scrapy runs``: list the runs and their verdicts, or show one run with all details."""

from __future__ import annotations

import argparse
import getpass
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scrapy.utils.misc import load_object
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from crawler.database_command import CommandFailed, DatabaseCommand
from crawler.rendering.counts import rendering_text
from crawler.run.acceptance import CannotAccept, refusal
from crawler.run.interfaces import AcceptRun
from crawler.run.state import PAUSED, RUNNING, is_worked_on, state_of
from crawler.run.verdict import BELOW_POLICY, GOOD, INTERRUPTED, NOT_STORED, acceptance_hint, merged_line
from crawler.security.plain_text import json_line, last_line, one_line
from models import CrawlRun
from models.command_name import command
from models.crawl_order import PAUSE, RESUME, STOP
from models.process_id import Process
from models.request import HOW_UNCHANGED
from models.run import database_now
from models.run_failures import failed_requests, ignored_pages, refused_pages, rejected_items
from models.run_orders import CannotAsk, ask_of_run
from models.run_stats import RunStats
from models.session import make_sessions
from models.shared_run import WorkerState, workers_of

if TYPE_CHECKING:
    from rich.table import Table


ORDERS = (STOP, PAUSE, RESUME)
LARGEST_ID = 2**31 - 1
LONGEST_LINE = 1000  # characters
WIDE = 200  # columns without a terminal: in a mail, in a file
COLOURS = {GOOD: "green", BELOW_POLICY: "red", NOT_STORED: "red", INTERRUPTED: "yellow"}


class Command(DatabaseCommand):
    name = "runs"
    max_arguments = 2
    expected_errors = (CannotAccept, CannotAsk)

    def syntax(self) -> str:
        return "[options] [SPIDER] | show ID | accept ID | stop ID | pause ID | resume ID"

    def short_desc(self) -> str:
        return "List the last runs and their verdicts; show, accept, stop, pause or resume one run"

    def long_desc(self) -> str:
        return (
            "List the last runs and their verdicts. `show ID` shows one run with all details. `accept ID` accepts a "
            "run that is below its policy only because a column has fewer values (MAX_COVERAGE_DROP) or rows were not "
            "seen (GONE_LIMIT): later runs are compared with it, and the rows that it did not see become gone. "
            "`stop ID`, `pause ID` and `resume ID` are orders: the process of the run carries them out within 5 s."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--limit", type=int, default=20, help="at most so many (default: 20)")
        parser.add_argument("--json", action="store_true", help="print a JSON object on each line")
        parser.add_argument(
            "--by", metavar="NAME", help="who accepts the run, or orders (default: user and host)"
        )

    def execute(self, args: list[str], opts: argparse.Namespace) -> None:
        one = args[0] if args and args[0] in ("show", "accept", *ORDERS) else None
        if len(args) > (2 if one else 1) or (one and not (len(args) == 2 and args[1].isdecimal())):
            raise CommandFailed(
                f"write: {self.program}, {self.program} SPIDER, or {self.program} "
                f"{', '.join(('show', 'accept', *ORDERS[:-1]))} or {ORDERS[-1]} ID"
            )
        with self.database() as engine:
            if one and int(args[1]) > LARGEST_ID:
                raise CommandFailed(f"there is no run {args[1]}; `{command('runs')}` lists them")
            if one == "show":
                self._show(engine, int(args[1]), opts)
            elif one == "accept":
                self._accept(engine, int(args[1]), opts.by or this_person())
            elif one:
                self._order(engine, one, int(args[1]), opts.by or this_person())
            else:
                self._list(engine, args[0] if args else None, opts)

    def _list(self, engine: Engine, spider: str | None, opts: argparse.Namespace) -> None:
        with Session(engine) as session:
            query = select(CrawlRun).order_by(CrawlRun.id.desc()).limit(opts.limit)
            if spider:
                query = query.where(CrawlRun.spider == spider)
            found = session.scalars(query).all()
            now = database_now(session)
            runs = [
                as_json(run, state_of(run, now, working=is_worked_on(session, run, now))) for run in found
            ]
            hints = hints_of(found)
        if opts.json:
            for run in runs:
                print(json_line(run))
        elif runs:
            from rich.console import Console  # noqa: PLC0415
            from rich.text import Text  # noqa: PLC0415

            console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False)
            console.print(_table(runs))
            for hint in hints:
                console.print(Text(hint))
        else:
            print("no run yet")

    def _show(self, engine: Engine, run_id: int, opts: argparse.Namespace) -> None:
        with Session(engine) as session:
            run = session.get(CrawlRun, run_id)
            if run is None:
                raise CommandFailed(f"there is no run {run_id}; `{self.program}` lists them")
            now = database_now(session)
            shown = as_json(run, state_of(run, now, working=is_worked_on(session, run, now)))
            shown["failed_requests"] = [
                {"number": one.number, "url": one.url, "status": one.status, "error": one.error}
                | ({"kept_page": one.kept_page} if one.kept_page else {})
                for one in failed_requests(session, run_id, opts.limit)
            ]
            shown["refused_pages"] = [asdict(one) for one in refused_pages(session, run_id)]
            shown["ignored_pages"] = [asdict(one) for one in ignored_pages(session, run_id)]
            shown["rejected_items"] = [
                {"id": one.id, "url": one.url, "table": one.table_name, "reasons": one.reasons}
                | ({"kept_page": one.kept_page} if one.kept_page else {})
                for one in rejected_items(session, run_id, opts.limit)
            ]
            hint = acceptance_hint(run_id) if may_be_accepted(run) else None
            shown["partitions"] = run.partitions
            shown["workers"] = [
                worker_as_json(one) for one in workers_of(session, run_id, database_now(session))
            ]
        if opts.json:
            print(json_line(shown))
        else:
            _print(shown | {"hint": hint})

    def _accept(self, engine: Engine, run_id: int, by: str) -> None:
        accept: AcceptRun = load_object(self.project_settings["RUN_ACCEPTANCE"])
        done = accept(engine, self.project_settings, run_id, by=by)
        if done.is_new:
            print(f"run {run_id} is accepted, and later runs are compared with it; {done.what}")
        else:
            print(f"run {run_id} was accepted on {done.at:%F %T} UTC by {one_line(done.by)}")

    def _order(self, engine: Engine, kind: str, run_id: int, by: str) -> None:
        with make_sessions(engine).begin() as session:
            order, is_new = ask_of_run(session, kind, run_id, by=by)
            run, now = session.get_one(CrawlRun, run_id), database_now(session)
            state = state_of(run, now, working=is_worked_on(session, run, now))
            again = "" if is_new else f", as {one_line(order.asked_by)} asked before"
            follows = (
                "its process does this within 5 s"
                if state in (RUNNING, PAUSED)
                else "no process crawls it now: the next crawl does this first"
            )
            print(f"order {order.id}: {kind} run {run_id} of {run.spider}{again}; {follows}")


def this_person() -> str:
    """Return the user and the host of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def hints_of(runs: Sequence[CrawlRun]) -> list[str]:
    """Return a line for each scope whose last run a person may accept; ``runs`` begins with the last one."""
    last: dict[bytes, CrawlRun] = {}
    for run in runs:
        if run.trial_pages is None:
            last.setdefault(run.scope, run)
    return [f"run {run.id}: {acceptance_hint(run.id)}" for run in last.values() if may_be_accepted(run)]


def may_be_accepted(run: CrawlRun) -> bool:
    """Return whether a person may accept the run, and has not done so."""
    return run.accepted_at is None and refusal(run) is None


def worker_as_json(worker: WorkerState) -> dict[str, Any]:
    """Return a worker as ``--json`` prints it."""
    return {
        "number": worker.number,
        "process": worker.process.shown if worker.process is not None else None,
        "state": "works" if worker.is_alive else "left" if worker.has_left else "died",
        "partitions": worker.partitions,
        "pages": worker.pages,
        "pages_per_second": round(worker.pages / worker.seconds, 2) if worker.seconds > 0 else 0.0,
        "seconds": round(worker.seconds, 1),
        "note": worker.note,
    }


def as_json(run: CrawlRun, state: str) -> dict[str, Any]:
    """Return the run as ``--json`` prints it."""
    return {
        "id": run.id,
        "spider": run.spider,
        "arguments": run.arguments,
        "state": state,
        "exit_code": run.verdict,
        "reasons": run.reasons or [],
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "finish_reason": run.finish_reason,
        "note": run.note,
        "seconds": run.seconds,
        "peak_memory": run.peak_memory,
        "host": run.host,
        "owner": owner.shown if run.owner and (owner := Process.parse(run.owner)) else None,
        "versions": run.versions,
        "counts": run.counts,
        "trial_pages": run.trial_pages,
        "paused_at": run.paused_at.isoformat() if run.paused_at else None,
        "paused_by": run.paused_by,
        "accepted_at": run.accepted_at.isoformat() if run.accepted_at else None,
        "accepted_by": run.accepted_by,
    }


def _table(runs: list[dict[str, Any]]) -> Table:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(
        "run", "spider", "started (UTC)", "took", "pages", "rows", "rejected", "verdict", "because", box=None
    )
    for run in runs:
        counts = RunStats.from_json(run["counts"] or {})
        failed = counts.pages.get("failed", 0)
        refused = counts.pages.get("refused", 0)
        pages = f"{counts.pages.get('done', 0)}" + (f" + {failed} failed" if failed else "")
        pages += f" + {refused} refused" if refused else ""
        table.add_row(
            str(run["id"]),
            Text(_named(run)),
            run["started_at"][:16].replace("T", " "),
            _took(run["seconds"]),
            pages if run["counts"] else "",
            str(sum(counts.rows.values())) if run["counts"] else "",
            str(sum(counts.rejected.values())) if run["counts"] else "",
            Text(run["state"], "green" if run["accepted_at"] else COLOURS.get(run["exit_code"], "yellow")),
            Text(one_line("; ".join(run["reasons"]) or run["note"] or "")),
        )
    return table


def _print(run: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    width = None if sys.stdout.isatty() else LONGEST_LINE + len("because  ")
    console = Console(soft_wrap=True, highlight=False, width=width)
    table = Table.grid(padding=(0, 2))
    code = "" if run["exit_code"] is None else f" (exit code {run['exit_code']})"
    lines = [
        ("run", f"{run['id']}, {_named(run)}"),
        ("verdict", run["state"] + code),
        *(("because", reason) for reason in run["reasons"]),
        (
            "accepted",
            f"{run['accepted_at'][:19]} UTC by {run['accepted_by']}" if run["accepted_at"] else None,
        ),
        ("paused", f"since {run['paused_at'][:19]} UTC by {run['paused_by']}" if run["paused_at"] else None),
        ("hint", run["hint"]),
        ("trial", f"of at most {run['trial_pages']} pages" if run["trial_pages"] else None),
        ("note", run["note"]),
        ("started", f"{run['started_at'][:19]} UTC"),
        (
            "finished",
            f"{run['finished_at'][:19]} UTC"
            if run["finished_at"]
            else f"no: {'no crawl' if run['trial_pages'] else 'the next crawl'} resumes it",
        ),
        ("took", _took(run["seconds"])),
        ("memory", f"{run['peak_memory'] / 2**20:.0f} MiB at most" if run["peak_memory"] else None),
        ("host", run["host"]),
        ("owner", run["owner"]),
        ("shared", f"{run['partitions']} partitions" if run["partitions"] else None),
        ("versions", ", ".join(f"{name} {number}" for name, number in (run["versions"] or {}).items())),
    ]
    counts = run["counts"] or {}
    for name in ("pages", "rows", "rejected", "changes"):
        lines.append((name, ", ".join(f"{number} {what}" for what, number in counts.get(name, {}).items())))
    if unchanged := counts.get("unchanged"):
        how = ", ".join(f"{way} {unchanged.get(way, 0)}" for way in HOW_UNCHANGED)
        lines.append(("unchanged", f"{sum(unchanged.values())} pages ({how})"))
    if rendering := counts.get("rendering"):
        lines.append(("rendering", rendering_text(rendering)))
    if counts.get("cut"):
        lines.append(("cut", f"{counts['cut']} of the done pages were cut"))
    if counts.get("merged"):
        lines.append(("merged", merged_line(counts["merged"])))
    for one in run["workers"]:
        state = f"{one['state']}, {one['partitions']} partitions" if one["state"] == "works" else one["state"]
        lines.append(
            (
                f"worker {one['number']}",
                f"{one['process']}: {state}, {one['pages']} pages, {one['pages_per_second']:g}/s"
                + (f" ({one['note']})" if one["note"] else ""),
            )
        )
    for name, value in lines:
        if value:
            table.add_row(Text(name, "bold"), Text(one_line(str(value), LONGEST_LINE)))
    console.print(table)
    for one in run["failed_requests"]:
        saved = f"  (snapshot: {one['kept_page']})" if one.get("kept_page") else ""
        console.print(Text(f"failed    {one_line(one['url'])}: {last_line(one['error'] or '')}{saved}"))
    for one in run["refused_pages"]:
        for url in one["urls"]:
            console.print(Text(f"refused   {one_line(url)}: {one_line(one['reason'])}"))
        if one["pages"] > len(one["urls"]):
            more = one["pages"] - len(one["urls"])
            console.print(
                Text(f"refused   {more} more of {one_line(one['host'])}: {one_line(one['reason'])}")
            )
    for one in run["ignored_pages"]:
        for url in one["urls"]:
            console.print(Text(f"ignored   {one_line(url)}: HTTP {one['status']}"))
        if one["pages"] > len(one["urls"]):
            console.print(Text(f"ignored   {one['pages'] - len(one['urls'])} more: HTTP {one['status']}"))
    for one in run["rejected_items"]:
        why = "; ".join(f"{field} {reason}".strip() for field, reason in one["reasons"].items())
        saved = f"  (snapshot: {one['kept_page']})" if one.get("kept_page") else ""
        console.print(Text(f"rejected  {one_line(one['url'] or '')}: {one_line(why)}{saved}"))


def _named(run: dict[str, Any]) -> str:
    return " ".join([run["spider"], *(f"{name}={value}" for name, value in run["arguments"].items())])


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
