"""How right a suggestion is for a saved page whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from parsel import Selector

from crawler.suggestion.suggest import Suggestion, suggest
from pipelines.values.type_guess import type_of

PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True)
class Page:
    """A saved list page and its truth.

    ``fields`` has for each field that matters its values in the first three records; a value that the page has in
    two forms is a list of both. ``next`` and ``details`` are absolute URLs. ``names`` are names of suggested fields;
    ``grid_rows`` is the number of records of a windowed list.
    """

    name: str
    html: str
    software: str
    version: str
    url: str
    records: int
    fields: Sequence[Sequence[str | list[str]]]
    next: str | None
    details: Sequence[str] | None
    names: Sequence[str] = ()
    grid_rows: int = 0


@dataclass(frozen=True)
class Score:
    """The shares of what is right, from 0 to 1."""

    records: float
    fields: float
    next: bool
    details: bool


def pages() -> list[Page]:
    """Return all saved pages, by name."""
    return [
        Page(file.stem, file.with_suffix(".html").read_text("utf-8"), **json.loads(file.read_text("utf-8")))
        for file in sorted(PAGES.glob("*.json"))
    ]


def score(page: Page) -> Score:
    """Return the score of our suggestion."""
    suggestion = suggest(page.html, page.url, type_of)
    if suggestion is None:
        return Score(0.0, 0.0, page.next is None, page.details is None)
    return score_of(page, suggestion)


def score_of(page: Page, suggestion: Suggestion) -> Score:
    """Return the score of a suggestion: its XPaths are applied to the page, as a spider does."""
    root = Selector(page.html, type="html")
    records = root.xpath(suggestion.record)
    columns = {
        field.name: [one.xpath(field.xpath).get() or "" for one in records] for field in suggestion.fields
    }
    following = root.xpath(suggestion.next_page).get() if suggestion.next_page else None
    details = None
    if suggestion.detail:
        details = [urljoin(page.url, one.xpath(suggestion.detail).get() or "") for one in records]
    right = share_of_fields(page, columns)
    return Score(
        records=share_of_records(page, len(records)) if right else 0.0,
        fields=right,
        next=(urljoin(page.url, following) if following else None) == page.next,
        details=details is not None and is_column(page, details, page.details) if page.details else True,
    )


def share_of_records(page: Page, number: int) -> float:
    """Return how near the number of records is to the truth."""
    return min(number, page.records) / max(number, page.records, 1)


def share_of_fields(page: Page, columns: Mapping[Any, Sequence[str]]) -> float:
    """Return the share of the fields that matter for which a column has the values of the first three records."""
    found = [any(is_column(page, column, field) for column in columns.values()) for field in page.fields]
    return sum(found) / len(found)


def is_column(page: Page, column: Sequence[str], field: Sequence[str | list[str]]) -> bool:
    """Return whether the column begins with the field's values."""
    return len(column) >= len(field) and all(
        is_value(page, got, wanted) for got, wanted in zip(column, field, strict=False)
    )


def is_value(page: Page, got: str, wanted: str | list[str]) -> bool:
    got = " ".join(got.split())
    forms = [wanted] if isinstance(wanted, str) else wanted
    return any(got == " ".join(form.split()) or urljoin(page.url, got) == form for form in forms)
