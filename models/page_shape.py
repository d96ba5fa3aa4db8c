"""Shape: which tables, fields and requests the output of pages has, counted over pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

LEAST_PAGES = 20  # pages that a fall of the coverage needs
LARGEST_FALL = 0.2  # of the share of pages or rows, before all pages are compared


@dataclass(frozen=True, kw_only=True, slots=True)
class TableShape:
    """The rows of one table: the pages that have such rows, the rows, and the rows in which each field has a value."""

    pages: int = 0
    rows: int = 0
    filled: Mapping[str, int] = field(default_factory=dict)

    def plus(self, other: TableShape) -> TableShape:
        """Return the sum of both."""
        names = [*self.filled, *(name for name in other.filled if name not in self.filled)]
        return TableShape(
            pages=self.pages + other.pages,
            rows=self.rows + other.rows,
            filled={name: self.filled.get(name, 0) + other.filled.get(name, 0) for name in names},
        )


NO_ROWS = TableShape()


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """The output of pages: how many pages there are, how many of them have requests, and their rows by table."""

    pages: int = 0
    with_requests: int = 0
    tables: Mapping[str, TableShape] = field(default_factory=dict)

    @classmethod
    def of_page(cls, rows: Iterable[tuple[str, Mapping[str, Any]]], *, has_requests: bool) -> Self:
        """Return the shape of one page.

        Args:
            rows: the table and the values of each row.
        """
        tables: dict[str, TableShape] = {}
        for table, values in rows:
            filled = {name: int(_has_value(value)) for name, value in values.items()}
            one = TableShape(pages=0, rows=1, filled=filled)
            tables[table] = tables.get(table, TableShape(pages=1)).plus(one)
        return cls(pages=1, with_requests=int(has_requests), tables=tables)

    def plus(self, other: Shape) -> Shape:
        """Return the sum of both."""
        names = [*self.tables, *(name for name in other.tables if name not in self.tables)]
        return Shape(
            pages=self.pages + other.pages,
            with_requests=self.with_requests + other.with_requests,
            tables={
                name: self.tables.get(name, NO_ROWS).plus(other.tables.get(name, NO_ROWS)) for name in names
            },
        )

    def missing_in(self, page: Shape) -> str | None:
        """Return what every page of this shape has and ``page`` does not have; None if nothing is missing."""
        if not self.pages:
            return None
        for name, learned in self.tables.items():
            seen = page.tables.get(name, NO_ROWS)
            if learned.pages == self.pages and not seen.rows:
                return f"no row for {name}"
            for column, number in learned.filled.items():
                if number == learned.rows and seen.filled.get(column, 0) < seen.rows:
                    return f"{name}.{column} has no value"
        if self.with_requests == self.pages and not page.with_requests:
            return "no request"
        return None

    def fall_in(self, recent: Shape) -> str | None:
        """Return which share of ``recent`` is clearly below the share of this shape; None if none is."""
        if not self.pages or recent.pages < LEAST_PAGES:
            return None
        shares = [("pages with requests", self.with_requests, self.pages, recent.with_requests, recent.pages)]
        for name, learned in self.tables.items():
            seen = recent.tables.get(name, NO_ROWS)
            shares.append(
                (f"pages with rows for {name}", learned.pages, self.pages, seen.pages, recent.pages)
            )
            shares += [
                (f"{name}.{column}", number, learned.rows, seen.filled.get(column, 0), seen.rows)
                for column, number in learned.filled.items()
                if seen.rows >= LEAST_PAGES
            ]
        for what, number, of, seen_number, seen_of in shares:
            if of and seen_of and number / of - seen_number / seen_of >= LARGEST_FALL:
                return f"{what}: {seen_number / seen_of:.0%}, and {number / of:.0%} were learned"
        return None

    def as_json(self) -> dict[str, Any]:
        """Return the shape for a JSON column."""
        return {
            "pages": self.pages,
            "with_requests": self.with_requests,
            "tables": {
                name: {"pages": table.pages, "rows": table.rows, "filled": dict(table.filled)}
                for name, table in self.tables.items()
            },
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return the shape that ``as_json`` wrote."""
        return cls(
            pages=value.get("pages", 0),
            with_requests=value.get("with_requests", 0),
            tables={name: TableShape(**table) for name, table in value.get("tables", {}).items()},
        )


def _has_value(value: Any) -> bool:
    """Return whether a field has a value: None, empty text and empty lists are none; 0 and False are values."""
    return value is not None and value != "" and value != [] and value != {}
