"""Pages that replace functions of the browser, or crash it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web

from tests.renderer.conftest import Client, Site

SHOWN = "<!doctype html><title>T</title><p id=p>shown</p>"
PAGES = {
    "own": f"""{SHOWN}<script>
      for (const name of ['documentElement', 'readyState', 'doctype', 'title', 'URL', 'querySelector', 'evaluate'])
        Object.defineProperty(document, name, {{ get() {{ throw new Error(name) }} }});
      </script>""",
    "names": SHOWN
    + "<form name=documentElement></form>"
    + "".join(
        f"<img name={name}>"
        for name in ("readyState", "doctype", "title", "URL", "querySelector", "evaluate")
    ),
    "prototype": f"""{SHOWN}<script>
      Object.defineProperty(Document.prototype, 'documentElement', {{ get: () => ({{ outerHTML: 42 }}) }});
      </script>""",
    "deep": f"""{SHOWN}<script>
      let inner = document.body;
      for (let n = 0; n < 50000; n++) {{ const div = document.createElement('div'); inner.append(div); inner = div }}
      </script>""",
}


class HostileSite(Site):
    async def answer(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=PAGES[request.path.strip("/")], content_type="text/html")


@pytest.fixture(scope="module")
def site() -> Iterator[HostileSite]:
    with HostileSite() as hostile:
        yield hostile


@pytest.mark.parametrize("page", ["own", "names", "prototype"])
def test_the_html_is_the_document_s_whatever_the_page_put_in_its_place(
    splash: Client, site: HostileSite, page: str
) -> None:
    html = splash.html(f"{site.url}/{page}")
    assert html.startswith("<!DOCTYPE html><html>") and '<p id="p">shown</p>' in html
    described = splash.get("/render.json", url=f"{site.url}/{page}", html=1).json
    assert (described["html"], described["title"], described["url"]) == (html, "T", f"{site.url}/{page}")


@pytest.mark.parametrize("selector", ["#p", "//p[@id='p']"])
@pytest.mark.parametrize("page", ["own", "names"])
def test_an_element_is_found_whatever_the_page_put_in_its_place(
    splash: Client, site: HostileSite, page: str, selector: str
) -> None:
    answer = splash.get("/render.html", url=f"{site.url}/{page}", wait_for=selector, wait_for_timeout=5)
    assert (answer.status, answer.headers["x-splashdown-wait-for"]) == (200, "found")
    assert '<p id="p">shown</p>' in answer.text


def test_a_page_that_crashes_two_tabs_is_an_error_without_a_retry(splash: Client, site: HostileSite) -> None:
    answer = splash.get("/render.html", url=f"{site.url}/deep")
    assert (answer.status, answer.json["type"], answer.json["info"]["type"]) == (502, "RenderError", "Page")
    assert "crashed" in answer.json["info"]["text"]
