"""/render.page: a page with all that a spider needs of it, as the render script of spiders/lua returns it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from crawler.page.completeness import rendered_ends
from spiders.scripts import lua_script
from tests.renderer.conftest import Client, Pages
from tests.spiders.incomplete_site import IncompleteSite, incomplete_site

OF_ONE_RESPONSE = ("date",)  # headers that differ between two responses of one page


@pytest.fixture(scope="module")
def halves() -> Iterator[IncompleteSite]:
    with incomplete_site() as site:
        yield site


def by_script(splash: Client, url: str, wait_for: str | None) -> dict[str, Any]:
    """Return the answer of the render script to the same request."""
    answer = splash.post(
        "/execute",
        url=url,
        lua_source=lua_script("wait_for"),
        images=0,
        wait_timeout=5,
        timeout=30,
        **({"wait_for": wait_for} if wait_for else {}),
    )
    assert answer.status == 200, answer.text
    result: dict[str, Any] = answer.json
    return result


def by_endpoint(splash: Client, url: str, wait_for: str | None, **arguments: Any) -> dict[str, Any]:
    arguments = {"images": 0, "wait_for_timeout": 5, "timeout": 30, **arguments}
    if wait_for:
        arguments["wait_for"] = wait_for
    answer = splash.post("/render.page", url=url, **arguments)
    assert answer.status == 200, answer.text
    result: dict[str, Any] = answer.json
    return result


def headers_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    pairs = ((header["name"].lower(), header["value"]) for header in result["headers"])
    return sorted(pair for pair in pairs if pair[0] not in OF_ONE_RESPONSE)


@pytest.mark.parametrize(
    "path, wait_for",
    [
        ("/plain", "//p"),
        ("/plain", None),
        ("/redirect", "p"),
        ("/late", "p.ready"),
        ("/cookie", "//p"),
        ("/in-pieces", "//li"),
        ("/no-such-page", "//p"),
        ("/no-such-page", "//article"),
        ("/no-such-page", None),
        ("/hanging-script", "li"),
        ("/leaves", "#p"),
        ("/never", "#p"),
    ],
)
def test_it_has_what_the_render_script_returns(
    splash: Client, pages: Pages, path: str, wait_for: str | None
) -> None:
    found = by_endpoint(splash, f"{pages.url}{path}", wait_for)
    expected = by_script(splash, f"{pages.url}{path}", wait_for)
    for name in ("html", "url", "http_status", "cookies", "cut"):
        assert found[name] == expected[name], name
    if found["http_status"] < 400:  # of an error of the site only the status counts
        assert found["appeared"] == expected["appeared"]
    assert headers_of(found) == headers_of(expected)
    assert [rendered_ends(one) for one in found["documents"]] == [
        rendered_ends(one) for one in expected["documents"]
    ]


def test_the_wait_ends_with_an_error_page_of_the_site(splash: Client, pages: Pages) -> None:
    # The whole wait would be longer than the time of the render.
    found = by_endpoint(splash, f"{pages.url}/no-such-page", "//article", wait_for_timeout=60, timeout=20)
    assert (found["appeared"], found["http_status"]) == (False, 404)


def test_an_element_that_never_comes_is_missing(splash: Client, pages: Pages) -> None:
    found = by_endpoint(splash, f"{pages.url}/late", "p.never", wait_for_timeout=0.3)
    assert (found["appeared"], found["http_status"]) == (False, 200)
    assert "<p" in found["html"]


def test_without_wait_for_a_page_without_its_load_event_did_not_appear(splash: Client, pages: Pages) -> None:
    found = by_endpoint(splash, f"{pages.url}/never", None, images=1, wait_for_timeout=0.5)
    assert not found["appeared"] and "here" in found["html"]


@pytest.mark.parametrize("kind", ["short", "unended", "chunks-reset"])
def test_a_page_that_is_cut_off_is_an_error(splash: Client, halves: IncompleteSite, kind: str) -> None:
    answer = splash.post("/render.page", url=f"{halves.url}/{kind}/1", wait_for="//article", timeout=20)
    assert answer.status == 502 and answer.json["type"] == "RenderError"


@pytest.mark.parametrize("kind", ["gzip-cut", "until-early-close"])
def test_the_bytes_of_a_page_show_an_end_that_http_does_not(
    splash: Client, halves: IncompleteSite, kind: str
) -> None:
    url = f"{halves.url}/{kind}/1"
    found = by_endpoint(splash, url, "//article")
    assert [rendered_ends(one) is None for one in found["documents"]] == [False]


def test_cookies_are_sent_and_come_back_as_they_were_set(splash: Client, pages: Pages) -> None:
    given = [
        {"name": "of-host", "value": "1", "domain": "127.0.0.1", "path": "/"},
        {"name": "of-none", "value": "2"},
        {"name": "old", "value": "3", "domain": "127.0.0.1", "path": "/", "expires": "2001-01-01T00:00:00Z"},
    ]
    found = by_endpoint(splash, f"{pages.url}/sent-cookies", "#sent", cookies=given)
    assert '{"of-host": "1"}' in found["html"]
    assert {cookie["name"] for cookie in found["cookies"]} == {"of-host", "of-none", "old"}
    assert not by_endpoint(splash, f"{pages.url}/plain", "p")["cookies"]


@pytest.mark.parametrize("cookies", ["a=b", [{"name": "a"}], {"a": "b"}])
def test_cookies_of_another_form_are_refused(splash: Client, pages: Pages, cookies: Any) -> None:
    answer = splash.post("/render.page", url=f"{pages.url}/plain", cookies=cookies)
    assert answer.status == 400 and answer.json["info"]["argument"] == "cookies"


def test_the_answer_to_a_ping_names_the_endpoint(splash: Client) -> None:
    assert "render.page" in splash.get("/_ping").json["additions"]


def test_a_page_is_scrolled_to_the_end_of_its_list(splash: Client, pages: Pages) -> None:
    result = by_endpoint(
        splash,
        f"{pages.url}/endless",
        "//li",
        scroll=1000,
        scroll_item="li",
        scroll_wait=0.6,
        scroll_timeout=20,
    )
    assert result["appeared"] and result["scroll"]["reached_end"] and result["html"].count("<li") == 70
    assert result["http_status"] == 200


def test_a_page_without_the_element_is_not_scrolled(splash: Client, pages: Pages) -> None:
    result = by_endpoint(splash, f"{pages.url}/endless", "//table", scroll=1000, wait_for_timeout=1)
    assert not result["appeared"] and "scroll" not in result


def test_a_page_finds_the_storage_of_its_origin_and_returns_what_it_leaves(
    splash: Client, pages: Pages
) -> None:
    storage = {"origin": pages.url, "local": {"a": 'token \u2028 "x"'}, "session": {"b": "tab"}}
    for value in (storage, json.dumps(storage)):
        found = by_endpoint(splash, f"{pages.url}/storage", "#end", auth_storage=value)
        assert '<p>token \u2028 "x" tab</p>' in found["html"]
        left = json.loads(found["auth_storage"])
        assert left == {**storage, "local": {**storage["local"], "c": "new"}}
    # The page removes the token and loads itself again: it must not be there a second time.
    found = by_endpoint(splash, f"{pages.url}/storage?out", "#end", auth_storage=storage)
    assert "<p> tab</p>" in found["html"] and json.loads(found["auth_storage"])["local"] == {"c": "new"}


def test_other_origins_and_later_renders_do_not_find_the_storage(splash: Client, pages: Pages) -> None:
    storage = {"origin": pages.url, "local": {"a": "token"}, "session": {"b": "tab"}}
    other = pages.url.replace("127.0.0.1", "localhost")
    found = by_endpoint(splash, f"{other}/storage", "#end", auth_storage=storage)
    assert "<p> </p>" in found["html"]
    for _ in range(8):  # so that each tab of the pool gets one
        by_endpoint(splash, f"{pages.url}/storage", "#end", auth_storage=storage)
        found = by_endpoint(splash, f"{pages.url}/storage", "#end")
        assert "<p> </p>" in found["html"] and "auth_storage" not in found


@pytest.mark.parametrize("value", ["{", [], {"local": {}}, {"origin": "http://a", "local": {"a": 1}}])
def test_a_storage_in_another_form_is_refused(splash: Client, pages: Pages, value: Any) -> None:
    answer = splash.post("/render.page", url=f"{pages.url}/storage", auth_storage=value)
    assert answer.status == 400 and answer.json["info"]["argument"] == "auth_storage"
