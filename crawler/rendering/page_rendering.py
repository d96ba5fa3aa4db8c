"""PageRendering: how a page in progress is fetched, and what the comparison of its two forms shows."""

from __future__ import annotations

from dataclasses import dataclass

from crawler.rendering.comparison import PageOutput
from crawler.rendering.decision import Decision
from models.rendering_lesson import BACK, BY_PLAIN, BY_RENDERER, EQUAL, UNEQUAL, Lesson, Pattern


@dataclass(kw_only=True)
class PageRendering:
    """A page in progress of a request that takes part in adaptive rendering.

    Attributes:
        decision: how it is fetched. RENDER after a plain page that was not accepted.
        lacks_element: the plain page is complete, and the element of ``wait_for`` is not in it.
        discarded: the output of a plain page that was not accepted; the rendered page is compared with it.
        is_plain: plain HTTP answered, and the output was accepted.
        is_suspect: a later comparison was unequal, so the page is queued again when it is closed.
        went_back: its lesson turned the pattern from plain back to rendering.
    """

    pattern: Pattern
    decision: Decision
    lacks_element: bool = False
    discarded: PageOutput | None = None
    discarded_because: str = ""
    is_plain: bool = False
    is_suspect: bool = False
    went_back: bool = False
    again: bool = False
    lesson: Lesson | None = None

    @property
    def key(self) -> bytes | None:
        """Return the key of the pattern, if plain HTTP answered."""
        return self.pattern.key if self.is_plain else None

    @property
    def how(self) -> str:
        """Return how the page was fetched, one of HOW_FETCHED."""
        if self.is_plain:
            return BY_PLAIN
        if self.lesson is None:
            return BY_RENDERER
        if self.lesson.equal:
            return EQUAL
        return BACK if self.went_back else UNEQUAL
