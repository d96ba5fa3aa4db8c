"""A page as an earlier run stored it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from crawler.delta.settings import ON, DeltaSettings
from models.crawl_page import StoredPage

FETCHED = datetime(2026, 3, 10, 12, tzinfo=UTC)
KNOWN = StoredPage(
    page=b"p" * 20,
    url="http://shop.example/1",
    version=b"v" * 20,
    status=200,
    response_url="http://shop.example/1",
    etag='"1"',
    last_modified=None,
    lastmod="2026-03-01",
    fetched_at=FETCHED,
    confirmed_at=FETCHED,
    changed_at=FETCHED,
    fetch_interval=3600.0,
    output_hash=b"h" * 20,
    output=b"",
    run_id=7,
)
SETTINGS = DeltaSettings(mode=ON, max_age=timedelta(days=7))
