"""LearnedRendering: what a crawl knows about the patterns of its pages, from the table and from its own comparisons."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from scrapy import Request, Spider
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crawler.delta.version import version_of
from crawler.page.page import Page
from crawler.rendering.decision import Decision, decide
from crawler.rendering.page_rendering import PageRendering
from crawler.rendering.pattern import coarse_pattern, url_pattern
from frontier.window import host_of
from models.error_text import error_line
from models.page_shape import LEAST_PAGES, Shape
from models.redaction import redacted
from models.rendering import LONGEST_NAME, count_patterns, read_learned
from models.rendering_lesson import PLAIN, Learned, Lesson, Pattern, needed

logger = logging.getLogger("splashdown.rendering")

READ_AGAIN = 30.0  # seconds between two looks at the table
MOST_PROBLEMS = 3  # plain pages in a row that were refused or failed, before the crawl asks for fewer
MOST_PATTERNS = 50  # of one host and callback; further URLs get a coarse pattern: one word may name a page
MOST_LAST_CHECKS = 3  # comparisons at the end of a run that taught nothing


@dataclass(kw_only=True)
class Progress:
    """A pattern in this crawl.

    Attributes:
        unwritten: lessons that are not committed yet; until then the table is older than this.
        unconfirmed: the numbers of the requests that plain HTTP answered since the last equal comparison.
        recent: the shape of the latest plain pages.
        to_compare: equal comparisons that are needed before plain HTTP answers again: the coverage fell.
        problems: plain pages in a row that were refused, failed or incomplete.
    """

    pattern: Pattern | None = None  # None for a pattern that only the table of requests names
    learned: Learned = field(default_factory=Learned)
    unwritten: int = 0
    unconfirmed: set[int] = field(default_factory=set)
    recent: Shape = field(default_factory=Shape)
    to_compare: int = 0
    problems: int = 0
    last_checks: int = 0


class LearnedRendering:
    """The patterns of a run.

    Args:
        share: of the pages that are compared for ever.
        page: returns the page in progress with this number.
        draw: returns a random number from 0 to 1.
    """

    def __init__(
        self,
        engine: Engine,
        spider: Spider,
        share: float,
        *,
        page: Callable[[int], Page | None],
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._engine, self._spider, self._share, self._page, self._draw = engine, spider, share, page, draw
        self._version: bytes | None = None  # known after the first is_known()
        self._counts: Counter[tuple[str, str]] = Counter()  # patterns by host and callback
        self._patterns: dict[bytes, Progress] = {}
        self._forced: set[int] = set()  # numbers of requests that are compared, whatever was learned
        self._thread = ThreadPoolExecutor(1, "learned-rendering")
        self._first_read: asyncio.Future[bool] | None = None
        self._read_at = 0.0
        self._warned = False

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False)

    # --- The table ------------------------------------------------------------------------------------------------

    async def is_known(self) -> bool:
        """Return whether the table is read. It is read again in the background after READ_AGAIN seconds."""
        if self._first_read is None:
            self._version = version_of(self._spider)
        if self._version is None:
            self._warn("the source of the spider's classes cannot be read")
            return False
        loop = asyncio.get_running_loop()
        if self._first_read is None or (self._first_read.done() and not self._first_read.result()):
            if time.monotonic() - self._read_at < READ_AGAIN and self._first_read is not None:
                return False
            self._first_read = asyncio.ensure_future(self._read())
        elif self._first_read.done() and time.monotonic() - self._read_at > READ_AGAIN:
            self._read_at = time.monotonic()
            self._refresh = loop.create_task(self._read())
        return await asyncio.shield(self._first_read)

    async def _read(self) -> bool:
        self._read_at = time.monotonic()
        try:
            found, counts = await asyncio.get_running_loop().run_in_executor(self._thread, self._query)
        except (SQLAlchemyError, RuntimeError) as error:  # RuntimeError: the crawl has ended
            self._warn(redacted(error_line(error)))
            return False
        self._counts |= Counter(counts)  # the larger number of both
        for key, learned in found.items():
            progress = self._patterns.setdefault(key, Progress())
            if not progress.unwritten:
                progress.learned = learned
        for key, progress in self._patterns.items():
            if key not in found and not progress.unwritten:  # a person has made the crawls forget it
                progress.learned = Learned()
        return True

    def _query(self) -> tuple[dict[bytes, Learned], dict[tuple[str, str], int]]:
        assert self._version is not None
        with Session(self._engine) as session:
            name = self._spider.name
            return read_learned(session, name, self._version), count_patterns(session, name, self._version)

    def _warn(self, why: str) -> None:
        if not self._warned:
            self._warned = True
            logger.warning("%s: pages are rendered, because %s", self._spider.name, why)

    def recover(self, plain_pages: Mapping[bytes, Sequence[int]]) -> None:
        """Take over the requests that plain HTTP answered in an earlier process of the run."""
        for key, numbers in plain_pages.items():
            self._patterns.setdefault(key, Progress()).unconfirmed.update(numbers)

    # --- The decision about a page ---------------------------------------------------------------------------------

    def pattern_of(self, request: Request) -> Pattern:
        """Return the pattern of a request."""
        assert self._version is not None
        pattern = Pattern(
            spider=self._spider.name[:LONGEST_NAME],
            host=host_of(request.url)[:LONGEST_NAME],
            callback=getattr(request.callback, "__name__", "parse")[:LONGEST_NAME],
            url=url_pattern(request.url),
            version=self._version,
        )
        if pattern.key in self._patterns:
            return pattern
        place = pattern.host, pattern.callback
        if self._counts[place] >= MOST_PATTERNS:
            return replace(pattern, url=coarse_pattern(request.url))
        self._counts[place] += 1
        return pattern

    def begin(self, number: int, request: Request) -> PageRendering:
        """Decide how the page of a request is fetched."""
        pattern = self.pattern_of(request)
        progress = self.progress(pattern)
        progress.unconfirmed.discard(number)
        if number in self._forced:
            self._forced.discard(number)
            return PageRendering(pattern=pattern, decision=Decision.COMPARE)
        decision = decide(
            progress.learned,
            draw=self._draw(),
            share=self._share,
            check_all=progress.to_compare > 0,
            refused=progress.problems >= MOST_PROBLEMS,
        )
        return PageRendering(pattern=pattern, decision=decision)

    def progress(self, pattern: Pattern) -> Progress:
        """Return the state of a pattern in this crawl."""
        progress = self._patterns.setdefault(pattern.key, Progress())
        progress.pattern = pattern
        return progress

    # --- What pages show --------------------------------------------------------------------------------------------

    def note_problem(self, pattern: Pattern, problem: str) -> None:
        """Count a plain page that was refused, failed or incomplete. This teaches nothing."""
        progress = self.progress(pattern)
        progress.problems += 1
        if progress.problems == MOST_PROBLEMS:
            logger.info(
                "%s: fewer plain requests, after %d without a page: %s", pattern, MOST_PROBLEMS, problem
            )

    def note_plain(self, rendering: PageRendering, number: int, shape: Shape) -> None:
        """Note that plain HTTP has answered a page."""
        progress = self.progress(rendering.pattern)
        rendering.is_plain = True
        progress.problems = 0
        progress.unconfirmed.add(number)
        progress.recent = progress.recent.plus(shape)
        if progress.recent.pages < LEAST_PAGES:
            return
        fallen = progress.learned.shape.fall_in(progress.recent)
        progress.recent = Shape()
        if fallen is not None and not progress.to_compare:
            progress.to_compare = needed(0)
            logger.warning(
                "%s: all pages are compared, because the coverage fell: %s", rendering.pattern, fallen
            )

    def learn(self, page: Page, *, equal: bool, reason: str, shape: Shape, impure: bool = False) -> None:
        """Put the lesson of a comparison on its page, and use it at once."""
        rendering = page.rendering
        assert isinstance(rendering, PageRendering)
        progress = self.progress(rendering.pattern)
        progress.problems = 0
        known = progress.unconfirmed - {page.number}
        progress.unconfirmed = set()
        lesson = Lesson(
            pattern=rendering.pattern,
            equal=equal,
            reason=reason,
            shape=shape,
            impure=impure,
            suspects=() if equal else self._suspects(known),
            confirmed=tuple(sorted(known)) if equal else (),
        )
        before, progress.learned = progress.learned, progress.learned.after(lesson)
        progress.unwritten += 1
        progress.last_checks = 0
        progress.to_compare = max(progress.to_compare - 1, 0) if equal else 0
        rendering.lesson = lesson
        rendering.went_back = before.mode == PLAIN and progress.learned.mode != PLAIN
        if rendering.went_back or impure:
            again = f"; {len(known)} pages are rendered again" if known else ""
            what = "rendered always from now on" if impure else "back to rendering"
            logger.warning("%s: %s, %s (%s)%s", rendering.pattern, what, reason, page.url, again)
        elif before.mode != progress.learned.mode == PLAIN:
            logger.info("%s: plain HTTP from now on, %s", rendering.pattern, progress.learned.reason)

    def _suspects(self, numbers: set[int]) -> tuple[int, ...]:
        """Return the requests that the lesson's transaction queues again; a page that is still open queues itself."""
        closed = []
        for number in sorted(numbers):
            page = self._page(number)
            if page is None or page.closed:
                closed.append(number)
            elif isinstance(page.rendering, PageRendering):
                page.rendering.is_suspect = True
        return tuple(closed)

    def written(self, lesson: Lesson) -> None:
        """Note that a lesson is committed."""
        self.progress(lesson.pattern).unwritten -= 1

    # --- The end of the run -----------------------------------------------------------------------------------------

    def last_checks(self) -> list[int]:
        """Return the numbers of requests to fetch once more before the run ends.

        Of each pattern with pages that no later comparison confirms, one page is compared. If the pattern is rendered
        now, because another process has learned so, all of them are rendered.
        """
        numbers: list[int] = []
        for progress in self._patterns.values():
            if not progress.unconfirmed or progress.unwritten:
                continue
            if progress.learned.mode != PLAIN:
                numbers += progress.unconfirmed
                progress.unconfirmed = set()
            elif progress.last_checks < MOST_LAST_CHECKS:
                progress.last_checks += 1
                one = random.choice(sorted(progress.unconfirmed))  # noqa: S311
                self._forced.add(one)
                progress.unconfirmed.discard(one)
                numbers.append(one)
            elif progress.last_checks == MOST_LAST_CHECKS:
                progress.last_checks += 1
                logger.warning(
                    "%s: the last comparison could not be made, so %d plain pages are not confirmed",
                    progress.pattern or "a pattern",
                    len(progress.unconfirmed),
                )
        return numbers
