"""The frontier of a run: its requests by state and by host, the next ones, and why some failed.

A run may have millions of requests. What the index cannot count quickly is counted over a sample.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from console.queries.host_rates import rates, waits
from console.queries.runs import Progress, RunLine, progress_of, run_line
from console.queries.samples import last_samples
from crawler.security.plain_text import last_line
from models import CrawlRun
from models.chunks import chunks
from models.redaction import redacted
from models.request import DONE, FAILED, LEASED, QUEUED, REFUSED, SKIPPED, CrawlRequest
from models.shared_run import NUMBERS, WorkerState, workers_of
from models.worker import CrawlPartition

STATES = (QUEUED, LEASED, DONE, FAILED, REFUSED, SKIPPED)
COUNTED = 20_000  # requests of a state: more are not counted, but estimated
SMALL = 5000  # requests of a run: up to so many are all read
EXACT = 500  # requests of a state: up to so many are read, of more a sample
SAMPLE = 2000  # requests of a run
MOST_HOSTS = 200
MOST_UNFINISHED = 100
NEXT = 20  # requests
MOST_PARTS = 32  # partitions of a shared run that are asked for their next requests
MOST_REASONS = 50

AUTHORITY = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#\\]*)")  # urlsplit takes much longer

_requests: Any = CrawlRequest.__table__


@dataclass(frozen=True, kw_only=True)
class StateCount:
    """How many requests have a state; with ``is_about`` an estimate from a sample."""

    state: str
    number: int
    is_about: bool = False


@dataclass(frozen=True, kw_only=True)
class HostLine:
    """The requests of a host by state, its pages a second while it is crawled, and until when it asked to wait."""

    host: str
    numbers: Mapping[str, int]
    pages_per_second: float | None
    waits_until: datetime | None

    @property
    def total(self) -> int:
        return sum(self.numbers.values())


@dataclass(frozen=True, kw_only=True)
class NextRequest:
    """A queued request. Its URL may have secrets: pages show it through ``|url``."""

    number: int
    url: str
    priority: int
    depth: int
    attempts: int
    not_before: datetime | None
    part: int
    host_waits_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class FailureGroup:
    """The failed or refused requests with one status and one reason; the URL is that of one of them."""

    state: str
    status: int | None
    reason: str
    number: int
    url: str


@dataclass(frozen=True, kw_only=True)
class Failures:
    """Failed and refused requests by reason. ``read`` is how many of them were read, of ``number``."""

    groups: Sequence[FailureGroup]
    read: int
    number: int

    @property
    def is_about(self) -> bool:
        return self.read < self.number


@dataclass(frozen=True, kw_only=True)
class Hosts:
    """The hosts with the most requests.

    Attributes:
        left_off: how many other ones were found.
        about: the states whose numbers are estimates from a sample.
    """

    rows: Sequence[HostLine]
    left_off: int
    about: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class NextRequests:
    """The next requests to be handed out; of a shared run those of each of the first ``parts`` partitions."""

    rows: Sequence[NextRequest]
    parts: int
    all_parts: int


@dataclass(frozen=True, kw_only=True)
class UnfinishedRun:
    """A run that a process works on, or that the next start resumes; and where it is, None: it has no sample."""

    run: RunLine
    progress: Progress | None


@dataclass(frozen=True, kw_only=True)
class Frontier:
    """The frontier of a run; ``workers`` are those of a shared run."""

    run: RunLine
    progress: Progress | None
    counts: Sequence[StateCount]
    hosts: Hosts
    next: NextRequests
    failures: Failures
    workers: Sequence[WorkerState]


def unfinished_runs(session: Session, now: datetime) -> list[UnfinishedRun]:
    """Return the unfinished runs, the newest first."""
    query = (
        select(CrawlRun)
        .where(CrawlRun.unfinished.is_not(None))
        .order_by(CrawlRun.id.desc())
        .limit(MOST_UNFINISHED)
    )
    lines = [run_line(session, run, now) for run in session.scalars(query)]
    samples = last_samples(session, [run.id for run in lines])
    return [UnfinishedRun(run=run, progress=progress_of(samples.get(run.id, []))) for run in lines]


def frontier_of(session: Session, run: CrawlRun, now: datetime) -> Frontier:
    """Return the frontier of a run."""
    read, waiting = sample(session, run.id), waits(session, run.id, now)
    counts = state_counts(session, run.id, read)
    return Frontier(
        run=run_line(session, run, now),
        progress=progress_of(last_samples(session, [run.id]).get(run.id, [])),
        counts=counts,
        hosts=hosts(session, run.id, counts, read, waiting, rates(session, run.id, now)),
        next=next_requests(session, run, waiting),
        failures=failures(session, run.id, counts),
        workers=workers_of(session, run.id, now) if run.partitions is not None else [],
    )


def state_counts(session: Session, run_id: int, read: Sample) -> list[StateCount]:
    """Return how many requests of a run have each state. The index counts them; of many the sample says how many."""
    counts = []
    for state in STATES:
        some = (
            select(_requests.c.run_id)
            .where(_requests.c.run_id == run_id, _requests.c.state == state)
            .limit(COUNTED + 1)
        )
        number = session.scalar(select(func.count()).select_from(some.subquery())) or 0
        if is_about := number > COUNTED:
            number = max(COUNTED, read.estimate(state))
        counts.append(StateCount(state=state, number=number, is_about=is_about))
    return counts


def host_of(url: str) -> str:
    """Return the host of a URL with its port, in lower case, without user and password."""
    found = AUTHORITY.match(url)
    return found[1].rpartition("@")[2].lower() if found is not None else ""


def hosts(
    session: Session,
    run_id: int,
    counts: Sequence[StateCount],
    read: Sample,
    waiting: Mapping[str, datetime],
    speeds: Mapping[str, float],
) -> Hosts:
    """Return the hosts of a run with their requests by state.

    The requests of a small run, and those of a state with at most EXACT of them, are all read. The others are counted
    in the sample, and the numbers of these states are estimates. First come the hosts that wait, then those that are
    crawled now.
    """
    numbers: dict[str, Counter[str]] = {}
    few = EXACT if sum(one.number for one in counts) > SMALL else SMALL
    large = {one.state: one.number for one in counts if one.number > few}
    for one in counts:
        if one.number and one.state not in large:
            query = (
                select(_requests.c.url)
                .where(_requests.c.run_id == run_id, _requests.c.state == one.state)
                .limit(few)
            )
            for url in session.scalars(query):
                numbers.setdefault(host_of(url), Counter())[one.state] += 1
    sampled: dict[str, Counter[str]] = {state: Counter() for state in large}
    for state, url in read.rows:
        if state in sampled:
            sampled[state][host_of(url)] += 1
    for state, by_host in sampled.items():
        for host, number in by_host.items():
            share = number / by_host.total()
            numbers.setdefault(host, Counter())[state] = rounded(share * large[state])
    for host in [*waiting, *speeds]:
        numbers.setdefault(host.lower(), Counter())
    lines = [
        HostLine(
            host=host,
            numbers={state: found.get(state, 0) for state in STATES},
            pages_per_second=speeds.get(host),
            waits_until=waiting.get(host),
        )
        for host, found in numbers.items()
    ]
    lines.sort(
        key=lambda line: (line.waits_until is None, line.pages_per_second is None, -line.total, line.host)
    )
    return Hosts(rows=lines[:MOST_HOSTS], left_off=max(0, len(lines) - MOST_HOSTS), about=sorted(large))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Some requests of a run: state and URL of each.

    Attributes:
        chosen: how many numbers were chosen by chance; not each number has a request.
        size: out of how many numbers.
    """

    rows: Sequence[tuple[str, str]]
    chosen: int
    size: int

    def estimate(self, state: str) -> int:
        """Return about how many requests of the run have a state."""
        found = sum(one == state for one, _ in self.rows)
        return rounded(found * self.size / self.chosen) if self.chosen else 0


def rounded(number: float) -> int:
    """Return an estimate with three digits that are not 0."""
    return int(float(f"{number:.3g}"))


def sample(session: Session, run_id: int) -> Sample:
    """Return about SAMPLE requests of a run, chosen by chance: each time nearly the same ones.

    The numbers of requests are dense within a worker, so those that are chosen are found by the primary key.
    """
    ranges = _ranges(session, run_id)
    size = sum(last - first + 1 for first, last in ranges)
    if size <= SMALL:  # all are read
        return Sample(rows=(), chosen=0, size=size)
    chance = random.Random(run_id)  # noqa: S311 - the numbers need not be hard to guess
    chosen: list[int] = []
    for first, last in ranges:
        wanted = max(1, round(SAMPLE * (last - first + 1) / size))
        chosen += chance.sample(range(first, last + 1), min(last - first + 1, wanted))
    found: list[tuple[str, str]] = []
    for some in chunks(sorted(chosen)):
        query = select(_requests.c.state, _requests.c.url).where(
            _requests.c.run_id == run_id, _requests.c.number.in_(some)
        )
        found += [(row.state, row.url) for row in session.execute(query)]
    return Sample(rows=found, chosen=len(chosen), size=size)


def _ranges(session: Session, run_id: int) -> list[tuple[int, int]]:
    """Return the first and last number of the requests of each worker; of a run of one process there is one range."""
    ranges = []
    first = session.scalar(select(func.min(_requests.c.number)).where(_requests.c.run_id == run_id))
    while first is not None:
        end = (first // NUMBERS + 1) * NUMBERS
        of_run = _requests.c.run_id == run_id
        last = session.scalar(select(func.max(_requests.c.number)).where(of_run, _requests.c.number < end))
        assert last is not None
        ranges.append((first, last))
        first = session.scalar(select(func.min(_requests.c.number)).where(of_run, _requests.c.number >= end))
    return ranges


def next_requests(session: Session, run: CrawlRun, waiting: Mapping[str, datetime]) -> NextRequests:
    """Return the next requests that a process is handed out, the next one first."""
    parts, all_parts = [0], 1
    if run.partitions is not None:
        all_parts = run.partitions
        parts = list(
            session.scalars(
                select(CrawlPartition.part)
                .where(CrawlPartition.run_id == run.id)
                .order_by(CrawlPartition.part)
                .limit(MOST_PARTS)
            )
        )
    columns = ("number", "url", "priority", "depth", "attempts", "not_before", "part")
    share = max(2, NEXT // max(1, len(parts)))
    rows: list[Any] = []
    for part in parts:  # each has its own range of the index
        query = (
            select(*(_requests.c[name] for name in columns))
            .where(_requests.c.run_id == run.id, _requests.c.state == QUEUED, _requests.c.part == part)
            .order_by(_requests.c.priority.desc(), _requests.c.position.desc())
            .limit(share)
        )
        rows += session.execute(query).all()
    return NextRequests(
        rows=[NextRequest(**row._mapping, host_waits_until=waiting.get(host_of(row.url))) for row in rows],
        parts=len(parts),
        all_parts=all_parts,
    )


def failures(session: Session, run_id: int, counts: Sequence[StateCount]) -> Failures:
    """Return failed and refused requests by status and reason, the most frequent first."""
    found: Counter[tuple[str, int | None, str | None]] = Counter()
    urls: dict[tuple[str, int | None, str | None], str] = {}
    for state in (FAILED, REFUSED):
        query = (
            select(_requests.c.status, _requests.c.error, _requests.c.url)
            .where(_requests.c.run_id == run_id, _requests.c.state == state)
            .limit(EXACT)
        )
        for status, error, url in session.execute(query):
            found[state, status, error] += 1
            urls.setdefault((state, status, error), url)
    # Reasons that differ in a secret only are one.
    groups: Counter[tuple[str, int | None, str]] = Counter()
    examples: dict[tuple[str, int | None, str], str] = {}
    for raw, number in found.items():
        key = raw[0], raw[1], last_line(redacted(raw[2] or ""), 300)
        groups[key] += number
        examples.setdefault(key, urls[raw])
    return Failures(
        groups=[
            FailureGroup(state=key[0], status=key[1], reason=key[2], number=number, url=examples[key])
            for key, number in groups.most_common(MOST_REASONS)
        ],
        read=found.total(),
        number=sum(one.number for one in counts if one.state in (FAILED, REFUSED)),
    )
