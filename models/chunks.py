"""Long lists in pieces that every database accepts in one ``IN (...)``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

CHUNK = 2000  # below every database's limit of parameters, also with keys of several columns

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Return the values in lists of at most ``CHUNK``."""
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
