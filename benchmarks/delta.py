"""A second crawl with DELTA after 3 % of a site changed: its bytes, its time, and whether its tables are complete.

python -m benchmarks.delta [--pages 1000] [--delay 0.25] [--database URL] [--way sitemap|304|hook]

Each way crawls the site twice with DELTA=on, and twice without into a database of its own. Then both databases must
have the same rows and the same history. The limits are 5 % of the bytes of the first crawl, and 15 % of its time where
the crawl need not ask the site about each page (sitemap, hook): a conditional request has to wait for its turn too.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from scrapy import Request
from scrapy.http import Response
from scrapy.spiders import SitemapSpider
from sqlalchemy import select
from sqlalchemy.orm import Session

from models import Base, Book, CrawlRun, Review, RowChange
from models.schema import upgrade
from models.session import make_engine

FILLER = 20_000  # bytes of a page besides its data
CHANGED = 0.03
BYTES_LIMIT, TIME_LIMIT = 0.05, 0.15
WAYS = ("sitemap", "304", "hook")


class DeltaSpider(SitemapSpider):
    name = "delta_benchmark"
    model = Book
    custom_settings = {  # noqa: RUF012
        "RENDERER_ENABLED": False,
        "ROBOTSTXT_OBEY": False,
        "DOWNLOAD_SLOTS": {},
        "CONCURRENT_REQUESTS_PER_DOMAIN": 4,
        "LOG_LEVEL": "WARNING",
    }

    async def start(self) -> AsyncIterator[Any]:
        yield Request(f"{os.environ['BENCHMARK_SITE']}/sitemap.xml", self._parse_sitemap)

    def parse(self, response: Response) -> Iterator[Any]:
        text = response.xpath
        yield {
            **{
                name: text(f"string(//*[@id='{name}'])").get()
                for name in ("sku", "title", "price", "published")
            },
            **{"author": "A", "category": "c", "stock": 1, "rating": 5, "url": response.url},
            "reviews": [
                {"reviewer": one.xpath("string()").get(), "stars": 4, "body": "good", "posted": "2026-01-02"}
                for one in text("//li")
            ],
        }


class HookedDeltaSpider(DeltaSpider):
    name = "delta_benchmark_hook"

    def changed_since(self, url: str, since: datetime) -> bool:
        changed = Path(os.environ["BENCHMARK_CHANGES"]).read_text().split()
        return url.rpartition("/")[2] in changed


class Site:
    """The pages of books. ``edition`` is 1, or 2 after the change of 3 % of them; ``sent`` counts the bytes."""

    def __init__(self, pages: int, way: str) -> None:
        self.pages, self.way, self.edition, self.sent = pages, way, 1, 0
        self.lock = threading.Lock()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = site.body(self.path)
                tag = f'"{hashlib.sha1(body).hexdigest()}"'
                known = site.way == "304" and self.headers.get("If-None-Match") == tag
                head = f"HTTP/1.1 {'304 Not Modified' if known else '200 OK'}\r\n"
                head += (
                    f"Content-Type: {'application/xml' if self.path.endswith('.xml') else 'text/html'}\r\n"
                )
                head += f"ETag: {tag}\r\n" if site.way == "304" else ""
                head += "\r\n" if known else f"Content-Length: {len(body)}\r\n\r\n"
                sent = head.encode() + (b"" if known else body)
                with site.lock:
                    site.sent += len(sent)
                self.wfile.write(sent)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def changes(self) -> list[int]:
        every = round(1 / CHANGED)
        return list(range(0, self.pages, every)) if self.edition == 2 else []

    def body(self, path: str) -> bytes:
        if path == "/sitemap.xml":
            changed = set(self.changes())
            entries = (
                f"<url><loc>{self.url}/{n}</loc>"
                + (f"<lastmod>2026-0{2 if n in changed else 1}-01</lastmod>" if self.way == "sitemap" else "")
                + "</url>"
                for n in range(self.pages)
            )
            space = "http://www.sitemaps.org/schemas/sitemap/0.9"
            return f'<?xml version="1.0"?><urlset xmlns="{space}">{"".join(entries)}</urlset>'.encode()
        number = int(path.strip("/"))
        is_new = number in self.changes()
        reviewers = "".join(f"<li>reader {n}</li>" for n in range(number % 4 + is_new))
        page = (
            f"<html><body><h1 id=title>Book {number}</h1><p id=sku>B{number}</p><p id=published>2020-05-03</p>"
            f"<p id=price>£{number + 10 + is_new}.50</p><ul>{reviewers}</ul><!--"
        )
        filler = hashlib.sha256(str(number).encode()).hexdigest() * (FILLER // 64)
        return f"{page}{filler}--></body></html>".encode()


def crawl(site: Site, url: str, mode: str, delay: float, changes: Path) -> tuple[int, float]:
    """Crawl the site; return the bytes that it sent, and the seconds of the run."""
    changes.write_text(" ".join(map(str, site.changes())))
    site.sent = 0
    spider = HookedDeltaSpider.name if site.way == "hook" else DeltaSpider.name
    settings = {"SPIDER_MODULES": "benchmarks.delta", "DELTA": mode, "DOWNLOAD_DELAY": delay}
    options = [part for name, value in settings.items() for part in ("-s", f"{name}={value}")]
    own = {"DATABASE_URL": url, "SPLASHDOWN_ENV_FILE": ""}
    own |= {"BENCHMARK_SITE": site.url, "BENCHMARK_CHANGES": str(changes)}
    command = [sys.executable, "-m", "scrapy", "crawl", spider, *options]
    subprocess.run(command, env=os.environ | own, check=True)
    engine = make_engine(url)
    with Session(engine) as session:
        seconds = session.scalars(select(CrawlRun.seconds).order_by(CrawlRun.id.desc())).first()
    engine.dispose()
    return site.sent, seconds or 0.0


def stored(url: str) -> dict[str, Counter[Any]]:
    """Return the rows and the history of a database, without times."""
    engine = make_engine(url)
    with Session(engine) as session:
        nth = {run: nth for nth, run in enumerate(session.scalars(select(CrawlRun.id).order_by(CrawlRun.id)))}

        def of(*columns: Any) -> Counter[Any]:
            return Counter((*map(str, row[:-1]), nth[row[-1]]) for row in session.execute(select(*columns)))

        found = {
            model.__tablename__: of(*model.fields().values(), model.table().c.gone_at, model.table().c.run_id)
            for model in (Book, Review)
        }
        change = RowChange
        found["row_change"] = of(change.table_name, change.row_key, change.kind, change.fields, change.run_id)
    engine.dispose()
    return found


def empty(url: str) -> None:
    engine = make_engine(url)
    upgrade(engine)
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())
    engine.dispose()


def measure(way: str, pages: int, delay: float, database: str | None) -> bool:
    """Crawl the site in both ways, print the figures, and return whether they are within the limits."""
    with tempfile.TemporaryDirectory() as folder:
        delta, full = database or f"sqlite:///{folder}/delta.db", f"sqlite:///{folder}/full.db"
        empty(delta)
        empty(full)
        site, changes = Site(pages, way), Path(folder) / "changes"
        first = crawl(site, delta, "on", delay, changes)
        plain = crawl(site, full, "off", delay, changes)
        site.edition = 2
        second = crawl(site, delta, "on", delay, changes)
        crawl(site, full, "off", delay, changes)
        same = stored(delta) == stored(full)
        site.server.shutdown()
    size, time = second[0] / first[0], second[1] / first[1]
    print(
        f"{way}: {pages} pages, {CHANGED:.0%} changed; first crawl {first[0]:,} bytes in {first[1]:.1f} s "
        f"(without DELTA {plain[1]:.1f} s); second crawl {second[0]:,} bytes ({size:.1%}) in {second[1]:.1f} s "
        f"({time:.1%}); rows and history {'are' if same else 'are NOT'} those of complete crawls",
        flush=True,
    )
    return same and size <= BYTES_LIMIT and (time <= TIME_LIMIT or way == "304")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument(
        "--delay", type=float, default=0.25, help="seconds between two pages of the site (default: 0.25)"
    )
    parser.add_argument(
        "--database", help="for the crawls with DELTA; all its rows are deleted (default: SQLite)"
    )
    parser.add_argument("--way", action="append", choices=WAYS, help="only this way (default: all)")
    options = parser.parse_args()
    within = [measure(way, options.pages, options.delay, options.database) for way in options.way or WAYS]
    if not all(within):
        sys.exit("a figure is above its limit, or the tables differ")


if __name__ == "__main__":
    main()
