"""The last runs of each spider: a strip of verdicts, and the counts of the last run against the usual ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, defer

from console.queries.runs import RunLine, run_line, tone_of
from crawler.run.state import is_worked_on, state_of
from crawler.run.verdict import GOOD
from models import CrawlRun
from models.run_stats import GOOD_RUNS, RunStats
from models.spider_schedule import SpiderSchedule

STRIP = 30  # verdicts of a spider
_runs: Any = CrawlRun.__table__
# What the state of a run needs. Rows of columns: objects of 1,500 runs take longer than their query.
OF_STATE = tuple(
    _runs.c[name]
    for name in (
        "id", "spider", "started_at", "finished_at", "finish_reason", "verdict", "accepted_at", "trial_pages",
        "paused_at", "partitions", "owner", "heartbeat_at",
    )
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A run in a strip."""

    id: int
    state: str
    tone: str
    started_at: datetime


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A count of the last run. ``usual`` is the median of the last good runs before it; None if there is none."""

    value: int
    usual: float | None

    @property
    def is_unusual(self) -> bool:
        return self.usual is not None and is_far(self.value, self.usual)


@dataclass(frozen=True, kw_only=True)
class SpiderLine:
    """A spider and its last runs.

    Attributes:
        strip: the last verdicts, the oldest first; trials are not among them.
        last: the last run that ended in order, or the last one if none did; None if the spider has never run.
        good_runs: of how many good runs the usual counts are the median.
    """

    spider: str
    strip: Sequence[Verdict]
    last: RunLine | None
    rows: Figure | None
    changes: Figure | None
    rejected: Figure | None
    good_runs: int


def is_far(value: float, usual: float) -> bool:
    """Return whether a count is far from the usual one: less than half of it or more than twice, by at least 5."""
    return abs(value - usual) >= 5 and not usual / 2 <= value <= usual * 2


def spiders(session: Session, containing: str = "") -> list[str]:
    """Return the names of the spiders that have run or that a scheduler knows, sorted.

    Args:
        containing: only names that contain this text, in any case.
    """
    found = set(session.scalars(select(SpiderSchedule.spider)))
    found.update(session.scalars(select(CrawlRun.spider).distinct()))
    wanted = containing.casefold()
    return sorted(name for name in found if wanted in name.casefold())


def last_runs(session: Session, names: Iterable[str], limit: int) -> dict[str, list[Any]]:
    """Return the last runs of these spiders, the newest first, with the columns OF_STATE; no trials."""
    newest = func.row_number().over(partition_by=_runs.c.spider, order_by=_runs.c.id.desc()).label("newest")
    ranked = (
        select(_runs.c.id, newest)
        .where(_runs.c.spider.in_(list(names)), _runs.c.trial_pages.is_(None))
        .subquery()
    )
    query = select(*OF_STATE).join(ranked, ranked.c.id == _runs.c.id).where(ranked.c.newest <= limit)
    found: dict[str, list[Any]] = {}
    for run in session.execute(query.order_by(_runs.c.id.desc())):
        found.setdefault(run.spider, []).append(run)
    return found


def good_counts(session: Session, before: Mapping[bytes, int]) -> dict[bytes, list[RunStats]]:
    """Return the counts of the last GOOD_RUNS good runs of scopes, as ``stats_of_good_runs`` does for one.

    Args:
        before: by scope the id of the run that they are compared with.
    """
    good = (_runs.c.verdict == GOOD) | _runs.c.accepted_at.is_not(None)
    newest = func.row_number().over(partition_by=_runs.c.scope, order_by=_runs.c.id.desc()).label("newest")
    ranked = (
        select(_runs.c.id, newest)
        .where(_runs.c.scope.in_(list(before)), _runs.c.trial_pages.is_(None), good)
        .subquery()
    )
    query = (
        select(_runs.c.id, _runs.c.scope, _runs.c.counts, _runs.c.accepted_at)
        .join(ranked, ranked.c.id == _runs.c.id)
        .where(ranked.c.newest <= GOOD_RUNS + 1)  # the run that is compared may be one of them
        .order_by(_runs.c.id.desc())
    )
    found: dict[bytes, list[RunStats]] = {}
    over: set[bytes] = set()  # an accepted run is the last one that counts
    for run_id, scope, counts, accepted_at in session.execute(query):
        of_scope = found.setdefault(scope := bytes(scope), [])
        if run_id >= before[scope] or scope in over or len(of_scope) == GOOD_RUNS:
            continue
        if counts:
            of_scope.append(RunStats.from_json(counts))
        if accepted_at is not None:
            over.add(scope)
    return found


def spiders_after(
    session: Session, now: datetime, after: str, limit: int, *, containing: str = ""
) -> list[SpiderLine]:
    """Return the ``limit`` spiders after a name, sorted by name, with their last runs."""
    return spider_lines(session, now, [name for name in spiders(session, containing) if name > after][:limit])


def spider_lines(session: Session, now: datetime, names: Sequence[str]) -> list[SpiderLine]:
    """Return these spiders with their last runs, in the same order."""
    runs = last_runs(session, names, STRIP)
    newest = _with_counts(session, [_last_ended(found).id for found in runs.values()])
    good = good_counts(session, {bytes(run.scope): run.id for run in newest.values()})
    lines = []
    for name in names:
        of_spider = runs.get(name, [])
        last = newest.get(_last_ended(of_spider).id) if of_spider else None
        lines.append(
            _spider_line(
                name,
                [verdict_of(session, run, now) for run in reversed(of_spider)],
                run_line(session, last, now) if last is not None else None,
                good.get(bytes(last.scope), []) if last is not None else [],
            )
        )
    return lines


def _last_ended(runs: Sequence[Any]) -> Any:
    return next((run for run in runs if run.verdict is not None), runs[0])


def _with_counts(session: Session, ids: Sequence[int]) -> dict[int, CrawlRun]:
    query = select(CrawlRun).where(CrawlRun.id.in_(ids)).options(defer(CrawlRun.versions))
    return {run.id: run for run in session.scalars(query)}


def verdict_of(session: Session, run: Any, now: datetime) -> Verdict:
    """Return a run of ``last_runs`` as a strip shows it."""
    state = state_of(run, now, working=is_worked_on(session, run, now))
    return Verdict(id=run.id, state=state, tone=tone_of(state, run), started_at=run.started_at)


def _spider_line(
    name: str, strip: Sequence[Verdict], last: RunLine | None, good: Sequence[RunStats]
) -> SpiderLine:
    def figure(value: int, of: Any) -> Figure:
        return Figure(value=value, usual=median(map(of, good)) if good else None)

    has_counts = last is not None and last.exit_code is not None
    return SpiderLine(
        spider=name,
        strip=strip,
        last=last,
        rows=figure(last.rows, rows_of) if last is not None and has_counts else None,
        changes=figure(last.changed, changed_of) if last is not None and has_counts else None,
        rejected=figure(last.rejected, rejected_of) if last is not None and has_counts else None,
        good_runs=len(good),
    )


def rows_of(stats: RunStats) -> int:
    """Return how many rows a run saw."""
    return sum(stats.rows.values())


def changed_of(stats: RunStats) -> int:
    """Return how many rows a run created, changed, saw again, or did not see any more."""
    return sum(number for name, number in stats.changes.items() if not name.endswith("/unchanged"))


def rejected_of(stats: RunStats) -> int:
    """Return how many items of a run were rejected."""
    return sum(stats.rejected.values())
