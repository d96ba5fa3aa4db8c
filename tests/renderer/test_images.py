"""Pages without images: which Chromium renders them, and what their scripts notice."""

from __future__ import annotations

import asyncio
import os
from types import SimpleNamespace
from typing import cast

import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.network.blocking_rules import Rules
from renderer.pool.browser import Browser
from renderer.render.needs import needs_images
from renderer.render.options import Include, RenderOptions
from renderer.tab.tab import Tab
from tests.renderer.conftest import Client, Pages


def test_an_image_of_a_page_without_images_has_no_events(both: Client, pages: Pages) -> None:
    pages.hits.clear()
    assert ">page false0;<" in both.html(f"{pages.url}/images", images=0, wait=0.3)
    assert pages.hits["/pixel.gif"] == 0


def test_renders_with_and_without_images_do_not_mix(splash: Client, pages: Pages) -> None:
    for images in (0, 1, 0, 1):
        pages.hits.clear()
        html = splash.html(f"{pages.url}/images", images=images, wait=0.3)
        assert ("image;" in html, pages.hits["/pixel.gif"] > 0) == (bool(images), bool(images))


@pytest.mark.parametrize(
    ("kind", "options", "needed"),
    [
        ("html", {}, False),
        ("page", {}, False),
        ("json", {}, False),
        ("json", {"include": Include(png=True)}, True),
        ("png", {}, True),
        ("har", {}, True),
        ("html", {"js_source": "1"}, True),
        ("html", {"rules": Rules()}, True),
    ],
)
def test_pictures_and_scripts_need_a_chromium_with_images(
    kind: str, options: dict[str, object], needed: bool
) -> None:
    asked = SimpleNamespace(
        **{"rules": Rules(images=False), "include": Include(), "js_source": "", **options}
    )
    assert needs_images(kind, cast(RenderOptions, asked)) is needed


def test_each_chromium_starts_with_the_first_render_that_needs_it(pages: Pages) -> None:
    async def run() -> list[int]:
        program = find_chromium(None, os.environ)
        browser = Browser(Chromium(program=program, loads_images=False), 1)
        started: list[int] = []

        async def work(tab: Tab) -> None:
            await tab.go(f"{pages.url}/image")
            started.append(len(browser.pids))

        await browser.start()
        try:
            for images in (False, False, True, False):
                await browser.render(work, images=images)
        finally:
            await browser.end()
        return started

    assert asyncio.run(run()) == [1, 1, 2, 2]
