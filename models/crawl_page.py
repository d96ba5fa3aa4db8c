"""The table of pages of the last crawls: what tells that a page is unchanged, and what its callback yielded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Double, ForeignKey, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from models.base import Base
from models.chunks import chunks
from models.run import GIVEN_UP, CrawlRun
from models.types import Digest, ExactString, FreeText, LongBinary, LongText, UtcDateTime

LONGEST_ETAG, LONGEST_DATE = 500, 64  # characters; a longer validator is not stored


class CrawlPage(Base):
    """A page of a scope as it was when it was last fetched. Only a crawl with DELTA has such rows.

    ``page`` is a hash of the request with everything that it carries. ``version`` is a hash of the code that read the
    page. ``output`` is the compressed JSON of the items and requests that the callback yielded. ``run_id`` is the last
    run that had the page, fetched or unchanged. ``confirmed_at`` is the last time at which the site said that the page
    is the one that was fetched at ``fetched_at``. ``fetch_interval`` is in seconds (``DELTA=adaptive``).
    """

    __tablename__ = "crawl_page"

    scope: Mapped[bytes] = mapped_column(Digest(32), primary_key=True)
    page: Mapped[bytes] = mapped_column(Digest(20), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("crawl_run.id", ondelete="CASCADE"), index=True)
    url: Mapped[str] = mapped_column(FreeText())
    version: Mapped[bytes] = mapped_column(Digest(20))
    status: Mapped[int]
    response_url: Mapped[str] = mapped_column(LongText())  # after redirects
    etag: Mapped[str | None] = mapped_column(ExactString(LONGEST_ETAG))
    last_modified: Mapped[str | None] = mapped_column(ExactString(LONGEST_DATE))
    lastmod: Mapped[str | None] = mapped_column(ExactString(LONGEST_DATE))
    fetched_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    fetch_interval: Mapped[float] = mapped_column(Double)
    output_hash: Mapped[bytes] = mapped_column(Digest(20))
    output: Mapped[bytes] = mapped_column(LongBinary())


@dataclass(frozen=True, kw_only=True, slots=True)
class PageRecord:
    """A page that was fetched, to be stored with its rows: the columns of CrawlPage."""

    page: bytes
    url: str
    version: bytes
    status: int
    response_url: str
    etag: str | None
    last_modified: str | None
    lastmod: str | None
    fetched_at: datetime
    confirmed_at: datetime
    changed_at: datetime
    fetch_interval: float
    output_hash: bytes
    output: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredPage(PageRecord):
    """A page as an earlier run stored it."""

    run_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PageSeen:
    """A page that is unchanged: its columns that may be others now."""

    page: bytes
    etag: str | None
    last_modified: str | None
    lastmod: str | None
    confirmed_at: datetime
    fetch_interval: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PageForgotten:
    """A page that the next crawl fetches, whatever the site says: its record is deleted."""

    page: bytes


PageNote = PageRecord | PageSeen | PageForgotten

_table: Any = CrawlPage.__table__
_COLUMNS = tuple(PageRecord.__dataclass_fields__)


def find_pages(session: Session, scope: bytes, pages: Sequence[bytes]) -> dict[bytes, StoredPage]:
    """Return the pages of the scope that are stored, by ``page``."""
    columns = [_table.c[name] for name in (*_COLUMNS, "run_id")]
    found: dict[bytes, StoredPage] = {}
    for some in chunks(pages):
        query = select(*columns).where(_table.c.scope == scope, _table.c.page.in_(some))
        for row in session.execute(query):
            values: dict[str, Any] = {
                name: bytes(value) if isinstance(value, memoryview | bytearray) else value
                for name, value in row._mapping.items()
            }
            found[values["page"]] = StoredPage(**values)
    return found


def last_finished_run(session: Session, scope: bytes, before: int) -> int:
    """Return the id of the scope's last run before the run with this id that came to its end; 0 if there is none.

    A trial is no such run.
    """
    query = select(func.max(CrawlRun.id)).where(
        CrawlRun.scope == scope,
        CrawlRun.id < before,
        CrawlRun.finished_at.is_not(None),
        CrawlRun.finish_reason != GIVEN_UP,
        CrawlRun.trial_pages.is_(None),
    )
    return session.scalar(query) or 0


def write_page_notes(session: Session, scope: bytes, run_id: int, notes: Sequence[PageNote]) -> None:
    """Store, update and delete the records of pages. Of two notes about one page the later one counts."""
    latest = {note.page: note for note in notes}
    records = [note for note in latest.values() if isinstance(note, PageRecord)]
    seen = [note for note in latest.values() if isinstance(note, PageSeen)]
    replaced = [note.page for note in latest.values() if not isinstance(note, PageSeen)]
    for some in chunks(sorted(replaced)):
        session.execute(delete(_table).where(_table.c.scope == scope, _table.c.page.in_(some)))
    if records:
        session.execute(
            insert(_table),
            [
                {name: getattr(record, name) for name in _COLUMNS} | {"scope": scope, "run_id": run_id}
                for record in records
            ],
        )
    if seen:
        names = [name for name in PageSeen.__dataclass_fields__ if name != "page"]
        session.connection().execute(
            update(_table)
            .where(_table.c.scope == scope, _table.c.page == bindparam("which", type_=_table.c.page.type))
            .values(run_id=run_id, **{name: bindparam(f"new_{name}") for name in names}),
            [
                {"which": note.page} | {f"new_{name}": getattr(note, name) for name in names}
                for note in sorted(seen, key=lambda note: note.page)
            ],
        )


def forget_pages_before(session: Session, scope: bytes, run_id: int) -> None:
    """Delete the records of pages that no request of the run with this id was for."""
    session.execute(delete(_table).where(_table.c.scope == scope, _table.c.run_id < run_id))
