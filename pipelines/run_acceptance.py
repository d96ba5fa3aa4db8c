"""Accepting a run that is below its policy: later runs are compared with it, and rows that it did not see are gone."""

from __future__ import annotations

from collections.abc import Mapping

from scrapy.settings import BaseSettings
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from crawler.run.acceptance import CannotAccept, refusal
from crawler.run.interfaces import Acceptance
from models.change import GONE
from models.command_name import command
from models.run import ClaimedRun, CrawlRun, database_now
from models.session import make_sessions
from pipelines.storage.finish_run import mark_gone, reason_to_mark_none
from pipelines.storage.run_context import RunContext


def accept_run(engine: Engine, settings: BaseSettings, run_id: int, *, by: str) -> Acceptance:
    """Accept the run, in one transaction. A run that is accepted already stays as it is.

    Args:
        by: names the person.

    Raises:
        CannotAccept: there is no such run, or it has faults of its own.
    """
    with make_sessions(engine).begin() as session:
        run = session.get(CrawlRun, run_id, with_for_update=True)
        if run is None:
            raise CannotAccept(f"there is no run {run_id}; `{command('runs')}` lists them")
        if run.accepted_at is not None:
            return Acceptance(run_id=run.id, at=run.accepted_at, by=run.accepted_by or "", is_new=False)
        if why := refusal(run):
            raise CannotAccept(why)
        return _accept(session, settings, run, by)


def _accept(session: Session, settings: BaseSettings, run: CrawlRun, by: str) -> Acceptance:
    now = database_now(session)
    claimed = ClaimedRun(
        id=run.id,
        spider=run.spider,
        owner="",
        commits=run.commits,
        resumed=False,
        start_read=True,
        scope=run.scope,
    )
    context = RunContext(
        run=claimed,
        history=settings.getbool("HISTORY_ENABLED", True),
        outbox=settings.getbool("OUTBOX_ENABLED", False),
        gone_limit=1.0,
    )
    why = reason_to_mark_none(session, context)
    gone: Mapping[str, int] = {}
    if why is None:
        gone, _ = mark_gone(session, context, now)
    acceptance = Acceptance(run_id=run.id, at=now, by=by, gone=gone, why_none=why)
    run.commits += 1  # this is a transaction of the run: a former owner of it cannot write any more
    run.accepted_at, run.accepted_by = now, by
    run.note = "; ".join(filter(None, [run.note, f"accepted: {acceptance.what}"]))
    if run.counts is not None:
        changes = dict(run.counts.get("changes", {}))
        for table, number in gone.items():
            changes[f"{table}/{GONE}"] = changes.get(f"{table}/{GONE}", 0) + number
        run.counts = {**run.counts, "changes": changes}
    return acceptance
