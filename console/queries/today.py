"""Today: the runs that a process works on, the bad ones, and what changes on the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from console.queries import runs as run_queries
from console.queries.late import LateSpider, late_spiders
from console.queries.runs import Progress, RunLine, progress_of, run_line
from console.queries.samples import last_samples
from crawler.run.verdict import GOOD
from models import CrawlRun
from models.run import database_now
from models.run_sample import RunSample
from models.spider_schedule import SchedulerProcess, SpiderSchedule

BAD_SINCE = timedelta(days=31)
MOST = 50  # bad runs on the page

_runs: Any = CrawlRun.__table__
_samples: Any = RunSample.__table__


@dataclass(frozen=True, kw_only=True)
class RunningRun:
    """A run that a process works on, and where it is; None: it has no sample yet."""

    run: RunLine
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Today:
    """What the page shows first, each list with the newest first."""

    running: Sequence[RunningRun]
    bad: Sequence[RunLine]
    late: Sequence[LateSpider]


def today(session: Session, now: datetime) -> Today:
    """Return what runs, what is bad and what is late."""
    unfinished = run_queries.running(session, now)
    live = [run for run in unfinished if run.is_running]
    samples = last_samples(session, [run.id for run in live])
    running = [RunningRun(run=run, progress=progress_of(samples.get(run.id, []))) for run in live]
    lost = [run for run in unfinished if not run.is_running]
    return Today(
        running=running,
        bad=bad_runs(session, now, lost),
        late=late_spiders(session, now, [run.spider for run in live]),
    )


def bad_runs(session: Session, now: datetime, lost: Sequence[RunLine] = ()) -> list[RunLine]:
    """Return the bad runs of the last BAD_SINCE that no later run of their scope has replaced, the newest first.

    Args:
        lost: unfinished runs that no process works on; the list has these too.
    """
    last = (
        select(func.max(_runs.c.id).label("id"))
        .where(_runs.c.trial_pages.is_(None), _runs.c.started_at >= now - BAD_SINCE)
        .group_by(_runs.c.scope)
        .subquery()
    )
    query = (
        select(CrawlRun)
        .join(last, last.c.id == CrawlRun.id)
        .where(CrawlRun.verdict > GOOD, CrawlRun.accepted_at.is_(None), CrawlRun.unfinished.is_(None))
        .options(defer(CrawlRun.versions))
        .order_by(CrawlRun.id.desc())
        .limit(MOST)
    )
    found = [run_line(session, run, now) for run in session.scalars(query)]
    of_lost = [run for run in lost if run.started_at >= now - BAD_SINCE]
    return sorted([*of_lost, *found], key=lambda run: run.id, reverse=True)[:MOST]


def stamp(session: Session) -> str:
    """Return text that changes when the page should be loaded again.

    It changes with each minute too: spiders get late, and runs are accepted.
    """
    last = session.scalar(select(func.max(_runs.c.id)))
    unfinished = session.execute(
        select(_runs.c.id, _runs.c.verdict, _runs.c.paused_at, _runs.c.owner)
        .where(_runs.c.unfinished.is_not(None))
        .order_by(_runs.c.id)
    ).all()
    samples = session.execute(
        select(_samples.c.run_id, func.max(_samples.c.number))
        .where(_samples.c.run_id.in_([row.id for row in unfinished]))
        .group_by(_samples.c.run_id)
        .order_by(_samples.c.run_id)
    ).all()
    others = (
        session.scalar(select(func.max(SpiderSchedule.changed_at))),
        session.scalar(select(func.max(SchedulerProcess.started_at))),
        f"{database_now(session):%H:%M}",
    )
    return str([last, *map(tuple, unfinished), *map(tuple, samples), others])
