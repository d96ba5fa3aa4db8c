"""The comparison of two runs: duration, pages, rows, rejected items, changes, and the coverage of fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from models.run_stats import UNCHANGED, RunStats

SAME_COVERAGE = 0.001  # a smaller difference of two shares is not shown


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A figure of two runs.

    Attributes:
        kind: "duration" (seconds), "pages", "rows", "rejected", "changes" or "coverage" (a share).
        name: the state of the pages, the table, the table and the kind of change, or the table and the field.
        this, other: None: that run has no such figure.
    """

    kind: str
    name: str
    this: float | None
    other: float | None


def compare(
    this: RunStats, other: RunStats, *, seconds: float | None, other_seconds: float | None
) -> list[Compared]:
    """Return the figures of two runs, by kind and name; of the coverage only fields where it differs."""
    found = [Compared(kind="duration", name="seconds", this=seconds, other=other_seconds)]
    for kind, one, two in (
        ("pages", this.pages, other.pages),
        ("rows", this.rows, other.rows),
        ("rejected", this.rejected, other.rejected),
        ("changes", _real(this.changes), _real(other.changes)),
    ):
        found += [
            Compared(kind=kind, name=name, this=one.get(name, 0), other=two.get(name, 0))
            for name in sorted({*one, *two})
        ]
    found += _coverage(this.coverage, other.coverage)
    return found


def _real(changes: Mapping[str, int]) -> Mapping[str, int]:
    return {name: number for name, number in changes.items() if not name.endswith(f"/{UNCHANGED}")}


def _coverage(
    this: Mapping[str, Mapping[str, float]], other: Mapping[str, Mapping[str, float]]
) -> Iterator[Compared]:
    for table in sorted({*this, *other}):
        one, two = this.get(table, {}), other.get(table, {})
        for field in sorted({*one, *two}):
            first, second = one.get(field), two.get(field)
            if first is None or second is None or abs(first - second) > SAME_COVERAGE:
                yield Compared(kind="coverage", name=f"{table}.{field}", this=first, other=second)
