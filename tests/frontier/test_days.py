"""Five days of a shop that changes: the history is the difference of the truths."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Book, RowChange
from models.session import make_engine
from models.table_contents import difference
from tests.frontier.crashes import Crawls, emptied
from tests.processes import server

Truth = dict[tuple[Any, ...], dict[str, Any]]
DAYS = 5


def truth_of(site: str) -> Truth:
    """The books as the site says they are, with the addresses that the spider gives them."""
    with urllib.request.urlopen(f"{site}/truth.json", timeout=30) as answer:
        books = json.load(answer)["books"]
    return {(book["sku"],): book | {"url": f"/books/{book['sku']}"} for book in books}


def expected(truths: list[Truth]) -> Counter[Any]:
    """What has to be in the history after these days: (day, key, kind, fields)."""
    told: Counter[Any] = Counter()
    known: Truth = {}  # the last that was seen of each row, gone or not
    there: Truth = {}
    for day, truth in enumerate(truths, 1):
        news = difference(there, truth)
        for key in news.created:
            kind = "returned" if key in known else "created"
            changed = difference({key: known[key]}, {key: truth[key]}).changed if key in known else {}
            told[day, key, kind, _text(changed.get(key, {}))] += 1
        for key in news.missing:
            told[day, key, "gone", _text({})] += 1
        for key, fields in news.changed.items():
            told[day, key, "changed", _text(fields)] += 1
        known, there = known | truth, truth
    return told


def _text(fields: dict[str, Any]) -> str:
    return json.dumps({name: list(pair) for name, pair in fields.items()}, sort_keys=True)


def test_the_history_of_five_days_is_the_difference_of_their_truths(
    database_url: str, tmp_path: Path
) -> None:
    truths = []
    with emptied(database_url):
        crawls = Crawls(database_url, tmp_path, plain=False)
        for day in range(1, DAYS + 1):
            with server(
                "demo", "--port", "0", "--books", "100", "--day", str(day), "--exit-with-stdin"
            ) as site:
                truths.append(truth_of(site))
                crawls.whole(site, poison=False)
    engine = make_engine(database_url)
    with Session(engine) as session:
        found = session.scalars(select(RowChange).where(RowChange.table_name == Book.__tablename__)).all()
        days = {run: day for day, run in enumerate(sorted({change.run_id for change in found}), 1)}
        told = Counter(
            (
                days[change.run_id],
                tuple(json.loads(change.row_key)),
                change.kind,
                json.dumps(change.fields or {}, sort_keys=True),
            )
            for change in found
        )
    engine.dispose()
    crawls.engine.dispose()
    assert told == expected(truths)
    assert {kind for _, _, kind, _ in told} >= {"created", "changed", "gone"}
