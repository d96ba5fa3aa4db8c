"""The counts of adaptive rendering in words."""

from __future__ import annotations

from crawler.rendering.counts import rendering_text
from models.rendering_lesson import BACK, BY_PLAIN, BY_RENDERER, CONFIRMED, EQUAL, UNEQUAL


def test_the_text_has_what_was_saved_and_compared() -> None:
    counts = {CONFIRMED: 503, BY_RENDERER: 3, EQUAL: 40, UNEQUAL: 1, BACK: 2}
    assert rendering_text(counts) == (
        "503 plain, 46 rendered (compared: 40 equal, 3 unequal), 2 patterns back to rendering"
    )


def test_plain_pages_that_no_comparison_confirms_are_counted() -> None:
    text = rendering_text({CONFIRMED: 491, BY_PLAIN: 12, EQUAL: 3})
    assert text == "503 plain (12 not confirmed), 3 rendered (compared: 3 equal, 0 unequal)"
