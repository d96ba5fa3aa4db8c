"""Page: what one response gave, collected until it can be committed as a whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

from scrapy.http import Response

from crawler.kept_page import MOST_WHYS, NEVER_APPEARED, RAISED, REJECTED
from crawler.row import Rejection, ValidRow
from crawler.verdict import Ending, Verdict
from models.request import Inventory, Leased, NewRequest, Settled

# The page whose item is being processed; pipelines put into it what becomes of the item.
current_page: ContextVar[Page | None] = ContextVar("current_page", default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A page, or a part of one, on its way to the writer.

    ``settled`` is None in all parts but the last. ``start_read`` says that all that ``start()`` yields is stored.
    """

    url: str | None = None
    number: int | None = None
    rows: tuple[ValidRow, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    requests: tuple[NewRequest, ...] = ()
    settled: Settled | None = None
    start_read: bool = False
    kept_page: str | None = None  # the name under which the page is kept, because something is wrong with it

    @property
    def weight(self) -> int:
        """Roughly how many rows' worth of work it is."""
        children = sum(len(items) for row in self.rows for items in row.children.values())
        return 1 + len(self.rows) + children + len(self.requests) // 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Committed:
    """What the database made of a commit."""

    states: Mapping[int, str]  # by the numbers of those new requests that the run did not have yet
    changes: Mapping[
        str, int
    ]  # rows by what happened to them: "book/created", "book/unchanged", "book/rejected"
    stored: int = 0
    rejected: int = 0


class PageWriter(Protocol):
    """Where pages are committed. All callbacks come on the event loop's thread."""

    def put(self, commit: Commit, done: Callable[[Committed], None]) -> None:
        """Take a commit; ``done`` is called once it is in the database, in the order of the ``put`` calls."""

    def lease(self, limit: int, done: Callable[[list[Leased]], None]) -> None:
        """Fetch the frontier's next requests."""

    def release(self, numbers: list[int]) -> None:
        """Give requests back to the frontier."""

    def take_stock(self, done: Callable[[Inventory], None]) -> None:
        """Look at what is in the frontier, before anything else."""

    async def finish(self, ending: Ending) -> Verdict:
        """Commit what is waiting; end the run if it covered all its ground, or leave it to be resumed."""

    def hurry(self) -> None:
        """Commit what is there: the crawl has nothing else to do."""

    @property
    def backlog(self) -> int:
        """The weight of what is waiting to be committed."""

    @property
    def lag(self) -> float:
        """Seconds since the oldest page that is not committed was handed over; 0 if none waits."""

    @property
    def commits_timed(self) -> tuple[int, float]:
        """How many transactions of pages were committed, and the seconds that all of them took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keeping:
    """How a page is to be kept, should something be wrong with it."""

    name: str  # "<run>/<number>"
    request: str  # as JSON
    limit: int  # bytes; of a larger body nothing is kept


# A page of more rows is committed in parts, the last of which marks it as done: what is written again when a crash
# comes between them is the same again.
PART = 5000


class Page:
    """Collects rows, rejected items and new requests of one response (or of ``start()``, which has no number).

    It is closed when its callback has ended and its items have left the pipelines; ``commit`` is called with it then.
    """

    def __init__(self, number: int | None, url: str | None, commit: Callable[[Commit], None]) -> None:
        self.number, self.url = number, url
        self.rows: list[ValidRow] = []
        self.rejections: list[Rejection] = []
        self.requests: list[NewRequest] = []
        self.identities: dict[bytes, int] = {}  # how often a dont_filter request was yielded here
        self.status: int | None = None
        self.error: str | None = None
        self.skipped: str | None = None
        self.closed = False
        self.keeping: Keeping | None = None  # None where it is not to be kept, whatever becomes of it
        self.response: Response | None = None  # what came, for as long as it may have to be kept
        self.never_appeared = False
        self.wrongs: list[str] = []  # what was said of its rejected items
        self._commit = commit
        self._pending = 0
        self._exhausted = False

    def store(self, row: ValidRow) -> None:
        self.rows.append(row)
        self._part()

    def reject(self, rejection: Rejection) -> None:
        self.rejections.append(rejection)
        if len(self.wrongs) < MOST_WHYS:
            self.wrongs += [f"{name} {why}".strip() for name, why in rejection.reasons.items()]
        self._part()

    def discover(self, request: NewRequest) -> None:
        self.requests.append(request)
        self._part()

    def fail(self, reason: str) -> None:
        """The page is not done: its callback raised, or it could not be fetched. The first reason stands."""
        self.error = self.error or reason

    def skip(self, reason: str) -> None:
        """The page is not to be fetched: robots.txt, off-site, not there any more."""
        self.skipped = self.skipped or reason

    def came(self, response: Response) -> None:
        if self.keeping is not None and len(response.body) <= self.keeping.limit:
            self.response = response

    @property
    def kept_for(self) -> str | None:
        """Why this page is to be kept, as a word; None where nothing is wrong, or nothing came that could be kept."""
        if self.response is None:
            return None
        if self.error:
            return NEVER_APPEARED if self.never_appeared else RAISED
        return REJECTED if self.wrongs else None

    def begun(self) -> None:
        """An item is on its way through the pipelines, or a request to the scheduler."""
        self._pending += 1

    def ended(self) -> None:
        self._pending -= 1
        self._close_if_done()

    def exhausted(self) -> None:
        """The callback has yielded all that it will."""
        self._exhausted = True
        self._close_if_done()

    def abandoned(self) -> None:
        """Nothing will come any more. A callback that was never called leaves a page that is not done."""
        if not self._exhausted:
            self.fail("a middleware or a signal handler dropped the request without a word")
        self._pending = 0
        self.exhausted()

    def _close_if_done(self) -> None:
        if not self.closed and self._exhausted and self._pending <= 0:
            self.closed = True
            self._flush(last=True)

    def _part(self) -> None:
        # What start() yields goes on at once: it may take days.
        if self.number is None or len(self.rows) + len(self.requests) >= PART:
            self._flush(last=False)

    def _flush(self, *, last: bool) -> None:
        settled = None
        kept_page = self.keeping.name if self.keeping and self.kept_for else None
        if last and self.number is not None:
            settled = Settled(
                number=self.number,
                state="failed" if self.error else "skipped" if self.skipped else "done",
                status=self.status,
                error=self.error or self.skipped,
                kept_page=kept_page,
            )
        commit = Commit(
            url=self.url,
            number=self.number,
            rows=tuple(self.rows),
            rejections=tuple(self.rejections),
            requests=tuple(self.requests),
            settled=settled,
            start_read=last and self.number is None and self.error is None,
            kept_page=kept_page,
        )
        self.rows, self.rejections, self.requests = [], [], []
        self._commit(commit)


def page_of_item() -> Page | None:
    """The page of the item that is being processed."""
    return current_page.get()


def plain_item(item: Any) -> Mapping[str, Any]:
    """An item's fields as JSON has them, for keeping a rejected one. What has no JSON is kept as text."""
    return {str(name): _plain(value) for name, value in dict(item).items()}


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value if value == value and value not in (float("inf"), float("-inf")) else repr(value)
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(part) for part in value]
    return str(value)
