"""PageDelta: what a crawl knows about a page of an earlier run, and what it notes about the page for the next run."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from crawler.delta.interval import next_interval
from crawler.delta.settings import ADAPTIVE, DeltaSettings
from models.crawl_page import (
    LONGEST_DATE,
    LONGEST_ETAG,
    PageForgotten,
    PageNote,
    PageRecord,
    PageSeen,
    StoredPage,
)
from models.request import NOT_FETCHED, NOT_MODIFIED

LONGEST_OUTPUT = 4_000_000  # characters of JSON; a page with more is fetched at each crawl
PRINTABLE = re.compile(r"[ -~]+")
COMPRESSION = 3  # zlib's level


@dataclass(frozen=True, kw_only=True)
class Validators:
    """What a site says about the version of a page, in the headers of its response."""

    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, headers: Mapping[str, bytes | None], *, asked_at: datetime) -> Validators:
        """Return the validators of a response. One that is too long, or not printable ASCII, is left out.

        A Last-Modified is left out, too, if its second was not over when the site answered (RFC 9110, 8.8.2.2): a page
        that changes later in that second has the same date.

        Args:
            asked_at: stands for the Date of a response that has none.
        """
        last_modified = _readable(headers.get("Last-Modified"), LONGEST_DATE)
        changed_at = _datetime_of(last_modified)
        answered_at = _datetime_of(_readable(headers.get("Date"), LONGEST_DATE)) or asked_at
        if changed_at is None or changed_at + timedelta(seconds=1) > answered_at:
            last_modified = None
        return cls(etag=_readable(headers.get("ETag"), LONGEST_ETAG), last_modified=last_modified)

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask the site for the page only if it is another one."""
        return {
            name: value
            for name, value in (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
            if value
        }


def readable_date(value: object) -> str | None:
    """Return the date of a sitemap that can be stored; None for everything else."""
    text = value.strip() if isinstance(value, str) else ""
    return text if len(text) <= LONGEST_DATE and PRINTABLE.fullmatch(text) else None


def _readable(value: bytes | None, longest: int) -> str | None:
    text = value.decode("latin-1").strip() if value else ""
    return text if len(text) <= longest and PRINTABLE.fullmatch(text) else None


def _datetime_of(date: str | None) -> datetime | None:
    """Return the second that a date of HTTP names; None for other texts."""
    try:
        found = parsedate_to_datetime(date or "")
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


@dataclass(kw_only=True)
class PageDelta:
    """A page in progress.

    Attributes:
        page: the key of its record; ``version`` is that of the code that reads it.
        known: its record; None if it is new.
        last_output: the items and requests of the record, if it may stand for the page.
        lastmod: its date in the sitemap.
        begun_at: before the page was requested.
        always_noted: the spider or the interval can tell that the page is unchanged, without a word of the site.
        asked: the headers of the conditional request; empty if there was none.
        sets_cookie: it has set a cookie that the crawl did not have, and on which later pages may depend.
        output: the JSON of each item and request that the callback yielded; None if the page cannot be noted.
    """

    page: bytes
    url: str
    version: bytes
    settings: DeltaSettings
    known: StoredPage | None
    lastmod: str | None
    begun_at: datetime
    always_noted: bool = False
    last_output: list[Any] = field(default_factory=list)
    asked: dict[str, str] = field(default_factory=dict)
    sets_cookie: bool = False
    unchanged: str | None = None
    status: int | None = None
    response_url: str = ""
    validators: Validators = field(default_factory=Validators)
    output: list[str] | None = field(default_factory=list)
    _size: int = 0

    def skip(self) -> None:
        """Note that the page is unchanged and is not requested."""
        self.unchanged = NOT_FETCHED

    def confirm(self, validators: Validators) -> None:
        """Note that the site answered 304 with these validators."""
        self.unchanged = NOT_MODIFIED
        self.validators = validators

    def came(self, status: int, url: str, validators: Validators) -> None:
        """Note the response of the page."""
        self.status, self.response_url, self.validators = status, url, validators

    def add(self, text: str) -> None:
        """Add the JSON of an item or a request."""
        self._size += len(text)
        if self._size > LONGEST_OUTPUT:
            self.output = None
        elif self.output is not None:
            self.output.append(text)

    def leave_out(self) -> None:
        """Note that the page yielded something that cannot be stored."""
        self.output = None

    def note(self, *, has_fault: bool) -> PageNote:
        """Return what is stored about the page.

        Args:
            has_fault: the page must be fetched by the next crawl.
        """
        if has_fault or self.sets_cookie:
            return PageForgotten(page=self.page)
        if self.unchanged is not None and self.known is not None:
            return self._seen(self.known)
        can_be_unchanged = self.always_noted or self.lastmod or self.validators.conditions()
        is_page = (
            self.status is not None and 200 <= self.status < 300
        )  # and not an error that the spider reads
        # A page that yields nothing may be a message of the site ("try again later") with status 200.
        if not self.output or not is_page or not can_be_unchanged:
            return PageForgotten(page=self.page)
        return self._record()

    def _seen(self, known: StoredPage) -> PageSeen:
        seen = PageSeen(
            page=self.page,
            etag=known.etag,
            last_modified=known.last_modified,
            lastmod=known.lastmod,
            confirmed_at=known.confirmed_at,
            fetch_interval=known.fetch_interval,
        )
        if self.unchanged == NOT_FETCHED:
            return seen
        return replace(
            seen,
            etag=self.validators.etag or known.etag,
            last_modified=self.validators.last_modified or known.last_modified,
            lastmod=self.lastmod,
            confirmed_at=self.begun_at,
            fetch_interval=self._next_interval(changed=False),
        )

    def _record(self) -> PageRecord:
        assert self.output is not None and self.status is not None
        text = f"[{','.join(self.output)}]".encode()
        output_hash = hashlib.sha1(text, usedforsecurity=False).digest()
        changed = self.known is None or self.known.output_hash != output_hash
        return PageRecord(
            page=self.page,
            url=self.url,
            version=self.version,
            status=self.status,
            response_url=self.response_url,
            etag=self.validators.etag,
            last_modified=self.validators.last_modified,
            lastmod=self.lastmod,
            fetched_at=self.begun_at,
            confirmed_at=self.begun_at,
            changed_at=self.begun_at if changed or self.known is None else self.known.changed_at,
            fetch_interval=self._next_interval(changed=changed),
            output_hash=output_hash,
            output=zlib.compress(text, COMPRESSION),
        )

    def _next_interval(self, *, changed: bool) -> float:
        before = self.known.fetch_interval if self.known is not None else None
        longest = max(self.settings.max_age.total_seconds(), 0.0)
        return next_interval(before, changed=changed, longest=longest)


def may_be_noted_without_site(settings: DeltaSettings, spider: object) -> bool:
    """Return whether something else than the site can tell that a page is unchanged: the interval, or the spider."""
    return settings.mode == ADAPTIVE or callable(getattr(spider, "changed_since", None))
