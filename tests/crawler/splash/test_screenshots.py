"""Screenshots of snapshots: the renderer draws the HTML alone, without requests to the site."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from scrapy.settings import Settings

from crawler.splash.screenshots import ScreenshotFailed, Screenshotter, screenshotter_of, strip_active_content
from crawler.splash.server_list import Server

HOSTILE = """<html><head><base href="{site}/base/"><link rel=stylesheet href="{site}/a.css">
<link rel=prefetch href="{site}/b"><meta http-equiv="Refresh" content="0; url={site}/c">
<script src="{site}/d.js"></script><style>@import url({site}/e.css); p {{ background: url({site}/f.png) }}</style>
</head><body onload="new Image().src='{site}/g'"><p>Hello</p><img src="{site}/h.png" srcset="{site}/i.png 2x">
<iframe src="{site}/j"></iframe><object data="{site}/k"></object><video poster="{site}/l" src="{site}/m"></video>
<svg><image href="{site}/n"/><use href="{site}/o#x"/></svg><input type=image src="{site}/p">
<script>fetch("{site}/q"); location = "{site}/r"</script><noscript><img src="{site}/s"></noscript></body></html>"""


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """Yield a site's URL and the list of the request lines that it gets."""
    asked: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(1)
                    asked.append(connection.recv(200).decode("latin-1").partition("\r\n")[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        server.shutdown(socket.SHUT_RDWR)


def test_a_screenshot_sends_no_request_to_the_site(renderer: str, listener: tuple[str, list[str]]) -> None:
    site, asked = listener
    screenshot = Screenshotter(Server(renderer)).draw(HOSTILE.format(site=site).encode(), "utf-8")
    assert screenshot.startswith(b"\x89PNG") and len(screenshot) > 1000
    assert asked == []


@pytest.mark.parametrize(
    "html", ["", "no markup", "<", "\0", "<frameset><frame src=x></frameset>", "<script>"]
)
def test_any_html_gets_a_screenshot(chromium_renderer: str, html: str) -> None:
    assert Screenshotter(Server(chromium_renderer)).draw(html.encode(), "utf-8").startswith(b"\x89PNG")


def test_active_elements_are_removed() -> None:
    html = strip_active_content(HOSTILE.format(site="http://site"))
    assert "Hello" in html
    assert not any(
        word in html for word in ("<script", "<link", "Refresh", "<base", "<iframe", "<object", "<video")
    )


def test_a_renderer_that_refuses_the_connection_raises_screenshot_failed() -> None:
    with pytest.raises(ScreenshotFailed, match="refused"):
        Screenshotter(Server("http://127.0.0.1:9")).draw(b"<p>", "utf-8")


def test_the_next_server_is_asked_after_a_failure(chromium_renderer: str) -> None:
    screenshotter = Screenshotter(Server("http://127.0.0.1:9"), Server(chromium_renderer))
    with pytest.raises(ScreenshotFailed):
        screenshotter.draw(b"<p>", "utf-8")
    assert screenshotter.draw(b"<p>", "utf-8").startswith(b"\x89PNG")


def test_a_crawl_without_renderer_or_scripts_has_no_screenshotter() -> None:
    assert screenshotter_of(Settings({"SPLASH_URL": "", "SPLASH_SCRIPTS": True})) is None
    assert screenshotter_of(Settings({"SPLASH_URL": "http://splash:8050", "SPLASH_SCRIPTS": False})) is None
    found = screenshotter_of(Settings({"SPLASH_URL": "http://u:p@splash:8050, http://other:8050"}))
    assert found is not None
    assert [(server.url, server.auth) for server in found.servers] == [
        ("http://splash:8050/", b"Basic dTpw"),
        ("http://other:8050/", None),
    ]
