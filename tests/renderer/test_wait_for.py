"""The arguments wait_for and wait_for_timeout of render.*."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages


@pytest.mark.parametrize("kind", ["html", "png", "jpeg", "har", "json"])
def test_every_endpoint_waits_for_an_element_and_says_whether_it_came(
    splash: Client, pages: Pages, kind: str
) -> None:
    path, url = f"/render.{kind}", f"{pages.url}/late"
    assert splash.get(path, url=url, wait_for="p.ready").headers["x-splashdown-wait-for"] == "found"
    answer = splash.get(path, url=url, wait_for="p.never", wait_for_timeout=0.2)
    assert (answer.status, answer.headers["x-splashdown-wait-for"]) == (200, "missing")


@pytest.mark.parametrize("selector", ["//p[@class='ready']", "p.ready", "(//p)[@class='ready']"])
def test_wait_for_returns_when_the_element_is_there(splash: Client, pages: Pages, selector: str) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/late", wait_for=selector)
    assert "by script" in answer.text
    assert answer.headers["x-splashdown-wait-for"] == "found"


@pytest.mark.parametrize("selector", ["/html/body/x-list//h2", "x-list x-item h2"])
def test_wait_for_finds_an_element_in_shadow_roots(splash: Client, pages: Pages, selector: str) -> None:
    url = f"{pages.url}/late-shadow"
    answer = splash.post("/render.html", url=url, wait_for=selector, shadow_roots=1)
    assert answer.headers["x-splashdown-wait-for"] == "found"
    assert '<template shadowrootmode="open"><h2>deep</h2></template>' in answer.text
    answer = splash.post("/render.html", url=url, wait_for=selector, wait_for_timeout=0.6)
    assert answer.headers["x-splashdown-wait-for"] == "missing"


def test_wait_for_does_not_wait_for_the_load_event(splash: Client, pages: Pages) -> None:
    assert "here" in splash.html(f"{pages.url}/never", wait_for="#p", timeout=10)


@pytest.mark.parametrize("endpoint", ["html", "json"])
def test_wait_for_waits_for_the_end_of_the_document(splash: Client, pages: Pages, endpoint: str) -> None:
    # The first entry arrives long before the others.
    answer = splash.post(f"/render.{endpoint}", url=f"{pages.url}/in-pieces", wait_for="//li", html=1)
    assert [f"entry {n}" in answer.text for n in range(4)] == [True] * 4
    assert answer.headers["x-splashdown-wait-for"] == "found"


@pytest.mark.parametrize(
    ("path", "seconds", "last"),
    [
        ("/hanging-script", 10, "entry 3"),
        ("/hanging-script", 0.7, "entry 3"),
        ("/in-many-pieces", 4, "entry 59"),  # the whole document takes 12 s
    ],
)
def test_wait_for_takes_a_document_that_never_ends_unfinished(
    splash: Client, pages: Pages, path: str, seconds: float, last: str
) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}{path}", wait_for="li", wait_for_timeout=seconds)
    assert "entry 0" in answer.text and last not in answer.text
    assert answer.headers["x-splashdown-wait-for"] == "found"


def test_wait_for_takes_a_document_that_changes_while_nothing_more_of_it_comes(
    splash: Client, pages: Pages
) -> None:
    url = f"{pages.url}/hanging-and-busy"
    assert "entry 0" in splash.html(url, wait_for="li", timeout=8, wait_for_timeout=20)


def test_wait_for_takes_a_document_that_its_page_opened_again(splash: Client, pages: Pages) -> None:
    # The page grows for ever, so a wait for its last change would never end.
    html = splash.html(f"{pages.url}/opened-anew", wait_for="li", timeout=8, wait_for_timeout=20)
    assert "entry 0" in html and "entry 1" in html


def test_wait_for_says_that_the_element_is_missing(splash: Client, pages: Pages) -> None:
    answer = splash.post(
        "/render.json", url=f"{pages.url}/late", wait_for="#none", wait_for_timeout=0.3, html=1
    )
    assert answer.status == 200
    assert answer.headers["x-splashdown-wait-for"] == "missing"
    assert answer.json["wait_for"] == "missing"


def test_wait_for_reports_a_page_that_fails(splash: Client, a_closed_port: int) -> None:
    assert splash.get("/render.html", url=f"http://127.0.0.1:{a_closed_port}/", wait_for="p").status == 502


def test_wait_for_refuses_an_invalid_selector(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/plain", wait_for="p[")
    assert answer.json["info"]["argument"] == "wait_for"
