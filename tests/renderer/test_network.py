"""The archive of a render's requests, and the rules that block requests."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.processes import server
from tests.renderer.conftest import PIXEL, Answer, Client, Pages


def entries(answer: Answer) -> list[tuple[str, int]]:
    return [(e["request"]["url"], e["response"]["status"]) for e in answer.json["log"]["entries"]]


def test_the_archive_of_a_page_has_every_exchange(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.har", url=f"{pages.url}/image")
    assert answer.headers["content-type"].startswith("application/json")
    assert entries(answer) == [(f"{pages.url}/image", 200), (f"{pages.url}/pixel.gif", 200)]
    assert answer.json["log"]["browser"]["version"]


def test_the_archive_has_a_page_for_each_document(both: Client, pages: Pages) -> None:
    log = both.get("/render.har", url=f"{pages.url}/leaves", wait=0.5).json["log"]
    assert [page["id"] for page in log["pages"]] == ["1", "2"]
    assert [entry["pageref"] for entry in log["entries"]] == ["1", "2"]
    shown = log["pages"][1]
    assert shown["startedDateTime"] == log["entries"][1]["startedDateTime"]
    assert shown["title"] == "Plain"
    assert 0 <= shown["pageTimings"]["onContentLoad"] <= shown["pageTimings"]["onLoad"]


def test_the_title_of_a_page_that_was_left_is_its_url(splash: Client, pages: Pages) -> None:
    log = splash.main(
        "splash:go(args.url .. '/image') splash:go(args.url .. '/plain') return splash:har().log",
        url=pages.url,
    )
    assert [page["title"] for page in log["pages"]] == [f"{pages.url}/image", "Plain"]
    assert [entry["pageref"] for entry in log["entries"]] == ["1", "1", "2"]


def test_redirects_and_frames_are_entries_of_their_page(both: Client, pages: Pages) -> None:
    log = both.get("/render.har", url=f"{pages.url}/redirect", wait=0.1).json["log"]
    assert [page["title"] for page in log["pages"]] == ["Plain"]
    assert [entry["pageref"] for entry in log["entries"]] == ["1", "1"]
    log = both.get("/render.har", url=f"{pages.url}/framed", wait=0.1).json["log"]
    assert [page["title"] for page in log["pages"]] == ["F"]
    assert [entry["pageref"] for entry in log["entries"]] == ["1", "1"]


def test_an_archive_after_a_reset_has_a_page_for_later_requests(both: Client, pages: Pages) -> None:
    log = both.main(
        """
        splash:go(args.url)
        splash:har_reset()
        local empty = splash:har()
        splash:runjs("fetch('/pixel.gif')")
        splash:wait(0.3)
        return {empty, splash:har()}
        """,
        url=f"{pages.url}/plain",
    )
    assert [len(log[number]["log"]["pages"]) for number in "12"] == [1, 1]
    assert log["1"]["log"]["entries"] == []
    assert log["1"]["log"]["pages"][0]["pageTimings"]["onLoad"] == -1


def test_the_timings_of_an_exchange_add_up_to_its_time(both: Client, pages: Pages) -> None:
    for path in ("/image", "/slow", "/redirect"):
        log = both.get("/render.har", url=pages.url + path, wait=0.1).json["log"]
        for entry in log["entries"]:
            parts = [value for name, value in entry["timings"].items() if name != "ssl" and value >= 0]
            assert sum(parts) == pytest.approx(entry["time"], abs=1)
    answer = both.get("/render.har", url=f"{pages.url}/slow", wait=0.1)
    assert answer.json["log"]["entries"][0]["timings"]["wait"] >= 200  # of 300


def test_the_archive_has_an_entry_for_each_hop_of_a_redirect(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.har", url=f"{pages.url}/redirect")
    assert entries(answer) == [(f"{pages.url}/redirect", 302), (f"{pages.url}/plain", 200)]
    assert answer.json["log"]["entries"][0]["response"]["redirectURL"] == "/plain"


def test_a_redirect_that_was_not_followed_is_not_in_the_archive(splash: Client, pages: Pages) -> None:
    assert entries(splash.get("/render.har", url=f"{pages.url}/meta")) == [(f"{pages.url}/meta", 200)]


def test_a_page_shown_as_another_one_is_archived_as_it_was_fetched(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.har", url=f"{pages.url}/redirect", baseurl="http://shop.invalid/")
    assert entries(answer) == [(f"{pages.url}/redirect", 302), (f"{pages.url}/plain", 200)]


def test_an_archive_has_bodies_only_on_request(splash: Client, pages: Pages) -> None:
    plain = splash.get("/render.har", url=f"{pages.url}/image").json["log"]["entries"]
    assert not any("text" in entry["response"]["content"] for entry in plain)
    told = splash.get("/render.har", url=f"{pages.url}/image", response_body=1).json["log"]["entries"]
    content = told[1]["response"]["content"]
    assert (base64.b64decode(content["text"]), content["encoding"]) == (PIXEL, "base64")


def test_a_form_s_body_is_text_and_others_are_base64(splash: Client, pages: Pages) -> None:
    def body_of(**arguments: Any) -> Any:
        answer = splash.post(
            "/render.json", url=f"{pages.url}/echo", har=1, http_method="POST", request_body=1, **arguments
        )
        return answer.json["har"]["log"]["entries"][0]["request"]["postData"]

    form = "application/x-www-form-urlencoded"
    assert body_of(body="a=b") == {"mimeType": form, "text": "a=b"}
    told = body_of(body="{}", headers={"Content-Type": "application/json"})
    assert told == {"mimeType": "application/json", "encoding": "base64", "text": "e30="}


@pytest.mark.parametrize(
    ("arguments", "asked", "shown"),
    [
        ({}, True, True),
        ({"forbidden_content_types": "image/*"}, True, False),
        ({"forbidden_content_types": ["image/gif"]}, True, False),
        ({"forbidden_content_types": "text/css, image/*"}, True, False),
        ({"allowed_content_types": "text/html"}, True, False),
        ({"allowed_content_types": "text/*,image/gif"}, True, True),
        ({"images": 0}, False, False),
    ],
)
def test_a_render_blocks_responses_by_their_type(
    splash: Client, pages: Pages, arguments: dict[str, Any], asked: bool, shown: bool
) -> None:
    before = pages.hits["/pixel.gif"]
    answer = splash.post(
        "/render.json",
        url=f"{pages.url}/image",
        js_source="String(document.images[0].naturalWidth)",
        script=1,
        **arguments,
    )
    assert (pages.hits["/pixel.gif"] > before) is asked
    assert answer.json["script"] == ("1" if shown else "0")


@pytest.mark.parametrize(
    ("arguments", "asked", "kind"),
    [
        ({}, True, "undefined"),
        ({"html5_media": 0}, False, "undefined"),
        ({"html5_media": 1}, True, "function"),
    ],
)
def test_media_are_off_unless_the_render_turns_them_on(
    splash: Client, pages: Pages, arguments: dict[str, Any], asked: bool, kind: str
) -> None:
    before = pages.hits["/sound.wav"]
    answer = splash.post(
        "/render.json",
        url=f"{pages.url}/sound",
        js_source="typeof document.createElement('video').canPlayType",
        script=1,
        wait=0.2,
        **arguments,
    )
    assert answer.json["script"] == kind
    assert (pages.hits["/sound.wav"] > before) is asked


@pytest.mark.parametrize("arguments", [{}, {"html5_media": 0}])
def test_a_page_that_plays_media_has_no_script_error(
    splash: Client, pages: Pages, arguments: dict[str, Any]
) -> None:
    answer = splash.post(
        "/render.json", url=f"{pages.url}/plays", wait_for="p.refused", script_errors=1, **arguments
    )
    assert (answer.json["wait_for"], answer.json["script_errors"]) == ("found", [])


def test_urls_in_the_archive_are_readable(splash: Client, pages: Pages) -> None:
    url = f"{pages.url}/echo?a=%C3%A1%20b%2Fc&spoilt=%FF&hidden=%E2%80%AE"
    entry = splash.get("/render.har", url=url).json["log"]["entries"][0]
    readable = url.replace("%C3%A1", "\u00e1").replace("%20", " ")
    assert (entry["request"]["url"], entry["response"]["url"]) == (readable, readable)


def test_a_page_of_a_forbidden_type_is_an_error(both: Client, pages: Pages) -> None:
    answer = both.get("/render.html", url=f"{pages.url}/plain", forbidden_content_types="text/html")
    info = answer.json["info"]
    assert (answer.status, info["type"], info["code"]) == (502, "HTTP", 200)


@pytest.fixture(scope="module")
def equipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a renderer with filter lists and script profiles."""
    folder = tmp_path_factory.mktemp("equipped")
    lists, scripts = folder / "filters", folder / "js"
    lists.mkdir()
    (scripts / "twice").mkdir(parents=True)
    (lists / "default.txt").write_text("! ours\n/pixel.gif\n")
    (lists / "scripts.txt").write_text("/script.js\n")
    (lists / "frames.txt").write_text("||127.0.0.1^$subdocument\n")
    (scripts / "twice" / "1.js").write_text("function once(x) { return x; }")
    (scripts / "twice" / "2.js").write_text("function twice(x) { return once(x) + once(x); }")
    (scripts / "secret.js").write_text("'never'")
    options = ("--filters-path", str(lists), "--js-profiles-path", str(scripts))
    with server("renderer", "--port", "0", "--exit-with-stdin", *options) as url:
        yield Client(url)


def test_the_default_filters_apply_unless_others_are_named(equipped: Client, pages: Pages) -> None:
    before = pages.hits["/pixel.gif"]
    equipped.html(f"{pages.url}/image")
    assert pages.hits["/pixel.gif"] == before
    for names in ("none", "frames"):
        equipped.html(f"{pages.url}/image", filters=names)
    assert pages.hits["/pixel.gif"] == before + 2
    equipped.html(f"{pages.url}/image", filters="frames,default")
    assert pages.hits["/pixel.gif"] == before + 2


def test_filters_know_kinds_of_requests_and_never_refuse_the_page_itself(
    equipped: Client, pages: Pages
) -> None:
    before = pages.hits["/plain"]
    assert "<title>F" in equipped.html(f"{pages.url}/framed", filters="frames")
    assert pages.hits["/plain"] == before


def test_filters_block_the_first_requests_of_a_page(equipped: Client, pages: Pages) -> None:
    before = pages.hits["/script.js"]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: equipped.html(f"{pages.url}/scripted", filters="scripts"), range(300)))
    assert pages.hits["/script.js"] == before


def test_filters_block_requests_in_scripts(equipped: Client, pages: Pages) -> None:
    before = pages.hits["/pixel.gif"]
    equipped.main("assert(splash:go(args.url))", url=f"{pages.url}/image")
    assert pages.hits["/pixel.gif"] == before


@pytest.mark.parametrize("path", ["/render.html", "/execute"])
def test_the_error_of_unknown_filters_names_them(equipped: Client, path: str) -> None:
    answer = equipped.post(path, url="http://x/", lua_source="", filters="frames,nothing")
    assert (answer.status, answer.json["info"]["description"]) == (400, "Invalid filter names: ['nothing']")


def test_a_script_profile_runs_before_the_client_s_script(equipped: Client, pages: Pages) -> None:
    answer = equipped.post(
        "/render.json", url=f"{pages.url}/plain", js="twice", js_source="twice('ab')", script=1
    )
    assert answer.json["script"] == "abab"


@pytest.mark.parametrize("name", ["nothing", "../filters", "..", ".", "secret.js", "/etc"])
def test_a_script_profile_is_a_folder_inside_the_folder(equipped: Client, pages: Pages, name: str) -> None:
    answer = equipped.get("/render.html", url=f"{pages.url}/plain", js=name)
    assert (answer.status, answer.json["info"]["argument"]) == (400, "js")


def test_the_archive_has_the_cookies_that_were_sent(both: Client, pages: Pages) -> None:
    log = both.main(
        """
        splash:go(args.url .. "/cookie")
        splash:go(args.url .. "/image")
        splash:wait(0.1)
        return splash:har().log
        """,
        url=pages.url,
    )
    page, picture = log["entries"][-2:]
    [cookie] = page["request"]["cookies"]
    assert picture["request"]["cookies"] == [cookie]
    assert (cookie.pop("name"), cookie.pop("value")) == ("from", "server")
    assert cookie == {"path": "", "domain": "", "httpOnly": False, "secure": False}
