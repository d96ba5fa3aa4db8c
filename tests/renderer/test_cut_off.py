"""Pages whose response ends too early, or does not end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.renderer.conftest import Client
from tests.spiders.incomplete_site import ROWS, IncompleteSite, incomplete_site

# Splash does not always notice that a response was cut off, so each test tries it several times.
TRIES = 20


@pytest.fixture(scope="module")
def halves() -> Iterator[IncompleteSite]:
    with incomplete_site() as site:
        yield site


@pytest.mark.parametrize("kind", ["short", "unended", "chunks-reset"])
def test_a_page_that_is_cut_off_is_the_same_error_as_in_splash(
    kind: str, both: Client, halves: IncompleteSite
) -> None:
    url = f"{halves.url}/{kind}/1"
    answers = (both.post("/render.html", url=url, timeout=10) for _ in range(TRIES))
    failed = next(answer for answer in answers if answer.status != 200)
    assert failed.status == 502
    assert failed.json["info"] == {"type": "HTTP", "code": 200, "text": "OK", "url": url}


def test_a_script_gets_the_error_of_a_page_that_is_cut_off_and_sees_an_error_page(
    both: Client, halves: IncompleteSite
) -> None:
    lua = "local ok, why = splash:go(args.url) return {why=why, html=splash:html(), url=splash:url()}"
    url = f"{halves.url}/short/1"
    results = (both.main(lua, url=url, timeout=10) for _ in range(TRIES))
    failed = next(result for result in results if "why" in result)
    assert failed["why"] == "render_error"
    assert failed["url"] == url
    assert "Failed loading page (OK)" in failed["html"] and "<article" not in failed["html"]


def test_a_page_that_is_cut_off_ends_the_wait_of_the_script_that_opened_it(
    both: Client, halves: IncompleteSite
) -> None:
    lua = """
    assert(splash:go(args.base .. '/at-once/1'))
    splash:runjs("location = '" .. args.base .. "/unended/1'")
    local ok, why = splash:wait(5)
    return {why=why}"""
    results = (both.main(lua, base=halves.url, timeout=10) for _ in range(TRIES))
    assert next(result for result in results if "why" in result) == {"why": "render_error"}


def test_a_render_that_waits_for_an_element_says_whether_the_document_is_complete(
    splash: Client, halves: IncompleteSite
) -> None:
    def ask(kind: str, endpoint: str = "/render.html") -> tuple[int, str, int]:
        answer = splash.post(endpoint, url=f"{halves.url}/{kind}/1", wait_for="article", html=1, timeout=10)
        said = answer.headers["x-splashdown-document"]
        if endpoint == "/render.json":
            assert answer.json["document"] == said
        return answer.status, said, answer.text.count("<article")

    assert ask("two-pieces") == (200, "complete", ROWS)
    assert ask("chunks-stall") == (200, "stalled", ROWS // 2)
    assert ask("chunks-stall", "/render.json") == (200, "stalled", ROWS // 2)
    cut = splash.post("/render.html", url=f"{halves.url}/short/1", wait_for="article", timeout=10)
    assert cut.status == 502


def test_a_page_that_stops_itself_is_not_cut_off(splash: Client, halves: IncompleteSite) -> None:
    lua = """
    splash:call_later(function() splash:go(args.url) end, 0)
    splash:wait(0.5)
    splash:runjs("window.stop()")
    local ok, why = splash:wait(0.2)
    return {ok=ok, rows=splash:evaljs("document.querySelectorAll('article').length")}"""
    found = splash.main(lua, url=f"{halves.url}/chunks-stall/1", timeout=10)
    assert found == {"ok": True, "rows": ROWS // 2}
