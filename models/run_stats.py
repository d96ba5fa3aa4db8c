"""The counts of a run, made in the database over all processes of the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, exists, func, inspect, select
from sqlalchemy.orm import Session, aliased

from models.base import Base, Row
from models.change import CHANGED, CREATED, GONE, RETURNED, RowChange
from models.chunks import chunks
from models.existing.definition import existing_models
from models.rejected import RejectedItem
from models.request import CUT, DONE, NEXT_LEFT, NO_BUTTON, SHORT_OF_GRID, SKIPPED, CrawlRequest
from models.run import CrawlRun
from models.run_condition import in_run

GOOD_RUNS = 3  # a run is compared with so many good ones
UNCHANGED = "unchanged"
KINDS = (CREATED, CHANGED, UNCHANGED, RETURNED, GONE)  # of changes, and the rows without one


LEAST_SHARE = 0.0001  # of a column that has a value at all: 0 says that it has none


@dataclass(frozen=True, kw_only=True)
class RunStats:
    """The counts of a run over all its processes; docs/runs.md explains each of them.

    ``pages`` by state, the number of done pages that were ``cut``, and the ``unchanged`` pages by how the crawl knew
    it; the pages of adaptive ``rendering`` by how they were fetched (HOW_FETCHED); ``rows`` that the run saw, by table
    (child rows count too); ``rejected`` items by table, and the rows of these that exist and were ``kept``; ``changes``
    by table and kind ("book/created"), with "book/unchanged" if there is a history; ``merged``: duplicate items;
    ``coverage``: by table and field, the share of the rows seen that have a value.
    """

    pages: Mapping[str, int] = field(default_factory=dict)
    cut: int = 0
    unchanged: Mapping[str, int] = field(default_factory=dict)
    rendering: Mapping[str, int] = field(default_factory=dict)
    rows: Mapping[str, int] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)
    kept: Mapping[str, int] = field(default_factory=dict)
    changes: Mapping[str, int] = field(default_factory=dict)
    coverage: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    merged: int = 0

    def of_kind(self, kind: str) -> int:
        """Return the number of changes of a kind, over all tables."""
        return sum(number for name, number in self.changes.items() if name.endswith(f"/{kind}"))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunStats:
        return cls(**{name: value[name] for name in cls.__dataclass_fields__ if name in value})


def count_run(session: Session, run_id: int, *, history: bool = True) -> RunStats:
    """Count a run's pages, rows, rejected items and changes.

    Args:
        history: whether the run has a history; without it the unchanged rows are not known.
    """
    rows: dict[str, int] = {}
    coverage: dict[str, dict[str, float]] = {}
    for model in stored_models(session):
        values = model.value_columns()
        optional = [name for name, column in model.fields().items() if column.nullable]
        counted = session.execute(
            select(func.count(), *(func.count(values[name]) for name in optional))
            .select_from(model.rows_from())
            .where(model.bookkeeping_table().c.run_id == run_id)
        ).one()
        if counted[0]:
            rows[model.__tablename__] = counted[0]
            coverage[model.__tablename__] = {
                name: round(number / counted[0], 4) or (LEAST_SHARE if number else 0.0)
                for name, number in zip(optional, counted[1:], strict=True)
            }

    def by(column: Any, *where: Any) -> dict[str, int]:
        found = session.execute(select(column, func.count()).where(*where).group_by(column))
        return {str(name): number for name, number in found}

    changed = session.execute(
        select(RowChange.table_name, RowChange.kind, func.count())
        .where(in_run(RowChange.run_id, run_id))
        .group_by(RowChange.table_name, RowChange.kind)
    )
    changes = {f"{table}/{kind}": number for table, kind, number in changed}
    of_run = (in_run(RejectedItem.run_id, run_id), RejectedItem.replayed_at.is_(None))
    kept = by(RejectedItem.table_name, *of_run, RejectedItem.row_kept)
    if history:
        changed_rows = _changed_rows(session, run_id, changes)
        # A row whose item was rejected is in the table and was seen, but was not compared.
        compared = {table: number - kept.get(table, 0) for table, number in rows.items()}
        changes |= {
            f"{table}/{UNCHANGED}": number - changed_rows.get(table, 0)
            for table, number in compared.items()
            if number > changed_rows.get(table, 0)
        }
    return RunStats(
        pages=by(CrawlRequest.state, in_run(CrawlRequest.run_id, run_id)),
        cut=len(cut_pages(session, run_id)),
        unchanged=by(
            CrawlRequest.unchanged, in_run(CrawlRequest.run_id, run_id), CrawlRequest.unchanged.is_not(None)
        ),
        rendering=by(
            CrawlRequest.rendering, in_run(CrawlRequest.run_id, run_id), CrawlRequest.rendering.is_not(None)
        ),
        rows=rows,
        rejected=by(RejectedItem.table_name, *of_run),
        kept=kept,
        changes=changes,
        coverage=coverage,
        # MySQL's SUM of whole numbers is a DECIMAL.
        merged=int(
            session.scalar(select(func.sum(CrawlRequest.merged)).where(in_run(CrawlRequest.run_id, run_id)))
            or 0
        ),
    )


def _changed_rows(session: Session, run_id: int, changes: Mapping[str, int]) -> dict[str, int]:
    """Return the number of rows by table that a run has created, changed or seen again after they were gone.

    Args:
        changes: the number of changes by table and kind. If all are "created", it is the number of rows too.
    """
    changed_rows = {
        name.partition("/")[0]: number for name, number in changes.items() if name.endswith(f"/{CREATED}")
    }
    if all(name.endswith(f"/{CREATED}") for name in changes):
        return changed_rows
    rows = select(RowChange.table_name, func.count(RowChange.key_hash.distinct())).group_by(
        RowChange.table_name
    )
    found = session.execute(
        rows.where(in_run(RowChange.run_id, run_id), RowChange.kind.in_((CREATED, CHANGED, RETURNED)))
    )
    changed_rows = {str(table): number for table, number in found}
    # A child row that left its parent's list in the same run does not count.
    earlier = aliased(RowChange)
    gone = rows.where(
        in_run(RowChange.run_id, run_id),
        RowChange.kind == GONE,
        exists().where(
            in_run(earlier.run_id, run_id),
            earlier.key_hash == RowChange.key_hash,
            earlier.table_name == RowChange.table_name,
            earlier.kind != GONE,
        ),
    )
    for table, number in session.execute(gone):
        changed_rows[table] = changed_rows.get(table, 0) - number
    return changed_rows


def has_earlier_run(session: Session, scope: bytes, before: int) -> bool:
    """Return whether the scope has a run before the run with this id. A trial does not count."""
    earlier = select(CrawlRun.id).where(
        CrawlRun.scope == scope, CrawlRun.id < before, CrawlRun.trial_pages.is_(None)
    )
    return session.scalar(earlier.limit(1)) is not None


def skipped_because(session: Session, run_id: int, reason: str) -> dict[str, int]:
    """Count a run's skipped requests whose reason begins with ``reason``, by the rest of it."""
    found = session.execute(
        select(CrawlRequest.error, func.count())
        .where(
            in_run(CrawlRequest.run_id, run_id),
            CrawlRequest.state == SKIPPED,
            CrawlRequest.error.startswith(reason, autoescape=True),
        )
        .group_by(CrawlRequest.error)
    )
    return {str(error).removeprefix(reason): number for error, number in found}


def cut_pages(session: Session, run_id: int) -> list[tuple[str, str]]:
    """Return the URLs of a run's pages that were cut off, each with the reason."""
    return _done_with(session, run_id, CUT)


def pages_without_button(session: Session, run_id: int) -> list[tuple[str, str]]:
    """Return the URLs of a run's lists that never had their next_button, each with the button."""
    return _done_with(session, run_id, NO_BUTTON)


def pages_short_of_grid(session: Session, run_id: int) -> list[tuple[str, int, int]]:
    """Return the URLs of a run's pages with a grid of more rows than were read: URL, results of the page, rows."""
    found = _done_with(session, run_id, SHORT_OF_GRID)
    return [(url, *map(int, text.split("/", 1))) for url, text in found]  # type: ignore[misc]


def pages_with_next_left(session: Session, run_id: int) -> list[tuple[str, str]]:
    """Return the URLs of a run's list pages whose next link leads to a URL that the run has no request for: both."""
    found = _done_with(session, run_id, NEXT_LEFT)
    requested: set[str] = set()
    for some in chunks([url for _, url in found]):
        requested.update(
            session.scalars(
                select(CrawlRequest.url).where(
                    in_run(CrawlRequest.run_id, run_id), CrawlRequest.url.in_(some)
                )
            )
        )
    return [(url, following) for url, following in found if following not in requested]


def _done_with(session: Session, run_id: int, remark: str) -> list[tuple[str, str]]:
    """Return the URL of each done page whose ``error`` begins with ``remark``, and the rest of the text."""
    found = session.execute(
        select(CrawlRequest.url, CrawlRequest.error)
        .where(
            in_run(CrawlRequest.run_id, run_id),
            CrawlRequest.state == DONE,
            CrawlRequest.error.startswith(remark),
        )
        .order_by(CrawlRequest.number)
    )
    return [(url, str(error).removeprefix(remark)) for url, error in found]


def stats_of_good_runs(session: Session, scope: bytes, before: int) -> list[RunStats]:
    """Return the counts of the last good runs of a scope before the run with this id; no trials.

    An accepted run is good, and runs before it are not compared with any more.
    """
    found = session.execute(
        select(CrawlRun.counts, CrawlRun.accepted_at)
        .where(
            CrawlRun.scope == scope,
            (CrawlRun.verdict == 0) | CrawlRun.accepted_at.is_not(None),
            CrawlRun.trial_pages.is_(None),
            CrawlRun.id < before,
        )
        .order_by(CrawlRun.id.desc())
        .limit(GOOD_RUNS)
    )
    good: list[RunStats] = []
    for counts, accepted_at in found:
        if counts:
            good.append(RunStats.from_json(counts))
        if accepted_at is not None:
            break
    return good


def row_models() -> list[type[Row]]:
    """Return all models of rows, in the order of their tables' names.

    The model of an existing table is among them when the table was read from the database.
    """
    existing = (model for model in existing_models() if model.reflected is not None)
    return sorted((*own_models(), *existing), key=lambda model: model.__tablename__)


def own_models() -> list[type[Row]]:
    """Return the models of the tables that our migrations create."""
    return [
        mapper.class_
        for mapper in Base.registry.mappers
        if issubclass(mapper.class_, Row) and mapper.class_.__tablename__ in Base.metadata.tables
    ]


_complete_tables: WeakKeyDictionary[Engine, frozenset[str]] = WeakKeyDictionary()


def stored_models(session: Session) -> list[type[Row]]:
    """Return the models whose tables the database has with all their columns, read once for each engine.

    The others are of spiders whose migration is not applied yet. Their own crawl does not start (``check_tables``); the
    crawls of other spiders must not fail for them.
    """
    engine = session.get_bind().engine
    if engine not in _complete_tables:
        inspector = inspect(session.connection())
        _complete_tables[engine] = frozenset(
            table.fullname
            for model in row_models()
            if inspector.has_table((table := model.bookkeeping_table()).name, schema=table.schema)
            and {column.name for column in table.columns}
            <= {column["name"] for column in inspector.get_columns(table.name, schema=table.schema)}
        )
    return [model for model in row_models() if model.bookkeeping_table().fullname in _complete_tables[engine]]
