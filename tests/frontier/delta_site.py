"""DeltaSite: a site of JSON pages that answers conditional requests and has a sitemap, and what crawls of it store."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Book, CrawlRequest, CrawlRun, Quote, RejectedItem, Review, Row, RowChange
from models.json_values import to_json_value
from models.session import make_engine


class DeltaSite:
    """A site whose test decides the pages.

    Attributes:
        pages: the JSON of each path; other paths have HTTP 404.
        dates: the dates of the sitemap's entries, by path.
        moved: the paths that redirect, and where to.
        cookies: the cookie that a path sets.
        with_cookie: the JSON of each path for a client that sends a cookie, if it is another one.
        has_etags: whether responses have an ETag.
        gzipped: whether a 304 repeats the headers of a compressed page.
        held: the response of such a path waits for the event.
        asked: the path and the status of each response.
    """

    def __init__(self) -> None:
        self.pages: dict[str, Any] = {}
        self.dates: dict[str, str] = {}
        self.moved: dict[str, str] = {}
        self.cookies: dict[str, str] = {}
        self.with_cookie: dict[str, Any] = {}
        self.has_etags, self.gzipped = True, False
        self.held: dict[str, threading.Event] = {}
        self.asked: list[tuple[str, int]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                if path in site.held:
                    site.held[path].wait(60)
                pages = site.pages | (site.with_cookie if "Cookie" in self.headers else {})
                status, headers, body = site.response(path, self.headers.get("If-None-Match"), pages)
                if path in site.cookies and status != 304:
                    headers["Set-Cookie"] = site.cookies[path]
                site.asked.append((path, status))
                with contextlib.suppress(OSError):  # the crawl may be dead
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def response(
        self, path: str, known: str | None, pages: Mapping[str, Any]
    ) -> tuple[int, dict[str, str], bytes]:
        if path in self.moved:
            return 302, {"Location": self.moved[path], "Content-Length": "0"}, b""
        if path == "/sitemap.xml":
            body, kind = self.sitemap(), "application/xml"
        elif path in pages:
            body, kind = json.dumps(pages[path]).encode(), "application/json"
        else:
            return 404, {"Content-Length": "0"}, b""
        headers = {"Content-Type": kind}
        if self.has_etags:
            headers["ETag"] = f'"{hashlib.sha1(body).hexdigest()}"'
            if known == headers["ETag"]:
                repeated = {"Content-Encoding": "gzip", "Content-Length": "999"} if self.gzipped else {}
                return 304, headers | repeated, b""
        return 200, headers | {"Content-Length": str(len(body))}, body

    def sitemap(self) -> bytes:
        entries = "".join(
            f"<url><loc>{self.url}{path}</loc><lastmod>{date}</lastmod></url>"
            for path, date in self.dates.items()
        )
        space = "http://www.sitemaps.org/schemas/sitemap/0.9"
        return f'<?xml version="1.0"?><urlset xmlns="{space}">{entries}</urlset>'.encode()

    def of_status(self, status: int) -> list[str]:
        """Return the paths with responses of this status, in alphabetical order."""
        return sorted(path for path, found in self.asked if found == status)


@contextlib.contextmanager
def delta_site() -> Iterator[DeltaSite]:
    """Serve a DeltaSite until the block ends."""
    site = DeltaSite()
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        for event in site.held.values():
            event.set()
        site.server.shutdown()
        site.server.server_close()


def quote(number: int, body: str = "said") -> dict[str, Any]:
    return {"quote_id": number, "body": body, "author": "A"}


def book(sku: str, *reviewers: str, **fields: Any) -> dict[str, Any]:
    return {
        "sku": sku,
        "title": sku,
        "author": "B",
        "category": "c",
        "price": "£1,051.77",
        "stock": 1,
        "rating": 5,
        "published": "2024-05-03",
        "description": None,
        "url": f"/{sku}",
        "reviews": [
            {"reviewer": name, "stars": 4, "body": f"by {name}", "posted": "2025-01-02"} for name in reviewers
        ],
    } | fields


def stored(url: str) -> dict[str, Counter[Any]]:
    """Return everything that a user sees of the crawls of a database, without times."""
    engine = make_engine(url)

    def rows(model: type[Row]) -> Counter[Any]:
        names = [*model.fields()]
        columns = [model.table().c[name] for name in (*names, "gone_at", "run_id")]
        return Counter(
            (*(to_json_value(row[name]) for name in names), row["gone_at"] is None, nth[row["run_id"]])
            for row in session.execute(select(*columns)).mappings()
        )

    with Session(engine) as session:
        nth = {run: nth for nth, run in enumerate(session.scalars(select(CrawlRun.id).order_by(CrawlRun.id)))}

        def all_of(*columns: Any) -> Counter[Any]:
            found = (tuple(row) for row in session.execute(select(*columns)))
            return Counter((*map(str, row[:-1]), nth[row[-1]]) for row in found)

        change = RowChange.table_name, RowChange.row_key, RowChange.kind, RowChange.fields, RowChange.run_id
        request = CrawlRequest.url, CrawlRequest.state, CrawlRequest.depth, CrawlRequest.run_id
        result = {
            **{model.__tablename__: rows(model) for model in (Quote, Book, Review)},
            "row_change": all_of(*change),
            "crawl_request": all_of(*request),
            "rejected_item": all_of(RejectedItem.url, RejectedItem.reasons, RejectedItem.run_id),
            "crawl_run": all_of(CrawlRun.verdict, CrawlRun.reasons, CrawlRun.id),
            "coverage": Counter(
                str((counts["rows"], counts["coverage"], counts["changes"]))
                for counts in session.scalars(select(CrawlRun.counts))
                if counts
            ),
        }
    engine.dispose()
    return result
