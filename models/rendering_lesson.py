"""Lesson: what the comparison of a rendered page with its plain page shows; Learned: the sum of a pattern's lessons."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from models.page_shape import Shape

# LEARNING: pages are rendered and compared. PLAIN: plain HTTP answers, and a share is compared. RENDERED: pages are
# rendered, and a share is compared. ALWAYS: pages are rendered and never compared.
LEARNING, PLAIN, RENDERED, ALWAYS = MODES = ("learning", "plain", "rendered", "always")

# How a page was fetched: plain, not confirmed by a later equal comparison; plain, confirmed; rendered without a
# comparison; rendered and compared; rendered and compared, and the pattern went from plain back to rendering.
BY_PLAIN, CONFIRMED, BY_RENDERER, EQUAL, UNEQUAL, BACK = HOW_FETCHED = (
    "plain",
    "confirmed",
    "rendered",
    "equal",
    "unequal",
    "back",
)

# Equal comparisons in a row before pages are answered by plain HTTP, if the pattern went to rendering never, once, ...
NEEDED = (3, 10, 30, 100, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """Pages that are taken to be alike: those of a host whose URL has the same pattern, read by the same callback.

    ``version`` is a hash of the code that reads the pages: other code learns again.
    """

    spider: str
    host: str
    callback: str
    url: str
    version: bytes

    @property
    def key(self) -> bytes:
        text = "\0".join((self.spider, self.host, self.callback, self.url)).encode("utf-8", "replace")
        return hashlib.sha1(text + b"\0" + self.version, usedforsecurity=False).digest()

    def __str__(self) -> str:
        return f"{self.host}{self.url} ({self.spider}.{self.callback})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesson:
    """The result of one comparison.

    Attributes:
        shape: of the page's output, if it is equal.
        impure: the callback yields different things for one page.
        suspects: the numbers of requests that plain HTTP answered; they are queued again.
        confirmed: the numbers of such requests that this comparison confirms.
    """

    pattern: Pattern
    equal: bool
    reason: str
    shape: Shape = field(default_factory=Shape)
    impure: bool = False
    suspects: tuple[int, ...] = ()
    confirmed: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """What all lessons about a pattern say. ``shape`` is that of the pages since the last unequal one.

    ``times_back`` counts how often an unequal page ended the learning, or plain answers.
    """

    mode: str = LEARNING
    equal_in_row: int = 0
    times_equal: int = 0
    times_unequal: int = 0
    times_back: int = 0
    reason: str = "never compared"
    shape: Shape = field(default_factory=Shape)

    def after(self, lesson: Lesson) -> Learned:
        """Return what is learned after one more lesson. One unequal page goes back to rendering."""
        if lesson.equal:
            row = self.equal_in_row + 1
            known = replace(
                self, equal_in_row=row, times_equal=self.times_equal + 1, shape=self.shape.plus(lesson.shape)
            )
            if self.mode in (PLAIN, ALWAYS) or row < needed(self.times_back):
                return replace(
                    known, reason=self.reason if self.mode in (ALWAYS, RENDERED) else lesson.reason
                )
            return replace(known, mode=PLAIN, reason=f"{row} equal pages in a row")
        return Learned(
            mode=ALWAYS if lesson.impure or self.mode == ALWAYS else RENDERED,
            times_equal=self.times_equal,
            times_unequal=self.times_unequal + 1,
            times_back=self.times_back + (self.mode in (LEARNING, PLAIN)),
            reason=lesson.reason if lesson.impure or self.mode != ALWAYS else self.reason,
        )


def needed(times_back: int) -> int:
    """Return how many equal pages in a row a pattern needs before plain HTTP answers it."""
    return NEEDED[min(times_back, len(NEEDED) - 1)]
