"""The rows that the demo site says it has, and the check that the tables have the same ones."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from sqlalchemy import Engine

from crawler.commands.demo import untrue
from models import Book, Order, Quote, Review, Row
from models.table_contents import table_contents

TABLES: dict[str, type[Row]] = {"books": Book, "reviews": Review, "quotes": Quote, "orders": Order}


def truth(url: str) -> dict[str, Any]:
    """Return the demo site's own list of rows, by table name."""
    with urllib.request.urlopen(f"{url}/truth.json", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def assert_true(engine: Engine, url: str, *names: str) -> None:
    """Assert that each of these tables has exactly the rows that the demo site lists."""
    expected = truth(url)
    for name in names:
        wrong = untrue(table_contents(engine, TABLES[name]), expected[name], TABLES[name])
        assert not wrong, f"{name}: {wrong}"
