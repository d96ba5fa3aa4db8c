"""Whatever batches come one after the other, tables and changes are what a few lines of plain Python say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from crawler.row import ValidRow, content_hash, row_of
from models import Quote, Row
from models.change import CHANGED, CREATED, RETURNED
from models.session import make_engine
from pipelines import table as module
from pipelines.batch import write_batch
from tests.pipelines.test_upsert import FIRST, Table, quote


@dataclass(frozen=True)
class Batch:
    """The items, and what else happens before them: rows are marked as gone, or their hashes are lost."""

    items: Sequence[dict[str, Any]]
    new_run: bool = False
    later: bool = False  # by the clock of the database, which may stand still
    gone: frozenset[int] = frozenset()
    hashless: frozenset[int] = frozenset()
    hopeful: bool | None = None  # whether it is said that all rows are new; None: as the last batch left it


@dataclass
class Told:
    """The table and its changes, as they should be."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, items: Sequence[dict[str, Any]], run_id: int, now: datetime) -> list[tuple[Any, ...]]:
        merged: dict[int, dict[str, Any]] = {}
        for item in items:
            merged[item["quote_id"]] = merged.get(item["quote_id"], {}) | item
        changes: list[tuple[Any, ...]] = []
        for key, item in sorted(merged.items()):
            complete = len(item) == 4
            if key not in self.rows:
                row = {"tags": None} | item
                self.rows[key] = row | {
                    "first_seen_at": now,
                    "content_hash": hash_of(row) if complete else None,
                }
                changes.append((CREATED, key, {}))
            else:
                row = self.rows[key]
                news = {name: (row[name], value) for name, value in item.items() if row[name] != value}
                if row["gone_at"] is not None:
                    changes.append((RETURNED, key, news))
                elif news:
                    changes.append((CHANGED, key, news))
                row.update(item)
                row["content_hash"] = hash_of(row)
            self.rows[key].update(last_seen_at=now, run_id=run_id, gone_at=None)
        return changes


def hash_of(row: dict[str, Any]) -> bytes:
    return content_hash(Quote.values_getter()(row))


NUMBERS = st.frozensets(st.integers(0, 5), max_size=3)
ITEMS = st.fixed_dictionaries(
    {"quote_id": st.integers(0, 5), "body": st.sampled_from("ab"), "author": st.just("x")},
    optional={"tags": st.sampled_from(["s", "t", None])},
)
BATCHES = st.lists(
    st.builds(
        Batch,
        items=st.lists(ITEMS, min_size=1, max_size=8),
        new_run=st.booleans(),
        later=st.booleans(),
        gone=NUMBERS,
        hashless=NUMBERS,
        hopeful=st.sampled_from([None, None, True, False]),
    ),
    min_size=1,
    max_size=6,
)


def full(*numbers: int, **fields: Any) -> list[dict[str, Any]]:
    return [quote(n, **{"tags": None} | fields) for n in numbers]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([Batch(full(1, 2, 3)), Batch(full(1, 2, 3)), Batch(full(1, 2, body="Other.") + full(3))])
@example([Batch(full(1, 2)), Batch(full(3, 4)), Batch(full(1, 2), gone=frozenset({1}), new_run=True)])
@example([Batch(full(1)), Batch(full(1, body="a")), Batch(full(1)), Batch(full(1, 2, 3))])
@example(
    [Batch(full(1, 2)), Batch(full(1, 2, 3), hashless=frozenset({2})), Batch(full(3, 4, 5), hopeful=True)]
)
@example([Batch(full(1, 2)), Batch([quote(1), *full(2, 3)]), Batch([*full(1), quote(1), quote(2)])])
@example([Batch(full(1, 2)), Batch(full(1) + full(2, body="Other."))])  # in one run, at one moment
@example([Batch(full(1, 2)), Batch(full(1) + full(2, body="Other.") + full(3))])
@given(BATCHES)
def test_any_batches_leave_what_they_say(engine: Engine, batches: list[Batch]) -> None:
    table = Table(engine)
    with table.sessions.begin() as session:
        session.execute(delete(Quote))
    told, now, run_id = Told(), FIRST, table.run()
    all_new: set[type[Row]] = set()
    for batch in batches:
        run_id = table.run() if batch.new_run else run_id
        now += timedelta(seconds=batch.later)
        if batch.hopeful is not None:
            (all_new.add if batch.hopeful else all_new.discard)(Quote)
        with table.sessions.begin() as session:
            for numbers, values in ((batch.gone, {"gone_at": now}), (batch.hashless, {"content_hash": None})):
                session.execute(update(Quote).where(Quote.quote_id.in_(numbers)).values(**values))
                for key in numbers & told.rows.keys():
                    told.rows[key] |= values
        expected = told.take(batch.items, run_id, now)
        with table.sessions.begin() as session:
            rows = [row_of(item, Quote) for item in batch.items]
            changes = write_batch(session, rows, run_id=run_id, now=now, all_new=all_new)
        assert [(change.kind, change.key[0], dict(change.fields)) for change in changes] == expected
        stored = {
            row.quote_id: {name: getattr(row, name) for name in told.rows[row.quote_id]}
            for row in table.all(Quote)
        }
        assert stored == told.rows


@pytest.mark.parametrize("number", [999, 1000, 2001, 4500])
def test_batches_of_any_size_are_compared(engine: Engine, number: int) -> None:
    """From a thousand values on, MariaDB makes a table of an IN; and long lists go in pieces."""
    table = Table(engine)
    all_new: set[type[Row]] = set()

    def write(items: list[dict[str, Any]], now: datetime) -> list[tuple[Any, ...]]:
        run_id = table.run()
        with table.sessions.begin() as session:
            rows = [row_of(item, Quote) for item in items]
            changes = write_batch(session, rows, run_id=run_id, now=now, all_new=all_new)
        return [(change.kind, change.key[0]) for change in changes]

    assert write(full(*range(number)), FIRST) == [(CREATED, n) for n in range(number)]
    assert write(full(*range(number)), FIRST + timedelta(1)) == []
    some = set(range(0, number, 10))
    mixed = full(*(set(range(number + 5)) - some)) + full(*some, body="Other.")
    assert write(mixed, FIRST + timedelta(2)) == [
        (CREATED if n >= number else CHANGED, n) for n in range(number + 5) if n in some or n >= number
    ]
    assert {q.last_seen_at for q in table.all(Quote)} == {FIRST + timedelta(2)}


def test_what_was_marked_is_told_without_a_look_at_the_hashes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless a row that is other now had the same run and time before: then there are too many."""
    table = Table(engine)
    asked = []
    differs = module._differs
    monkeypatch.setattr(module, "_differs", lambda *given: (asked.append(given), differs(*given))[1])
    run_id = table.run()

    def write(items: list[dict[str, Any]], now: datetime) -> None:
        with table.sessions.begin() as session:
            write_batch(session, [row_of(item, Quote) for item in items], run_id=run_id, now=now)

    write(full(1, 2), FIRST)
    write(full(1, 3) + full(2, body="Other."), FIRST + timedelta(1))
    assert not asked and {q.quote_id: q.body for q in table.all(Quote)}[2] == "Other."
    write(full(1, 3, 4) + full(2, body="Another."), FIRST + timedelta(2))
    assert not asked and {q.quote_id: q.body for q in table.all(Quote)}[2] == "Another."
    write(full(1, 3, 4) + full(2, body="Yet another."), FIRST + timedelta(2))
    assert asked and {q.quote_id: q.body for q in table.all(Quote)}[2] == "Yet another."


def test_a_row_that_another_run_inserts_meanwhile_is_not_taken_for_one_that_was_touched(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our looking and our asking which rows we had touched, another commits one that was new to us."""
    engine = make_engine(server_url)
    table = Table(engine)
    table.write((Quote, full(1)[0]), (Quote, full(2)[0]))
    look = module._stored

    def look_and_be_late(*arguments: Any) -> Any:
        found = look(*arguments)
        monkeypatch.setattr(module, "_stored", look)
        table.write((Quote, full(3, body="Theirs.")[0]))
        return found

    monkeypatch.setattr(module, "_stored", look_and_be_late)
    later = FIRST + timedelta(days=1)
    table.write(*((Quote, item) for item in full(1, 3, 4, body="Ours.") + full(2)), now=later)
    assert [(q.quote_id, q.body, q.last_seen_at) for q in table.all(Quote)] == [
        (1, "Ours.", later),
        (2, "Be yourself.", later),
        (3, "Ours.", later),
        (4, "Ours.", later),
    ]
    engine.dispose()


def test_hope_that_meets_a_row_of_another_run_compares_after_all(engine: Engine) -> None:
    table = Table(engine)
    table.write((Quote, full(1, body="Theirs.")[0]))
    all_new: set[type[Row]] = {Quote}
    rows = [ValidRow(Quote, item) for item in full(1, 2)]
    run_id = table.run()
    with table.sessions.begin() as session:
        changes = write_batch(session, rows, run_id=run_id, now=FIRST, all_new=all_new)
    assert [(change.kind, dict(change.fields)) for change in changes] == [
        (CHANGED, {"body": ("Theirs.", "Be yourself.")}),
        (CREATED, {}),
    ]
    assert all_new == set()
