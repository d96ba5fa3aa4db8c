"""Renders without ``wait`` load their page without holding its redirects, and again if it navigates by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from renderer.render.unheld_page import HELD_LOADS, MAX_SITES, NavigatingSites
from tests.renderer.conftest import Client
from tests.renderer.navigating_pages import NAVIGATING, PAGES, PlainSite

HELD = {"js_source": ";"}  # a script of the client may need held redirects at any time
OTHERS = ["200", "404", "500", "to/target", "refused", "nothing", "file"]


def test_the_number_of_navigating_sites_is_limited() -> None:
    sites = NavigatingSites()
    for number in range(MAX_SITES + 1):
        sites.add(f"http://site{number}.example/page")
    assert not sites.must_hold("http://site0.example/")
    assert sites.must_hold("http://site1.example/other")
    assert sites.must_hold(f"http://site{MAX_SITES}.example/")


def test_a_site_is_tried_again_after_some_loads() -> None:
    sites = NavigatingSites()
    sites.add("http://site.example/page")
    held = [sites.must_hold("http://site.example/") for _ in range(HELD_LOADS + 1)]
    assert held == [True] * HELD_LOADS + [False]


# -- the pages


@pytest.fixture
def site() -> Iterator[PlainSite]:
    with PlainSite() as served:
        yield served


def outcome(client: Client, endpoint: str, url: str, **arguments: Any) -> Any:
    """Return the status and what a client reads: the HTML and the URL, or the error."""
    answer = client.post(endpoint, url=url, **arguments)
    if answer.status != 200:
        return answer.status, answer.json["info"]
    if endpoint == "/render.html":
        return answer.status, answer.text, answer.headers["x-splashdown-url"]
    return answer.status, {
        name: answer.json.get(name) for name in ("html", "url", "http_status", "appeared", "cut")
    }


@pytest.mark.parametrize("endpoint", ["/render.html", "/render.page"])
@pytest.mark.parametrize(
    "path",
    # Which document of leaves-soon is read is the page's own race: the next test has it.
    [*(path for path in NAVIGATING if path != "leaves-soon"), *OTHERS],
)
def test_the_result_is_the_same_as_with_held_redirects(
    one_tab: Client, site: PlainSite, path: str, endpoint: str
) -> None:
    # On a name of its own: the renderer remembers the sites whose pages navigate.
    url = f"{site.url.replace('127.0.0.1', 'localhost')}/{path}"
    if endpoint == "/render.page":
        held = outcome(one_tab, endpoint, url, resource_timeout=20)
    else:
        held = outcome(one_tab, endpoint, url, **HELD)
    for _ in range(3):  # the second time the tab begins with a frozen page, and the renderer knows the site
        assert outcome(one_tab, endpoint, url) == held
        one_tab.html(f"{site.url}/target", wait_for="#end")


def test_a_page_that_navigates_after_its_load_event_is_one_of_its_documents(
    one_tab: Client, site: PlainSite
) -> None:
    wanted = {
        f"<html><head></head><body>{PAGES[name]}</body></html>".replace("id=end", 'id="end"')
        for name in ("leaves-soon", "target")
    }
    for _ in range(5):
        assert one_tab.html(f"{site.url}/leaves-soon") in wanted


def test_a_page_that_navigates_is_requested_twice_and_its_site_is_remembered(
    one_tab: Client, site: PlainSite
) -> None:
    assert "first" in one_tab.html(f"{site.url}/leaves-at-load")
    assert site.hits["/leaves-at-load"] == 2
    assert "first" in one_tab.html(f"{site.url}/leaves-at-load")
    assert site.hits["/leaves-at-load"] == 3


@pytest.mark.parametrize("arguments", [{"http_method": "POST", "body": "a=1"}, HELD])
def test_a_page_that_must_not_be_requested_twice_is_not(
    one_tab: Client, site: PlainSite, arguments: dict[str, Any]
) -> None:
    one_tab.html(f"{site.url}/leaves-at-load", **arguments)
    assert site.hits["/leaves-at-load"] == 1


@pytest.mark.parametrize("before", ["keeps", "ticks", "listens", "leaves", "leaves-at-load"])
def test_a_render_finds_nothing_of_the_page_before(one_tab: Client, site: PlainSite, before: str) -> None:
    clean = '["",0,0,"","undefined",true]'
    for _ in range(3):
        one_tab.html(f"{site.url}/{before}")
        assert clean in one_tab.html(f"{site.url}/look")
        one_tab.html(f"{site.url}/{before}")
        assert clean in one_tab.html(f"{site.url}/look", wait_for="#end")


def test_a_page_without_its_load_event_is_requested_once(one_tab: Client, site: PlainSite) -> None:
    arguments = {"images": 1, "wait_for_timeout": 0.2}
    page = one_tab.post("/render.page", url=f"{site.url}/slow-tail", **arguments).json
    assert page["appeared"] is False and ">read<" in page["html"]
    assert site.hits["/slow-tail"] == 1


def test_a_redirect_of_the_server_is_followed_once(one_tab: Client, site: PlainSite) -> None:
    assert "second" in one_tab.html(f"{site.url}/to/target")
    assert site.hits["/to/target"] == site.hits["/target"] == 1
