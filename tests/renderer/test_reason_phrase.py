"""Pages whose reason phrase is not UTF-8."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from renderer.network.exchanges import Exchange
from renderer.render.reason_phrase import lacks_phrase
from tests.renderer.conftest import Client

PHRASE = "успех".encode("cp1251").decode("latin-1")


@dataclass
class PhraseSite:
    """A site whose pages have the reason phrase ``PHRASE``, and the requests that it answered, by path."""

    url: str = ""
    hits: Counter[str] = field(default_factory=Counter)


@pytest.fixture
def site() -> Iterator[PhraseSite]:
    site = PhraseSite()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            site.hits[path] += 1
            self.send_response(404 if path == "/missing" else 200, PHRASE)
            self.send_header("Content-Type", "text/html")
            if path == "/strict":
                self.send_header("Content-Security-Policy", "default-src 'none'")
            self.send_header("Content-Length", "9")
            self.end_headers()
            self.wfile.write(b"<p>ok</p>")

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        site.url = f"http://127.0.0.1:{server.server_address[1]}"
        yield site
        server.shutdown()
        thread.join(10)


def entries(client: Client, url: str, **arguments: Any) -> list[dict[str, Any]]:
    answer = client.post("/render.har", url=url, **arguments)
    assert answer.status == 200, answer.text
    return [
        one for one in answer.json["log"]["entries"] if not one["request"]["url"].endswith("/favicon.ico")
    ]


@pytest.mark.parametrize("path", ["/page", "/missing"])
def test_an_archive_has_the_phrase_that_the_server_sent(both: Client, site: PhraseSite, path: str) -> None:
    (entry,) = entries(both, site.url + path)
    assert entry["response"]["statusText"] == PHRASE
    assert site.hits[path] == 1


def test_the_history_of_render_json_has_the_phrase(both: Client, site: PhraseSite) -> None:
    (entry,) = both.post("/render.json", url=f"{site.url}/page", history=1).json["history"]
    assert entry["response"]["statusText"] == PHRASE


@pytest.mark.parametrize(
    ("path", "arguments"),
    [
        ("/strict", {}),
        ("/page", {"http_method": "POST", "body": "a=1"}),
    ],
)
def test_a_phrase_that_cannot_be_read_is_the_usual_one_and_costs_no_request(
    splash: Client, site: PhraseSite, path: str, arguments: dict[str, Any]
) -> None:
    (entry,) = entries(splash, site.url + path, **arguments)
    assert entry["response"]["statusText"] == "OK"
    assert site.hits[path] == 1


def test_a_render_with_a_resource_timeout_does_not_request_the_page_again(
    splash: Client, site: PhraseSite
) -> None:
    (entry,) = entries(splash, f"{site.url}/page", resource_timeout=5)
    assert entry["response"]["statusText"] == PHRASE
    assert site.hits["/page"] == 1


@pytest.mark.parametrize(
    ("status_line", "status_text", "lacks"),
    [
        ("HTTP/1.1 200 OK", "OK", False),
        ("HTTP/1.1 200", "", False),  # a server that sends no phrase
        ("", "", False),  # HTTP/2
        ("HTTP/1.1 404 Not Found", "Not Found", False),
        ("HTTP/1.1 200 ontent-Type: text/html", "", True),
    ],
)
def test_a_phrase_is_missing_if_the_status_line_goes_on(
    status_line: str, status_text: str, lacks: bool
) -> None:
    request = {"method": "GET", "url": "http://a/", "headers": {}}
    exchange = Exchange({"request": request, "requestId": "1", "wallTime": 0.0, "timestamp": 0.0})
    exchange.status_line = status_line
    assert lacks_phrase(exchange) is False  # there is no response yet
    exchange.respond({"statusText": status_text, "headers": {}})
    assert lacks_phrase(exchange) is lacks
