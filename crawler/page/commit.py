"""Commit: a page, or a part of one, on its way to the database; Committed: the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from crawler.page.row import Rejection, ValidRow
from models.crawl_page import PageNote
from models.rendering_lesson import Lesson
from models.request import NewRequest, Settled
from models.worker import Tenure


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A page, or a part of one, on its way to the writer.

    ``settled`` is None in all parts but the last.
    ``note``, ``lesson`` and ``rendered`` are only in the last part.
    ``start_read`` says that ``start()`` has ended and all its requests are stored.
    ``request_tenures`` are of those partitions of its new requests that the worker has: the transaction holds them if
    no other worker has taken them, so that these requests can be made at once.
    """

    url: str | None = None
    number: int | None = None
    rows: tuple[ValidRow, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    requests: tuple[NewRequest, ...] = ()
    settled: Settled | None = None
    start_read: bool = False
    kept_page: str | None = None  # the name of the page's snapshot
    note: PageNote | None = None  # for the next crawl with DELTA
    lesson: Lesson | None = None  # for adaptive rendering
    tenure: Tenure | None = None  # of the page's partition, in a shared run
    request_tenures: frozenset[Tenure] = frozenset()
    rendered: bool | None = None  # a renderer rendered the page; None: it has no response

    @property
    def weight(self) -> int:
        """The work that the commit makes, in rows, roughly."""
        children = sum(len(items) for row in self.rows for items in row.children.values())
        return 1 + len(self.rows) + children + len(self.requests) // 4


class Committed(NamedTuple):
    """The result of a commit."""

    # By the numbers of those new requests that the run did not have yet.
    states: Mapping[int, str] = MappingProxyType({})
    # Rows by what happened to them: "book/created", "book/unchanged", "book/rejected".
    changes: Mapping[str, int] = MappingProxyType({})
    stored: int = 0
    rejected: int = 0
    queued_again: int = 0  # requests that were done, and are made again
    lost: bool = False  # nothing of it is stored: another worker has its partition now
