"""render.*: results of pages, and errors of pages that fail."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from tests.renderer.conftest import Client, Pages


def png_size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def test_the_html_has_the_changes_of_scripts(splash: Client, pages: Pages) -> None:
    assert "by script" in splash.html(f"{pages.url}/late", wait=0.3)


def test_without_wait_the_html_is_that_of_the_load_event(splash: Client, pages: Pages) -> None:
    assert "waiting" in splash.html(f"{pages.url}/much-later")


def test_html_is_sent_as_utf8_with_its_doctype(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/plain")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.startswith("<!DOCTYPE html>")


def test_the_page_of_a_404_is_rendered(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/nowhere")
    assert answer.status == 200
    assert "no page" in answer.text


def test_a_refused_connection_is_code_1(splash: Client, a_closed_port: int) -> None:
    url = f"http://127.0.0.1:{a_closed_port}/"
    answer = splash.get("/render.html", url=url)
    assert answer.status == 502
    assert answer.json["type"] == "RenderError"
    assert answer.json["info"] == {"type": "Network", "code": 1, "text": "Connection refused", "url": url}


def test_an_unknown_host_is_code_3(splash: Client) -> None:
    answer = splash.get("/render.html", url="http://no-such-host.invalid/")
    assert (answer.status, answer.json["info"]["code"]) == (502, 3)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "chrome://version", "javascript:1", "x"])
def test_other_schemes_than_http_are_code_301(splash: Client, url: str) -> None:
    answer = splash.get("/render.html", url=url)
    assert answer.status == 502
    assert answer.json["info"] == {
        "type": "Network",
        "code": 301,
        "text": 'Protocol "" is unknown',
        "url": "",
    }


def test_a_page_cannot_show_local_files(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.json", url=f"{pages.url}/local-frame", wait=0.3, html=1, iframes=1)
    assert answer.status == 200
    assert "root:" not in answer.text


def test_a_page_that_takes_too_long_is_504(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/hang", timeout=0.5)
    assert (answer.status, answer.json["type"]) == (504, "GlobalTimeoutError")
    assert answer.json["info"]["timeout"] == 0.5


def test_a_load_event_that_never_comes_is_504(splash: Client, pages: Pages) -> None:
    assert splash.get("/render.html", url=f"{pages.url}/never", timeout=0.7).status == 504


def test_resource_timeout_ends_only_the_slow_resource(splash: Client, pages: Pages) -> None:
    assert "here" in splash.html(f"{pages.url}/never", resource_timeout=0.3, timeout=10)


def test_resource_timeout_of_the_page_itself_is_code_5(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/hang", resource_timeout=0.3, timeout=10)
    assert (answer.status, answer.json["info"]["code"]) == (502, 5)


def test_wait_follows_a_redirect_by_the_page(splash: Client, pages: Pages) -> None:
    assert "plain" in splash.html(f"{pages.url}/meta", wait=0.4)


def test_without_wait_a_redirect_by_the_page_is_not_followed(splash: Client, pages: Pages) -> None:
    assert "<title>M" in splash.html(f"{pages.url}/meta")


@pytest.mark.parametrize("path", ["/leaves", "/leaves-at-load", "/meta"])
def test_a_held_redirect_is_invisible_without_wait_and_followed_with_wait(
    splash: Client, pages: Pages, path: str
) -> None:
    for _ in range(5):
        answer = splash.post("/render.json", url=f"{pages.url}{path}", html=1, history=1)
        assert answer.json["url"] == f"{pages.url}{path}"
        assert [entry["request"]["url"] for entry in answer.json["history"]] == [f"{pages.url}{path}"]
    assert "plain</p>" in splash.html(f"{pages.url}{path}", wait=0.3)


def test_without_wait_a_redirect_before_the_load_event_is_followed(splash: Client, pages: Pages) -> None:
    assert "plain</p>" in splash.html(f"{pages.url}/leaves-later")


def test_a_redirect_before_the_load_event_that_fails_is_an_error(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/leaves-in-vain")
    assert (answer.status, answer.json["info"]["code"]) == (502, 3)


def test_without_wait_a_redirect_of_a_server_is_followed(splash: Client, pages: Pages) -> None:
    assert "plain</p>" in splash.html(f"{pages.url}/redirect")


def test_the_result_has_a_frame_that_the_load_event_adds(splash: Client, pages: Pages) -> None:
    answer = splash.post("/render.json", url=f"{pages.url}/frame-at-load", html=1, iframes=1)
    assert "slow" in answer.json["childFrames"][0]["html"]


@pytest.mark.parametrize(
    "headers", [{"Host": "shop.example"}, {"Connection": "close, X-Mine"}], ids=["host", "connection"]
)
def test_headers_of_the_connection_reach_the_server(
    splash: Client, pages: Pages, headers: dict[str, str]
) -> None:
    html = splash.html(f"{pages.url}/echo", headers={**headers, "X-Mine": "1", "User-Agent": "me"}, timeout=5)
    assert '"X-Mine": "1"' in html and '"User-Agent": "me"' in html
    assert all(f'"{name}": "{value}"' in html for name, value in headers.items())


def test_headers_copied_from_a_browser_leave_the_request_to_chromium(splash: Client, pages: Pages) -> None:
    host = pages.url.partition("//")[2]
    headers = {
        "Host": host,
        "Connection": "keep-alive",
        "TE": "trailers",
        "Content-Length": "7",
        "X-Mine": "1",
    }
    html = splash.html(f"{pages.url}/echo", headers=headers, timeout=5)
    assert '"X-Mine": "1"' in html and f'"Host": "{host}"' in html
    assert "Accept-Encoding" in html  # requests of our own client have none


@pytest.mark.parametrize("path", ["/refresh-dot", "/refresh-quoted"])
def test_a_refresh_waits_for_its_fraction_of_a_second(splash: Client, pages: Pages, path: str) -> None:
    assert "<title>R" in splash.html(f"{pages.url}{path}", wait=0.05)
    assert "plain" in splash.html(f"{pages.url}{path}", wait_for="//title[. = 'Plain']")
    script = """
    splash:go(args.url) splash:wait(0.05)
    local before = splash:html()
    for _ = 1, 100 do
      local title = splash:select('title')  -- there is none before the page arrives
      if title and title:text() == 'Plain' then return before end
      splash:wait(0.1)
    end
    """
    assert "<title>R" in splash.main(script, url=f"{pages.url}{path}")


def test_a_page_can_refresh_itself_after_a_fraction_of_a_second(splash: Client, pages: Pages) -> None:
    assert (
        splash.post("/render.json", url=f"{pages.url}/refresh-itself", wait_for="p.again").json["wait_for"]
        == "found"
    )


def test_a_redirect_that_fails_during_wait_is_an_error(splash: Client, pages: Pages) -> None:
    assert splash.get("/render.html", url=f"{pages.url}/broken-redirect", wait=0.5).status == 502


def test_dialogs_never_block(splash: Client, pages: Pages) -> None:
    assert "falsenull" in splash.html(f"{pages.url}/alerts")


def test_popups_do_not_open(splash: Client, pages: Pages) -> None:
    before = pages.hits["/plain"]
    assert '<p id="p">null</p>' in splash.html(f"{pages.url}/popup", wait=0.2)
    assert pages.hits["/plain"] == before


def test_a_page_that_closes_itself_is_still_there(splash: Client, pages: Pages) -> None:
    assert "still here" in splash.html(f"{pages.url}/closes", wait=0.1)


def test_an_endless_loop_in_a_page_does_not_block_other_renders(splash: Client, pages: Pages) -> None:
    assert splash.get("/render.html", url=f"{pages.url}/loop", wait=0.3, timeout=1).status == 504
    assert "plain" in splash.html(f"{pages.url}/plain")


def test_js_source_runs_before_the_result(splash: Client, pages: Pages) -> None:
    script = "document.title = 'changed'; 1 + 1"
    result = splash.post("/render.json", url=f"{pages.url}/plain", js_source=script, script=1).json
    assert (result["title"], result["script"]) == ("changed", 2)


def test_js_source_may_be_the_body_of_a_post(splash: Client, pages: Pages) -> None:
    path = f"/render.html?url={pages.url}/plain"
    answer = splash.post(path, "application/javascript", b"document.title = 'by post'")
    assert "<title>by post</title>" in answer.text


def test_a_strict_content_security_policy_does_not_stop_scripts_of_the_client(
    splash: Client, pages: Pages
) -> None:
    html = splash.html(f"{pages.url}/strict", js_source="document.querySelector('p').textContent = 'mine'")
    assert "mine" in html


def test_json_has_url_title_and_geometry(splash: Client, pages: Pages) -> None:
    url = f"{pages.url}/redirect"
    result = splash.post("/render.json", url=url).json
    assert result == {
        "url": f"{pages.url}/plain",
        "requestedUrl": url,
        "title": "Plain",
        "geometry": [0, 0, 1024, 768],
    }


def test_json_has_the_parts_that_the_request_includes(splash: Client, pages: Pages) -> None:
    result = splash.post(
        "/render.json", url=f"{pages.url}/framed", html=1, iframes=1, png=1, history=1, har=1
    ).json
    assert "<iframe" in result["html"]
    [frame] = result["childFrames"]
    assert "plain" in frame["html"]
    assert frame["frameName"] == "inner"
    assert result["frameName"] == ""
    assert png_size(base64.b64decode(result["png"])) == (1024, 768)
    assert [entry["response"]["status"] for entry in result["history"]] == [200]
    urls = [entry["request"]["url"] for entry in result["har"]["log"]["entries"]]
    assert {f"{pages.url}/framed", f"{pages.url}/plain"} <= set(urls)


def test_the_history_of_a_redirect_is_its_final_page(splash: Client, pages: Pages) -> None:
    history = splash.post("/render.json", url=f"{pages.url}/redirect", history=1).json["history"]
    assert [entry["request"]["url"] for entry in history] == [f"{pages.url}/plain"]


def test_the_console_has_what_the_client_s_script_writes(both: Client, pages: Pages) -> None:
    script = (
        "console.log('mine', 5); console.log({a: 1}); console.log(null); console.log([1, 2]);"
        "setTimeout(function () { console.log('late') }, 10); 7"
    )
    result = both.post("/render.json", url=f"{pages.url}/console", console=1, script=1, js_source=script).json
    assert result["console"] == ["mine", "[object Object]", "", "1,2"]
    assert result["script"] == 7
    script = "console.log('before'); nothing.there; console.log('after')"
    result = both.post("/render.json", url=f"{pages.url}/console", console=1, script=1, js_source=script).json
    assert result["console"] == ["before"]
    assert "script" not in result
    result = both.post("/render.json", url=f"{pages.url}/console", console=1).json
    assert "console" not in result


def test_a_page_without_a_console_of_its_own_does_not_hide_what_the_client_s_script_writes(
    splash: Client, pages: Pages
) -> None:
    script = "console.warn('mine')"
    result = splash.post("/render.json", url=f"{pages.url}/quiet", console=1, js_source=script).json
    assert result["console"] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ({}, (1024, 768)),
        ({"viewport": "640x480"}, (640, 480)),
        ({"width": 512}, (512, 384)),
        ({"width": 512, "height": 100}, (512, 100)),
        ({"render_all": 1, "wait": 0.1}, (1024, 3000)),
        ({"viewport": "full", "wait": 0.1}, (1024, 3000)),
    ],
)
def test_a_png_has_the_requested_size(
    splash: Client, pages: Pages, arguments: dict[str, Any], size: tuple[int, int]
) -> None:
    answer = splash.post("/render.png", url=f"{pages.url}/tall", **arguments)
    assert answer.headers["content-type"] == "image/png"
    assert png_size(answer.body) == size


def test_a_jpeg_is_a_jpeg(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.jpeg", url=f"{pages.url}/plain", quality=50)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.body.startswith(b"\xff\xd8\xff")


def test_headers_go_with_the_first_request_only_but_the_user_agent_with_all(
    splash: Client, pages: Pages
) -> None:
    splash.html(f"{pages.url}/meta", wait=0.4, headers={"X-Mine": "1", "User-Agent": "Me/1"})
    assert pages.last_headers["User-Agent"] == "Me/1"
    assert "X-Mine" not in pages.last_headers
    splash.html(f"{pages.url}/plain", headers=[["X-Mine", "1"]])
    assert pages.last_headers["X-Mine"] == "1"
    assert "Me/1" not in pages.last_headers["User-Agent"]


def test_a_cookie_header_reaches_the_page(splash: Client, pages: Pages) -> None:
    splash.html(f"{pages.url}/plain", headers={"Cookie": "a=b"})
    assert pages.last_headers.get("Cookie") == "a=b"


def test_a_post_sends_its_body(splash: Client, pages: Pages) -> None:
    html = splash.html(f"{pages.url}/echo", http_method="POST", body="a=1&b=2")
    assert '"method": "POST"' in html
    assert "a=1&amp;b=2" in html
    assert "application/x-www-form-urlencoded" in html


def test_images_0_requests_no_images(splash: Client, pages: Pages) -> None:
    before = pages.hits["/pixel.gif"]
    splash.html(f"{pages.url}/image", images=0)
    assert pages.hits["/pixel.gif"] == before


@pytest.mark.parametrize(
    ("domains", "status"),
    [
        (["example.com", "127.0.0.1"], 200),
        (["example.com"], 502),
        ([], 200),
        ("", 502),
        ("127.0.0.1", 200),
        ("example.com, 127.0.0.1", 200),
        (" Example.com , example.org ", 502),
    ],
)
def test_allowed_domains_is_a_list_or_a_text_with_commas(
    splash: Client, pages: Pages, domains: object, status: int
) -> None:
    answer = splash.post("/render.html", url=f"{pages.url}/plain", allowed_domains=domains)
    assert answer.status == status


def test_the_case_of_an_allowed_domain_does_not_count(splash: Client, pages: Pages) -> None:
    url = f"{pages.url}/plain".replace("127.0.0.1", "localhost")
    assert splash.post("/render.html", url=url, allowed_domains=["LocalHost"]).status == 200


def test_allowed_domains_refuses_other_domains(splash: Client, pages: Pages) -> None:
    answer = splash.get("/render.html", url=f"{pages.url}/plain", allowed_domains="example.com")
    assert answer.status == 502


def test_baseurl_shows_a_page_under_another_url(splash: Client, pages: Pages) -> None:
    result = splash.post(
        "/render.json", url=f"{pages.url}/plain", baseurl="http://shop.example/", html=1
    ).json
    assert result["url"] == "http://shop.example/"
    assert "plain" in result["html"]


def test_a_page_with_lone_surrogates_is_rendered(splash: Client, pages: Pages) -> None:
    # Strings of JavaScript may have lone surrogates, JSON in UTF-8 may not.
    result = splash.post(
        "/render.json",
        url=f"{pages.url}/plain",
        js_source=r"document.title = '\ud83d!'; '\ud83d?'",
        html=1,
        script=1,
    ).json
    assert result["title"].endswith("!") and result["script"].endswith("?")
    assert "plain" in result["html"]
