"""The page at /: it works in a browser, and the results that it shows cannot run scripts in it."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.pool.browser import Browser
from renderer.tab.tab import Tab
from tests.processes import server
from tests.renderer.conftest import Client, Pages


def test_the_start_page_loads_nothing_from_other_origins(splash: Client) -> None:
    answer = splash.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Splash" in answer.text and '"lua_enabled": true' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_results_have_no_origin_in_a_browser(splash: Client, pages: Pages) -> None:
    assert (
        splash.get("/render.html", url=f"{pages.url}/plain").headers["content-security-policy"] == "sandbox"
    )


def test_disable_ui_removes_the_start_page() -> None:
    with server("renderer", "--port", "0", "--exit-with-stdin", "--disable-ui", "--disable-lua") as url:
        assert Client(url).get("/").status == 404


def test_the_start_page_requires_the_token() -> None:
    with server("renderer", "--port", "0", "--exit-with-stdin", "--token", "s3cret", "--disable-lua") as url:
        client = Client(url)
        assert client.get("/").status == 401
        basic = base64.b64encode(b"any:s3cret").decode()
        answer = client.send("/", {"Authorization": f"Basic {basic}"})
        assert answer.status == 200 and '"lua_enabled": false' in answer.text


USE_THE_PAGE = """(async () => {
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
  const by = id => document.getElementById(id);
  by('url').value = %s;
  by('lua').value = %s;
  by('ask').requestSubmit();
  for (let i = 0; i < 200 && by('tabs').children.length === 0; i++) await sleep(50);
  const seen = {state: by('state').textContent};
  for (const tab of [...by('tabs').children]) {
    tab.click();
    await sleep(100);
    seen[tab.textContent] = [by('shown').firstChild.tagName, by('shown').textContent];
  }
  seen.hacked = String(window.hacked);
  return seen;
})()"""


UseThePage = Callable[..., dict[str, Any]]


@pytest.fixture
def use_the_page(splash: Client) -> UseThePage:
    """Return a function that fills in the page at / in another Chromium, and returns the content of its tabs."""

    def use(url: str, lua: str = "") -> dict[str, Any]:
        async def work(tab: Tab) -> Any:
            tab.must_discard = True
            await tab.go(f"{splash.url}/")
            return await tab.document.evaluate(USE_THE_PAGE % (json.dumps(url), json.dumps(lua)), wait=True)

        async def run() -> Any:
            browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
            try:
                await browser.start()
                return await browser.render(work)
            finally:
                await browser.end()

        seen: dict[str, Any] = asyncio.run(run())
        return seen

    return use


def test_the_start_page_shows_a_hostile_page_without_running_it(
    use_the_page: UseThePage, pages: Pages
) -> None:
    seen = use_the_page(f"{pages.url}/hostile")
    assert seen["state"].startswith("200 after")
    assert [seen[name][0] for name in ("picture", "HTML", "page", "HAR")] == ["IMG", "PRE", "IFRAME", "TABLE"]
    assert "onerror=" in seen["HTML"][1]
    assert f"GET {pages.url}/hostile" in seen["HAR"][1]
    assert seen["hacked"] == "undefined"


def test_the_start_page_shows_the_result_of_a_script(use_the_page: UseThePage, pages: Pages) -> None:
    seen = use_the_page(
        f"{pages.url}/plain",
        "function main(splash, args) splash:go(args.url) return {title = splash:evaljs('document.title')} end",
    )
    assert json.loads(seen["result"][1]) == {"title": "Plain"}
