"""After any batches, tables and changes are those of a model in a few lines of plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from crawler.page.row import ValidRow, content_hash, row_of
from models import Quote, Row
from models.change import CHANGED, CREATED, RETURNED
from models.session import make_engine
from pipelines.storage import write_table as module
from pipelines.storage.write_rows import write_batch
from tests.pipelines.demo_rows import FIRST, Table, quote


@dataclass(frozen=True)
class Batch:
    """A batch of items, and what happens before it: rows are marked as gone, or lose their hashes."""

    items: Sequence[dict[str, Any]]
    new_run: bool = False
    later: bool = False  # by the database's clock; two batches may have the same time
    gone: frozenset[int] = frozenset()
    hashless: frozenset[int] = frozenset()
    all_new: bool | None = None  # the value of all_new; None: that of the last batch


@dataclass
class Expected:
    """The expected table and changes."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)

    def apply(self, items: Sequence[dict[str, Any]], run_id: int, now: datetime) -> list[tuple[Any, ...]]:
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
        all_new=st.sampled_from([None, None, True, False]),
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
    [Batch(full(1, 2)), Batch(full(1, 2, 3), hashless=frozenset({2})), Batch(full(3, 4, 5), all_new=True)]
)
@example([Batch(full(1, 2)), Batch([quote(1), *full(2, 3)]), Batch([*full(1), quote(1), quote(2)])])
@example([Batch(full(1, 2)), Batch(full(1) + full(2, body="Other."))])  # in one run, at the same time
@example([Batch(full(1, 2)), Batch(full(1) + full(2, body="Other.") + full(3))])
@given(BATCHES)
def test_batches_leave_the_rows_and_changes_of_a_plain_model(engine: Engine, batches: list[Batch]) -> None:
    table = Table(engine)
    with table.sessions.begin() as session:
        session.execute(delete(Quote))
    model, now, run_id = Expected(), FIRST, table.run()
    all_new: set[type[Row]] = set()
    for batch in batches:
        run_id = table.run() if batch.new_run else run_id
        now += timedelta(seconds=batch.later)
        if batch.all_new is not None:
            (all_new.add if batch.all_new else all_new.discard)(Quote)
        with table.sessions.begin() as session:
            for numbers, values in ((batch.gone, {"gone_at": now}), (batch.hashless, {"content_hash": None})):
                session.execute(update(Quote).where(Quote.quote_id.in_(numbers)).values(**values))
                for key in numbers & model.rows.keys():
                    model.rows[key] |= values
        expected = model.apply(batch.items, run_id, now)
        with table.sessions.begin() as session:
            rows = [row_of(item, Quote) for item in batch.items]
            changes = write_batch(session, rows, run_id=run_id, now=now, all_new=all_new)
        assert [(change.kind, change.key[0], dict(change.fields)) for change in changes] == expected
        stored = {
            row.quote_id: {name: getattr(row, name) for name in model.rows[row.quote_id]}
            for row in table.all(Quote)
        }
        assert stored == model.rows


@pytest.mark.parametrize("number", [999, 1000, 2001, 4500])
def test_batches_of_any_size_are_compared(engine: Engine, number: int) -> None:
    """From a thousand values on, MariaDB makes a table of an IN; long lists are sent in pieces."""
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


def test_the_hashes_are_sent_twice_only_if_too_many_rows_have_the_stamp(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed row had the same run and time before, so too many rows have the stamp."""
    table = Table(engine)
    asked = []
    differs = module._differs_from_batch
    monkeypatch.setattr(
        module, "_differs_from_batch", lambda *given: (asked.append(given), differs(*given))[1]
    )
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


def test_a_row_that_another_run_inserts_meanwhile_does_not_count_as_marked(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run commits a row between the SELECT of the stored rows and the SELECT of the marked rows."""
    engine = make_engine(server_url)
    table = Table(engine)
    table.write((Quote, full(1)[0]), (Quote, full(2)[0]))
    look = module._read_stored

    def look_and_be_late(*arguments: Any) -> Any:
        found = look(*arguments)
        monkeypatch.setattr(module, "_read_stored", look)
        table.write((Quote, full(3, body="Theirs.")[0]))
        return found

    monkeypatch.setattr(module, "_read_stored", look_and_be_late)
    later = FIRST + timedelta(days=1)
    table.write(*((Quote, item) for item in full(1, 3, 4, body="Ours.") + full(2)), now=later)
    assert [(q.quote_id, q.body, q.last_seen_at) for q in table.all(Quote)] == [
        (1, "Ours.", later),
        (2, "Be yourself.", later),
        (3, "Ours.", later),
        (4, "Ours.", later),
    ]
    engine.dispose()


def test_a_failed_insert_is_followed_by_a_comparison(engine: Engine) -> None:
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
