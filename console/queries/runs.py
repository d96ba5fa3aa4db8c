"""Runs: the list, and one run with its requests, samples and log lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from crawler.run.state import PAUSED, RUNNING, is_worked_on, state_of
from crawler.run.verdict import GOOD, INTERRUPTED
from models import CrawlRun
from models.process_id import Process
from models.redaction import hidden_values
from models.run_log import RunLogLine
from models.run_sample import RunSample
from models.run_stats import RunStats


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run as lists show it.

    Attributes:
        state: in one word, as ``scrapy runs`` prints it.
        tone: how good that is: "good", "bad", "warn" or "live".
    """

    id: int
    spider: str
    arguments: Mapping[str, Any]
    state: str
    tone: str
    exit_code: int | None
    started_at: datetime
    finished_at: datetime | None
    heartbeat_at: datetime | None
    seconds: float | None
    reasons: Sequence[str]
    note: str | None
    stats: RunStats
    trial_pages: int | None
    paused_by: str | None

    @property
    def is_running(self) -> bool:
        """Return whether a process works on the run, paused or not."""
        return self.tone == "live"

    @property
    def rows(self) -> int:
        return sum(self.stats.rows.values())

    @property
    def rejected(self) -> int:
        return sum(self.stats.rejected.values())

    @property
    def changed(self) -> int:
        """Return how many rows the run has created, changed, seen again, or not seen any more."""
        return sum(n for name, n in self.stats.changes.items() if not name.endswith("/unchanged"))


def tone_of(state: str, run: CrawlRun) -> str:
    """Return how good the state of a run is."""
    if state in (RUNNING, PAUSED):
        return "live"
    if run.accepted_at is not None or run.verdict == GOOD:
        return "good"
    if run.verdict == INTERRUPTED or (run.verdict is None and run.finished_at is not None):
        return "warn"
    return "bad"


def run_line(session: Session, run: CrawlRun, now: datetime) -> RunLine:
    """Return a run as lists show it."""
    state = state_of(run, now, working=is_worked_on(session, run, now))
    return RunLine(
        id=run.id,
        spider=run.spider,
        arguments=hidden_values(run.arguments or {}),
        state=state,
        tone=tone_of(state, run),
        exit_code=run.verdict,
        started_at=run.started_at,
        finished_at=run.finished_at,
        heartbeat_at=run.heartbeat_at,
        seconds=run.seconds,
        reasons=run.reasons or [],
        note=run.note,
        stats=RunStats.from_json(run.counts or {}),
        trial_pages=run.trial_pages,
        paused_by=run.paused_by if run.paused_at is not None else None,
    )


def list_runs(
    session: Session,
    now: datetime,
    *,
    spider: str | None = None,
    verdict: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[RunLine]:
    """Return runs, the newest first.

    Args:
        verdict: only runs that are "good", "bad" or "unfinished"; None: all.
        before: only runs with a smaller id.
    """
    query = select(CrawlRun).options(defer(CrawlRun.versions)).order_by(CrawlRun.id.desc()).limit(limit)
    if spider:
        query = query.where(CrawlRun.spider == spider)
    if verdict == "good":
        query = query.where((CrawlRun.verdict == GOOD) | CrawlRun.accepted_at.is_not(None))
    elif verdict == "bad":
        query = query.where(CrawlRun.verdict > GOOD, CrawlRun.accepted_at.is_(None))
    elif verdict == "unfinished":
        query = query.where(CrawlRun.unfinished.is_not(None))
    if before is not None:
        query = query.where(CrawlRun.id < before)
    return [run_line(session, run, now) for run in session.scalars(query)]


def find_run(session: Session, run_id: int) -> CrawlRun | None:
    """Return the run with this id."""
    return session.get(CrawlRun, run_id) if 0 < run_id < 2**31 else None


def running(session: Session, now: datetime) -> list[RunLine]:
    """Return the unfinished runs that a process works on, and those whose process was killed; the newest first."""
    query = select(CrawlRun).where(CrawlRun.unfinished.is_not(None)).order_by(CrawlRun.id.desc()).limit(100)
    return [run_line(session, run, now) for run in session.scalars(query)]


def last_good_run(session: Session, run: CrawlRun) -> CrawlRun | None:
    """Return the last good run of the same scope before a run."""
    return session.scalar(
        select(CrawlRun)
        .where(
            CrawlRun.scope == run.scope,
            CrawlRun.id < run.id,
            (CrawlRun.verdict == GOOD) | CrawlRun.accepted_at.is_not(None),
            CrawlRun.trial_pages.is_(None),
        )
        .order_by(CrawlRun.id.desc())
        .limit(1)
    )


def owner_of(run: CrawlRun) -> str | None:
    """Return the process that has the run, for people."""
    process = Process.parse(run.owner) if run.owner else None
    return process.shown if process is not None else None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is: its last sample, its speed, and an estimate of its end. None: not known."""

    queued: int
    done: int
    failed: int
    rows: int
    pages_per_second: float | None = None
    seconds_left: float | None = None


def samples_of(session: Session, run_id: int) -> Sequence[RunSample]:
    """Return the samples of a run, the oldest first."""
    query = select(RunSample).where(RunSample.run_id == run_id).order_by(RunSample.number)
    return session.scalars(query).all()


def progress_of(samples: Sequence[RunSample]) -> Progress | None:
    """Return where the run of these samples is; None without samples.

    The speed is that of the last minute, or of the last two samples if these are further apart.
    """
    if not samples:
        return None
    last = samples[-1]
    speed = left = None
    earlier = [one for one in samples[:-1] if (last.at - one.at).total_seconds() <= 60] or samples[-2:-1]
    if earlier:
        seconds = (last.at - earlier[0].at).total_seconds()
        settled = last.done + last.failed - earlier[0].done - earlier[0].failed
        if seconds > 0 and settled >= 0:
            speed = settled / seconds
            left = last.queued / speed if speed else None
    return Progress(
        queued=last.queued,
        done=last.done,
        failed=last.failed,
        rows=last.rows,
        pages_per_second=speed,
        seconds_left=left,
    )


def log_lines(session: Session, run_id: int, limit: int = 100) -> Sequence[RunLogLine]:
    """Return the last log lines of a run, the oldest first."""
    return newest_log_lines(session, run_id, limit=limit)[::-1]


def newest_log_lines(
    session: Session, run_id: int, *, before: int | None = None, limit: int = 50
) -> Sequence[RunLogLine]:
    """Return log lines of a run, the newest first.

    Args:
        before: only lines with a smaller number.
    """
    query = select(RunLogLine).where(RunLogLine.run_id == run_id).order_by(RunLogLine.number.desc())
    if before is not None:
        query = query.where(RunLogLine.number < before)
    return session.scalars(query.limit(limit)).all()


def stamp(session: Session, run_id: int) -> str:
    """Return text that changes when the page of a run should be loaded again."""
    row = session.execute(
        select(
            CrawlRun.commits, CrawlRun.verdict, CrawlRun.finished_at, CrawlRun.paused_at, CrawlRun.owner
        ).where(CrawlRun.id == run_id)
    ).one_or_none()
    sample = session.scalar(select(func.max(RunSample.number)).where(RunSample.run_id == run_id))
    line = session.scalar(select(func.max(RunLogLine.number)).where(RunLogLine.run_id == run_id))
    return f"{tuple(row) if row is not None else ()} {sample} {line}"
