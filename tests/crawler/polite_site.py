"""PoliteSite: a site that refuses and limits requests as its test says, and the runs of PoliteSpider on it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.crawls import KEPT_PAGES, scrapy
from tests.prepared_process import Forked, start_scrapy

MODULES = ("-s", "SPIDER_MODULES=tests.crawler.polite_spider")
NO_RENDERER = ("-s", "RENDERER_ENABLED=0")


@dataclass(frozen=True)
class Answer:
    """A response of the site."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def quote_page(number: int, *links: str) -> Answer:
    """Return a page with one quote, and with links."""
    anchors = "".join(f'<a class="next" href="{link}">next</a>' for link in links)
    return Answer(body=f'<html><body><p class="quote" id="{number}">body {number}</p>{anchors}</body></html>')


class PoliteSite:
    """A site at two hosts: 127.0.0.1 and localhost.

    Attributes:
        answers: the responses of each path, one after the other; the last one stays. Other paths have HTTP 404.
        asked: the path of each request, with the seconds of the monotonic clock.
    """

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, float]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, time.monotonic()))
                answers = site.answers.get(self.path, [Answer(404)])
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                body = answer.body.encode()
                with contextlib.suppress(OSError):  # the crawl may be dead
                    self.send_response(answer.status)
                    for name, value in {"Content-Type": "text/html", **answer.headers}.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.url, self.other_url = f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}"

    def asks_for(self, path: str) -> list[float]:
        """Return when the path was asked for."""
        return [when for asked, when in list(self.asked) if asked == path]


@contextlib.contextmanager
def polite_site() -> Iterator[PoliteSite]:
    """Serve a PoliteSite until the block ends."""
    site = PoliteSite()
    thread = threading.Thread(target=site.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        site.server.server_close()


def crawl(site: PoliteSite, url: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run ``scrapy crawl polite`` with the database at ``url`` to its end. It renders if ``env`` has SPLASH_URL."""
    options += () if "SPLASH_URL" in env else NO_RENDERER
    return scrapy("crawl", "polite", *MODULES, *options, DATABASE_URL=url, DEMO_URL=site.url, **env)


def start(site: PoliteSite, url: str, *options: str, **env: str) -> Forked:
    """Start ``scrapy crawl polite`` without a renderer and return its process; its log is on standard output."""
    ours = {
        "SPLASHDOWN_ENV_FILE": "",
        "KEPT_PAGES_FOLDER": KEPT_PAGES,
        "DATABASE_URL": url,
        "DEMO_URL": site.url,
    }
    return start_scrapy(["crawl", "polite", *MODULES, *NO_RENDERER, *options], os.environ | ours | env)


def last_run(url: str) -> dict[str, Any]:
    """Return what ``scrapy runs`` says about the newest run."""
    run: dict[str, Any] = json.loads(scrapy("runs", "--json", "--limit", "1", DATABASE_URL=url).stdout)
    return run


def last_run_with_pages(url: str) -> dict[str, Any]:
    """Return what ``scrapy runs show`` says about the newest run: also its failed, refused and ignored pages."""
    shown = scrapy("runs", "show", str(last_run(url)["id"]), "--json", DATABASE_URL=url)
    run: dict[str, Any] = json.loads(shown.stdout)
    return run
