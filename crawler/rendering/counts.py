"""The counts of a run's pages of ``render()``, in words for the log and for ``scrapy runs show``."""

from __future__ import annotations

from collections.abc import Mapping

from models.rendering_lesson import BACK, BY_PLAIN, BY_RENDERER, CONFIRMED, EQUAL, UNEQUAL


def rendering_text(counts: Mapping[str, int]) -> str:
    """Return how the pages of ``render()`` were fetched: what adaptive rendering saved, and what it compared."""
    unconfirmed = counts.get(BY_PLAIN, 0)
    plain = unconfirmed + counts.get(CONFIRMED, 0)
    unequal, back = counts.get(UNEQUAL, 0) + counts.get(BACK, 0), counts.get(BACK, 0)
    rendered = counts.get(BY_RENDERER, 0) + counts.get(EQUAL, 0) + unequal
    patterns = "1 pattern" if back == 1 else f"{back} patterns"
    open_ones = f" ({unconfirmed} not confirmed)" if unconfirmed else ""
    return (
        f"{plain} plain{open_ones}, {rendered} rendered (compared: {counts.get(EQUAL, 0)} equal, {unequal} unequal)"
        f"{f', {patterns} back to rendering' if back else ''}"
    )
