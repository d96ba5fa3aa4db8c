"""Rows of different pages of one transaction that have the same natural key, and other values.

They become one row before the database sees them, so the history does not show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crawler.page.commit import Commit


def shared_rows(commits: Sequence[Commit]) -> dict[int, int]:
    """Return how many rows of a page have the key of a row of an earlier page and differ from it, by page number."""
    if len(commits) < 2:
        return {}
    seen: dict[tuple[Any, ...], tuple[int | None, Mapping[str, Any]]] = {}
    found: dict[int, int] = {}
    for commit in commits:
        for row in commit.rows:
            key = (row.model, *row.key)
            number, values = seen.setdefault(key, (commit.number, row.values))
            if number != commit.number and commit.number is not None and differ(values, row.values):
                found[commit.number] = found.get(commit.number, 0) + 1
    return found


def differ(values: Mapping[str, Any], later: Mapping[str, Any]) -> bool:
    """Return whether two items of a row have different values for a field. A missing value is none."""
    return any(
        value is not None and later.get(name) is not None and later[name] != value
        for name, value in values.items()
    )
