"""Sets of words: tags, classes and texts that the search knows."""

from __future__ import annotations


def words(text: str, mark: str | None = None) -> frozenset[str]:
    """Return the words of a text; ``mark`` is what is between two of them, by default white space."""
    return frozenset(text.split(mark))
