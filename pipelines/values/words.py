"""The hint ``words``: the value of a whole text, in any case; None for a text that means that there is no value."""

from __future__ import annotations

from typing import Any

from pipelines.values.invalid_value import Hints


def words_of(hints: Hints) -> dict[str, Any]:
    """Return the values of texts, by the texts as ``folded`` returns them."""
    return {folded(text): value for text, value in hints.get("words", {}).items() if value is not None}


def texts_without_value(hints: Hints) -> frozenset[str]:
    """Return the texts that mean that there is no value, as ``folded`` returns them."""
    return frozenset(folded(text) for text, value in hints.get("words", {}).items() if value is None)


def folded(text: Any) -> str:
    """Return the text in small letters, with single spaces."""
    return " ".join(str(text).casefold().split())
