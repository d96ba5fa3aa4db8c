"""The isolation of renders from each other, and of the renderer from pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from renderer.egress.host_names import names_of_this_machine
from tests.processes import server
from tests.renderer.conftest import ROOT, Client, Pages


def test_cookies_storage_cache_and_workers_do_not_outlive_a_render(one_tab: Client, pages: Pages) -> None:
    url = f"{pages.url}/keeper"
    before = pages.hits["/cached.gif"]
    for number in (1, 2, 3):
        result = one_tab.main(
            """
            splash:go(args.url)
            for i = 1, 500 do
              local seen = splash:select("#seen")
              if seen then return seen:text() end
              splash:wait(0.02)
            end
            return "the page was not done"
            """,
            url=url,
        )
        cookie, local, session, name, databases, workers, caches = json.loads(result)
        assert (cookie, local, session, name) == ("", None, None, "")
        assert (databases, workers, caches) == ("0", "0", "0")
        assert pages.hits["/cached.gif"] == before + number


@pytest.mark.parametrize(
    "script",
    [
        "fetch('/late-cookie', {keepalive: true})",
        "fetch(new Request('/late-cookie', {keepalive: true}))",
        "navigator.sendBeacon('/late-cookie', 'seen')",
    ],
)
def test_a_request_that_would_outlive_its_page_sets_no_cookie_in_the_next_render(
    one_tab: Client, pages: Pages, script: str
) -> None:
    before = pages.hits["/late-cookie"]
    one_tab.main(
        """
        splash:go(args.url)
        splash:runjs(args.script)
        splash:wait(0.2)
        """,
        url=f"{pages.url}/plain",
        script=script,
    )
    assert pages.hits["/late-cookie"] == before + 1  # it does leave
    result = one_tab.main(
        """
        splash:go(args.url)
        splash:wait(0.6)
        return #splash:get_cookies()
        """,
        url=f"{pages.url}/plain",
    )
    assert result == "0"


def test_a_page_cannot_go_back_to_the_page_of_another_render(one_tab: Client, pages: Pages) -> None:
    for _ in range(3):
        one_tab.html(f"{pages.url}/plain")
    result = one_tab.main(
        """
        splash:go(args.url)
        local length = splash:evaljs("history.length")
        splash:runjs("history.go(1 - history.length); history.back()")
        splash:wait(0.5)
        return {length, splash:url()}
        """,
        url=f"{pages.url}/image",
    )
    assert result["1"] <= 2  # this page, and a blank one before it
    assert "/plain" not in result["2"]


def test_an_archive_has_no_request_of_the_page_before(one_tab: Client, pages: Pages) -> None:
    for _ in range(10):
        one_tab.get("/render.har", url=f"{pages.url}/asks-on", wait=0.03)
        entries = one_tab.get("/render.har", url=f"{pages.url}/plain").json["log"]["entries"]
        assert [entry["request"]["url"] for entry in entries] == [f"{pages.url}/plain"]


def test_settings_of_a_script_do_not_outlive_it(one_tab: Client, pages: Pages) -> None:
    one_tab.main(
        """
        splash:set_user_agent("Mine/1")
        splash:set_custom_headers({["X-Mine"] = "1"})
        splash:set_viewport_size(500, 400)
        splash.images_enabled = false
        splash:autoload("window.mine = 1")
        splash:go(args.url)
        splash.js_enabled = false
        """,
        url=f"{pages.url}/plain",
    )
    result = one_tab.main(
        "splash:go(args.url) return {splash:evaljs('typeof window.mine + innerWidth'), splash.images_enabled}",
        url=f"{pages.url}/image",
    )
    assert result == {"1": "undefined1024", "2": True}
    one_tab.html(f"{pages.url}/plain")
    assert "X-Mine" not in pages.last_headers
    assert "Mine/1" not in pages.last_headers["User-Agent"]


def test_session_storage_of_a_site_that_was_left_is_gone_too(one_tab: Client, pages: Pages) -> None:
    other = pages.url.replace("127.0.0.1", "localhost")
    one_tab.main(
        "splash:go(args.url) splash:runjs('sessionStorage.k = 1') splash:go(args.other)",
        url=f"{pages.url}/plain",
        other=f"{other}/plain",
    )
    stored = one_tab.main(
        "splash:go(args.url) return splash:evaljs('sessionStorage.length')", url=f"{pages.url}/plain"
    )
    assert stored == "0"


def test_a_page_cannot_reach_the_renderer(one_tab: Client, pages: Pages) -> None:
    hosts = {
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "127.1.2.3",
        "x.localhost",
        "localhost.",
        "x.localhost.",
    }
    for host in hosts | names_of_this_machine():
        url = one_tab.url.replace("127.0.0.1", host) + "/_ping"
        answer = one_tab.get("/render.html", url=url)
        assert answer.status == 502, host
    url = f"{one_tab.url}/_ping"
    result = one_tab.main(
        """
        splash:go(args.url)
        return splash:wait_for_resume([[function main(splash) {
          fetch(']] .. args.target .. [[', {mode: 'no-cors'})
            .then(() => splash.resume('reached'), () => splash.resume('not'))
        }]])
        """,
        url=f"{pages.url}/plain",
        target=url,
    )
    assert result == {"value": "not"}


def test_a_name_that_points_at_the_renderer_is_refused(one_tab: Client) -> None:
    assert one_tab.send("/_ping", {"Host": "evil.example"}).status == 403


def test_a_web_page_in_a_browser_is_refused(one_tab: Client) -> None:
    assert one_tab.send("/_ping", {"Sec-Fetch-Site": "cross-site"}).status == 403


def test_a_client_that_disconnects_frees_its_slot(one_tab: Client, pages: Pages) -> None:
    query = f"{one_tab.url}/render.html?url={pages.url}/hang&timeout=60"
    with pytest.raises(TimeoutError):
        urllib.request.urlopen(query, timeout=0.5)
    assert "plain" in one_tab.html(f"{pages.url}/plain", timeout=10)


@pytest.mark.parametrize("option", [["--token", "secret"], []])
def test_the_renderer_requires_its_token_and_accepts_it_in_two_forms(
    option: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not option:
        monkeypatch.setenv("RENDERER_TOKEN", "secret")
    with server("renderer", "--port", "0", "--exit-with-stdin", *option) as url:
        client = Client(url)
        assert client.get("/_ping").status == 401
        assert client.send("/_ping", {"Authorization": "Bearer wrong"}).status == 401
        assert client.send("/_ping", {"Authorization": "Bearer secret"}).status == 200
        assert client.send("/_ping", {"Authorization": "Basic dXNlcjpzZWNyZXQ="}).status == 200


def test_other_hosts_than_loopback_need_a_token() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "renderer", "--host", "0.0.0.0", "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 1
    assert len(ended.stderr.splitlines()) == 1
    assert "--token" in ended.stderr


@pytest.mark.parametrize("program", ["/no/such/program", "true"])
def test_without_a_chromium_one_line_says_what_to_do(program: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "renderer", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"CHROMIUM": program},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 3
    assert "install" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_each_of_many_parallel_renders_gets_its_own_page(splash: Client, pages: Pages) -> None:
    barrier = threading.Barrier(8)

    def render(number: int) -> str:
        barrier.wait(10)
        return splash.html(f"{pages.url}/plain", js_source=f"document.title = 'number {number}'")

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(render, range(8)))
    assert all(f"number {number}" in answer for number, answer in enumerate(answers))


def test_a_script_that_navigates_at_once_sends_the_cookie_that_it_has_set(
    splash: Client, pages: Pages
) -> None:
    url = f"{pages.url}/cookie-and-away"
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: splash.html(url, wait_for="#sent", timeout=10), range(300)))
    assert [answer for answer in answers if '"by": "script"' not in answer] == []
