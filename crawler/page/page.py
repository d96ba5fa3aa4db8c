"""Page: everything that comes of one response, collected until it is committed as a whole."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Protocol

from scrapy.http import Response

from crawler.page.commit import Commit
from crawler.page.completeness import cut_reason, missing_button
from crawler.page.grid_rows import grid_rows, is_short
from crawler.page.row import Rejection, ValidRow
from crawler.page.snapshot_policy import MOST_WHYS, NEVER_APPEARED, RAISED, REJECTED, SnapshotPolicy
from models.crawl_page import PageNote
from models.rendering_lesson import Lesson
from models.request import (
    CUT,
    DONE,
    FAILED,
    NEXT_LEFT,
    NO_BUTTON,
    QUEUED,
    REFUSED,
    SHORT_OF_GRID,
    SKIPPED,
    NewRequest,
    Settled,
)
from models.worker import Tenure

# The page whose item is being processed; pipelines put the row or the rejection into it.
current_page: ContextVar[Page | None] = ContextVar("current_page", default=None)


# A larger page is committed in parts, and the last part marks it as done. After a crash between two parts the page is
# processed again, and the same rows are written again.
PART = 5000


class PageDelta(Protocol):
    """What a crawl with DELTA knows about a page (crawler/delta/page_delta.py)."""

    @property
    def unchanged(self) -> str | None:
        """How the crawl knew that the page is unchanged; None if it was fetched."""

    def note(self, *, has_fault: bool) -> PageNote:
        """Return what is stored about the page for the next crawl."""


class PageRendering(Protocol):
    """How a page of ``render()`` is fetched (crawler/rendering/page_rendering.py)."""

    @property
    def how(self) -> str:
        """How the page was fetched, one of HOW_FETCHED."""

    @property
    def key(self) -> bytes | None:
        """The key of the page's pattern, if plain HTTP answered."""

    @property
    def lesson(self) -> Lesson | None:
        """What the comparison of the page shows; None if it was not compared."""

    @property
    def is_suspect(self) -> bool:
        """Whether the page is queued again and rendered, and its rows are not stored."""


class Page:
    """Collects rows, rejected items and new requests of one response (or of ``start()``, which has no number).

    It closes when its callback has ended and its items have left the pipelines. Then it calls ``commit``.
    """

    def __init__(self, number: int | None, url: str | None, commit: Callable[[Commit], None]) -> None:
        self.number, self.url = number, url
        self.rows: list[ValidRow] = []
        self.rejections: list[Rejection] = []
        self.requests: list[NewRequest] = []
        self.identities: dict[bytes, int] = {}  # how often a dont_filter request was yielded here
        self.status: int | None = None
        self.error: str | None = None
        self.refused: str | None = None
        self.skipped: str | None = None
        self.cut: str | None = None  # why the response may be cut off
        self.missing_button: str | None = None  # the next_button of a list that was not on its first page
        self.next_left: str | None = (
            None  # the URL of a list's next link, in place of which it requested another
        )
        self.grid_rows = 0  # of the page's largest grid, as it says
        self.results = 0  # items and requests that the callback yielded
        self.closed = False
        self.answered = False  # a response has come to the spider middlewares
        self.rendered: bool | None = None  # a renderer rendered the response; None: there is no response
        self.readers = 0  # spider middlewares that read its output
        self.request_text: str | None = None  # the request as JSON; None for a login
        self.tenure: Tenure | None = None  # of its partition, in a shared run
        self.delta: PageDelta | None = None  # None without DELTA, and for a page that is always fetched
        self.rendering: PageRendering | None = None  # None if it does not take part in adaptive rendering
        self.is_fetched_again = False  # the callback's output was discarded, and the page's request is queued
        self.snapshot_policy: SnapshotPolicy | None = None  # None if no snapshot may be saved
        self.response: Response | None = None  # until it is known whether a snapshot is saved
        self.never_appeared = False
        self.wrongs: list[str] = []  # the reasons of its rejected items
        self.keys: set[int] = set()  # hashes of the keys of its rows
        self.merged = 0  # items that had the key of another item of this page
        self.merged_row: ValidRow | None = None  # the first of them
        self._commit = commit
        self._pending = 0
        self._exhausted = False

    def store(self, row: ValidRow) -> None:
        """Add a valid row."""
        self.rows.append(row)
        if self.number is not None:
            self._note_key(row)
        self._part()

    def _note_key(self, row: ValidRow) -> None:
        """Count the row if the page has another one with its key; count child rows that a list has twice."""
        try:
            key = hash((row.model, row.key))
            repeated = row.repeated_children if row.children else 0
        except TypeError:  # a key of JSON has no hash
            return
        if key in self.keys:
            repeated += 1
        self.keys.add(key)
        if repeated:
            self.merged += repeated
            self.merged_row = self.merged_row or row

    def reject(self, rejection: Rejection) -> None:
        """Add a rejected item."""
        self.rejections.append(rejection)
        if len(self.wrongs) < MOST_WHYS:
            self.wrongs += [f"{name} {why}".strip() for name, why in rejection.reasons.items()]
        self._part()

    def discover(self, request: NewRequest) -> None:
        """Add a request that was found on the page."""
        self.requests.append(request)
        self._part()

    def fail(self, reason: str) -> None:
        """Note that the page failed: its callback raised, or the download failed. The first reason stays."""
        self.error = self.error or reason

    def refuse(self, reason: str) -> None:
        """Note that the site refused the page: HTTP 402, 403, a challenge page. The first reason stays."""
        self.refused = self.refused or reason

    def skip(self, reason: str) -> None:
        """Note that the page is not fetched: robots.txt, off-site, HTTP 404. The first reason stays."""
        self.skipped = self.skipped or reason

    def came(self, response: Response) -> None:
        """Note the response: its flags, and the response itself if a snapshot of it may be saved."""
        self.cut = self.cut or cut_reason(response.flags)
        self.missing_button = self.missing_button or missing_button(response.flags)
        self.grid_rows = grid_rows(response.body)
        if self.snapshot_policy is not None and len(response.body) <= self.snapshot_policy.limit:
            self.response = response

    def fetch_again(self) -> None:
        """Forget the response: the page's request is queued again, and its next response counts."""
        self.is_fetched_again = True
        self.answered, self.status, self.response, self.rendered = False, None, None, None

    @property
    def snapshot_reason(self) -> str | None:
        """Why a snapshot of the page is saved, one of REASONS; None if it has no fault or no response."""
        if self.response is None:
            return None
        if self.error:
            return NEVER_APPEARED if self.never_appeared else RAISED
        return REJECTED if self.wrongs else None

    def begun(self) -> None:
        """Note that an item goes to the pipelines, or a request to the scheduler."""
        self._pending += 1
        self.results += 1

    def ended(self) -> None:
        """Note that an item left the pipelines, or that a request reached the scheduler."""
        self._pending -= 1
        self._close_if_done()

    def exhausted(self) -> None:
        """Note that the callback has ended."""
        self._exhausted = True
        self._close_if_done()

    def abandoned(self) -> None:
        """Close the page at once. It fails if its callback has not ended."""
        if not self._exhausted:
            self.fail("a middleware or a signal handler dropped the request without a word")
        self._pending = 0
        self.exhausted()

    def _close_if_done(self) -> None:
        if not self.closed and self._exhausted and self._pending <= 0:
            self.closed = True
            self._flush(last=True)

    def _part(self) -> None:
        # Requests of start() are committed at once: start() may take days.
        # A spider's own extension may add rows after the page is closed. They are committed too.
        if self.number is None or self.closed or len(self.rows) + len(self.requests) >= PART:
            self._flush(last=False)

    def _flush(self, *, last: bool) -> None:
        settled = note = lesson = rendered = None
        rendering = self.rendering
        kept_page = self.snapshot_policy.name if self.snapshot_policy and self.snapshot_reason else None
        if last and self.number is not None:
            settled = Settled(
                number=self.number,
                state=self._state,
                status=self.status,
                error=self.error or self.refused or self.skipped or self._remark(),
                kept_page=kept_page,
                merged=self.merged,
                unchanged=self.delta.unchanged if self.delta is not None else None,
                rendering=rendering.how if rendering is not None and not rendering.is_suspect else None,
                rendering_key=rendering.key if rendering is not None and not rendering.is_suspect else None,
            )
            lesson = rendering.lesson if rendering is not None else None
            if rendering is not None and rendering.is_suspect:
                self.rows, self.rejections = [], []
            note = self.delta.note(has_fault=self.has_fault) if self.delta is not None else None
            rendered = self.rendered if settled.unchanged is None else None
        commit = Commit(
            url=self.url,
            number=self.number,
            rows=tuple(self.rows),
            rejections=tuple(self.rejections),
            requests=tuple(self.requests),
            settled=settled,
            start_read=last and self.number is None and self.error is None,
            kept_page=kept_page,
            note=note,
            lesson=lesson,
            tenure=self.tenure,
            rendered=rendered,
        )
        self.rows, self.rejections, self.requests = [], [], []
        self._commit(commit)

    @property
    def has_fault(self) -> bool:
        """Whether the page failed, was refused, is not on the site, lacks a part, or has a rejected item."""
        return bool(
            self.error or self.refused or self.skipped or self.cut or self.missing_button or self.wrongs
        )

    @property
    def _state(self) -> str:
        if self.rendering is not None and self.rendering.is_suspect:
            return QUEUED
        if self.error:
            return FAILED
        if self.refused:
            return REFUSED
        return SKIPPED if self.skipped else DONE

    def _remark(self) -> str | None:
        """Return what is stored as the error of a page that is done: that rows may be missing, and why."""
        if self.cut:
            return f"{CUT}{self.cut}"
        if self.missing_button:
            return f"{NO_BUTTON}{self.missing_button}"
        if self.next_left:
            return f"{NEXT_LEFT}{self.next_left}"
        return (
            f"{SHORT_OF_GRID}{self.results}/{self.grid_rows}"
            if is_short(self.results, self.grid_rows)
            else None
        )
