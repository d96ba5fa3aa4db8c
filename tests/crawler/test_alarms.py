"""An alarm when a spider's runs turn bad, one when they are good again, and none in between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.crawler.shelf_site import shelf_site
from tests.crawler.test_verdicts import Shelf
from tests.crawls import scrapy


class Endpoint:
    """What Apprise's json:// sends its messages to."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.status = 200
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if endpoint.status == 200:
                    endpoint.messages.append(message)
                self.send_response(endpoint.status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://user:hush-hush@127.0.0.1:{self.server.server_port}/alarms"

    def new(self) -> list[tuple[str, str]]:
        """Type and title of what came since the last look."""
        found = [(message["type"], message["title"]) for message in self.messages]
        self.messages.clear()
        return found


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    endpoint = Endpoint()
    threading.Thread(target=endpoint.server.serve_forever, daemon=True).start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    with shelf_site() as site:
        yield Shelf(site, f"sqlite:///{tmp_path}/shelf.db")


def test_each_change_of_state_is_told_once(shelf: Shelf, endpoint: Endpoint, tmp_path: Path) -> None:
    def crawl(*options: str, **env: str) -> list[tuple[str, str]]:
        done = shelf.crawl("-s", f"ALERT_STATES={tmp_path}/alarms", *options, ALERT_URLS=endpoint.url, **env)
        assert "hush-hush" not in done.stderr
        return endpoint.new()

    shelf.site.shelf(6)
    assert crawl() == []
    shelf.site.pages["/2"]["error"] = "\x1b[2Jthe layout is new"
    shelf.site.pages["/4"]["items"][0]["author"] = None
    assert crawl() == [("failure", "shelf: below its policy (exit code 2)")]
    assert crawl() == []
    nowhere = {"DATABASE_URL": "mysql+pymysql://u@127.0.0.1:1/x"}
    shelf_url, shelf.url = shelf.url, nowhere["DATABASE_URL"]
    assert crawl() == [("failure", "shelf: could not start (exit code 1)")]
    shelf.url = shelf_url
    shelf.site.shelf(6)
    assert crawl() == [("success", "shelf is good again")]
    assert crawl() == []


def test_an_alarm_says_what_happened_with_examples_and_where_to_look(
    shelf: Shelf, endpoint: Endpoint, tmp_path: Path
) -> None:
    shelf.site.shelf(6)
    shelf.site.pages["/2"]["error"] = "\x1b[2Jthe layout is new"
    shelf.site.pages["/4"]["items"][0]["author"] = None
    shelf.crawl("-s", f"ALERT_STATES={tmp_path}/alarms", ALERT_URLS=endpoint.url)
    body = endpoint.messages[0]["message"]
    assert "Run 1 on " in body
    assert "1 of 4 pages failed (MAX_FAILED_SHARE is 5%)" in body
    assert f"{shelf.site.url}/2: ValueError: [2Jthe layout is new" in body
    assert f"{shelf.site.url}/4: author is missing" in body
    assert "scrapy runs show 1" in body and "\x1b" not in body


def test_what_could_not_be_told_is_told_next_time(shelf: Shelf, endpoint: Endpoint, tmp_path: Path) -> None:
    shelf.site.pages["/start"] = {}
    options = ("-s", f"ALERT_STATES={tmp_path}/alarms")
    endpoint.status = 500
    done = shelf.crawl(*options, ALERT_URLS=endpoint.url)
    assert done.returncode == 2 and "the alarm did not reach all of ALERT_URLS" in done.stderr
    assert "hush-hush" not in done.stderr
    endpoint.status = 200
    shelf.crawl(*options, ALERT_URLS=endpoint.url)
    assert endpoint.new() == [("failure", "shelf: below its policy (exit code 2)")]


def test_an_address_that_is_none_is_refused_without_repeating_it() -> None:
    done = scrapy("crawl", "books", ALERT_URLS="nonsense://hush-hush")
    assert done.returncode == 1
    assert "ALERT_URLS has an address that Apprise does not know" in done.stderr
    assert "hush-hush" not in done.stderr
