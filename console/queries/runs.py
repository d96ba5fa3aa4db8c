"""Runs: the list, and one run with its requests, samples and log lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
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

MOST_SCOPES = 1000  # in one query


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
    tone = tone_of(state, run)
    return RunLine(
        id=run.id,
        spider=run.spider,
        arguments=hidden_values(run.arguments or {}),
        state=state,
        tone=tone,
        exit_code=run.verdict,
        started_at=run.started_at,
        finished_at=run.finished_at,
        heartbeat_at=run.heartbeat_at,
        seconds=_seconds(run, now) if tone == "live" else run.seconds,
        reasons=run.reasons or [],
        note=run.note,
        stats=RunStats.from_json(run.counts or {}),
        trial_pages=run.trial_pages,
        paused_by=run.paused_by if run.paused_at is not None else None,
    )


def _seconds(run: CrawlRun, now: datetime) -> float:
    """Return the duration of a run that a process works on: of its earlier processes, and of this one until now."""
    since = run.held_since or run.started_at
    return (run.seconds or 0) + max(0.0, (now - since).total_seconds())


def list_runs(
    session: Session,
    now: datetime,
    *,
    spider: str | None = None,
    verdict: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    arguments: Mapping[str, str] | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[RunLine]:
    """Return runs, the newest first.

    Args:
        verdict: only runs that are "good", "bad" or "unfinished"; None: all.
        since, until: only runs that started at this time or later, and before this time.
        arguments: only runs with these arguments, as text.
        before: only runs with a smaller id.
    """
    query = select(CrawlRun).options(defer(CrawlRun.versions)).order_by(CrawlRun.id.desc()).limit(limit)
    if since is not None:
        query = query.where(CrawlRun.started_at >= since)
    if until is not None:
        query = query.where(CrawlRun.started_at < until)
    if arguments:
        scopes = _scopes_with(session, arguments, spider)
        query = query.where(CrawlRun.scope.in_(scopes))
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


def arguments_in(text: str) -> dict[str, str]:
    """Return the arguments in a text such as "shelf=art year=2026"; quotes keep a value with spaces together.

    Raises:
        ValueError: the text is not like this.
    """
    found = {}
    for word in shlex.split(text):
        name, mark, value = word.partition("=")
        if not mark or not name:
            raise ValueError("write arguments as NAME=VALUE, with a space between two of them")
        found[name] = value
    return found


def day_in(text: str) -> datetime:
    """Return the beginning of a day in UTC.

    Raises:
        ValueError: the text is no date such as 2026-11-29.
    """
    day = date.fromisoformat(text)
    if not 1970 <= day.year < 9999:
        raise ValueError("this day is too far away")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _scopes_with(session: Session, arguments: Mapping[str, str], spider: str | None) -> list[bytes]:
    """Return the scopes whose arguments have these values. Each scope is one set of arguments of one spider."""
    newest = select(func.max(CrawlRun.id)).group_by(CrawlRun.scope)
    if spider:
        newest = newest.where(CrawlRun.spider == spider)
    found = session.execute(select(CrawlRun.scope, CrawlRun.arguments).where(CrawlRun.id.in_(newest)))
    scopes = []
    for scope, given in found:
        shown = {name: str(value) for name, value in hidden_values(given or {}).items()}
        if all(shown.get(name) == value for name, value in arguments.items()):
            scopes.append(scope)
    return scopes[:MOST_SCOPES]


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
    rendered: int | None = None
    plain: int | None = None
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
        rendered=last.rendered,
        plain=last.plain,
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
