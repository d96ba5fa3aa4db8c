"""The page at /: it works in a browser, and what it shows can do nothing to it."""

from __future__ import annotations

import asyncio
import base64
import json
import os

import pytest

from renderer.browser import Browser
from renderer.chromium import Chromium, find_chromium
from tests.processes import server
from tests.renderer.conftest import Client


def test_the_page_says_what_it_is_and_loads_nothing_from_elsewhere(splash):
    answer = splash.get("/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "Splash" in answer.text and '"lua_enabled": true' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_results_have_no_origin_in_a_browser(splash, pages):
    assert (
        splash.get("/render.html", url=f"{pages.url}/plain").headers["content-security-policy"] == "sandbox"
    )


def test_the_page_can_be_left_out():
    with server("renderer", "--port", "0", "--exit-with-stdin", "--disable-ui", "--disable-lua") as url:
        assert Client(url).get("/").status == 404


def test_the_page_wants_the_token_too():
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


@pytest.fixture
def use_the_page(splash):
    """Fill in the page at / in a Chromium of its own, and return what each of its tabs shows."""

    def use(url: str, lua: str = ""):
        async def work(tab):
            tab.spoiled = True
            await tab.go(f"{splash.url}/")
            return await tab.evaluate(USE_THE_PAGE % (json.dumps(url), json.dumps(lua)), wait=True)

        async def run():
            browser = Browser(Chromium(program=find_chromium(None, os.environ)), 1)
            try:
                await browser.start()
                return await browser.render(work)
            finally:
                await browser.end()

        return asyncio.run(run())

    return use


def test_a_page_is_shown_as_picture_html_and_archive_and_cannot_do_anything(use_the_page, pages):
    seen = use_the_page(f"{pages.url}/hostile")
    assert seen["state"].startswith("200 after")
    assert [seen[name][0] for name in ("picture", "HTML", "page", "HAR")] == ["IMG", "PRE", "IFRAME", "TABLE"]
    assert "onerror=" in seen["HTML"][1]
    assert f"GET {pages.url}/hostile" in seen["HAR"][1]
    assert seen["hacked"] == "undefined"


def test_a_script_s_result_is_shown(use_the_page, pages):
    seen = use_the_page(
        f"{pages.url}/plain",
        "function main(splash, args) splash:go(args.url) return {title = splash:evaljs('document.title')} end",
    )
    assert json.loads(seen["result"][1]) == {"title": "Plain"}
