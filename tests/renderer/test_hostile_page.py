"""A web page in a real Chromium against a renderer without a token: none of its requests runs a script."""

from __future__ import annotations

import asyncio
import os
import urllib.request
from collections.abc import Iterator

import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.pool.browser import Browser
from renderer.tab.tab import Tab
from tests.renderer.conftest import Client
from tests.renderer.hostile_page import TOP_LEVEL, HostilePage, hostile_page


@pytest.fixture
def hostile(splash: Client) -> Iterator[HostilePage]:
    with hostile_page(splash.url) as page:
        yield page


def visit(urls: list[str], seconds: float) -> list[str]:
    """Open URLs in a Chromium without a renderer; return the HTML of each page after these seconds."""
    shown: list[str] = []

    async def work(tab: Tab) -> None:
        tab.must_discard = True
        for url in urls:
            await tab.go(url)
            await asyncio.sleep(seconds)  # no event says that the page has tried all attacks
            shown.append(await tab.document.evaluate("document.documentElement.outerHTML"))

    async def run() -> None:
        browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
        try:
            await browser.start()
            await browser.render(work)
        finally:
            await browser.end()

    asyncio.run(run())
    return shown


def test_no_attack_of_a_page_runs_a_script(hostile: HostilePage) -> None:
    shown = visit([f"{hostile.url}/top/{kind}" for kind in TOP_LEVEL], 0.3)
    assert all("web pages may not use this server" in html for html in shown), shown
    visit([f"{hostile.url}/attack"], 1.5)
    assert hostile.ran == []
    # The same URL does run the script when a program requests it.
    with urllib.request.urlopen(hostile.script("program")) as answer:
        assert answer.read() == b"ran" and hostile.ran == ["program"]
