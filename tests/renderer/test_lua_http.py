"""splash:http_get and splash:http_post."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages


def test_http_get_returns_a_response_and_the_page_stays(both: Client, pages: Pages) -> None:
    script = """
    local treat = require("treat")
    local reply = splash:http_get(args.url)
    return {reply.status, reply.ok, reply.url, treat.as_string(reply.body), reply.headers["content-type"],
            reply.info.status, reply.request.method, splash:url()}
    """
    result = both.main(script, url=f"{pages.url}/plain")
    html = "<!doctype html><title>Plain</title><p id=p>plain</p>"
    url = f"{pages.url}/plain"
    expected = [200, True, url, html, "text/html; charset=utf-8", 200, "GET", ""]
    assert list(result.values()) == expected


def test_http_get_follows_redirects_unless_told_otherwise(both: Client, pages: Pages) -> None:
    script = """
    local there = splash:http_get(args.url)
    local here = splash:http_get{args.url, follow_redirects = false}
    return {there.status, there.url, here.status, here.url, #splash:har().log.entries}
    """
    url = f"{pages.url}/redirect"
    assert list(both.main(script, url=url).values()) == [200, f"{pages.url}/plain", 302, url, 3]


def test_http_post_sends_a_body(both: Client, pages: Pages) -> None:
    script = """
    local treat, json = require("treat"), require("json")
    local function post(options) return json.decode((treat.as_string(splash:http_post(options).body))) end
    return {post{args.url, body = "a=1"}, post{args.url, body = "{}", headers = {["Content-Type"] = "text/x"}}}
    """
    result = both.main(script, url=f"{pages.url}/echo")
    form, other = ({k.lower(): v for k, v in result[n]["headers"].items()} for n in "12")
    assert (result["1"]["method"], result["1"]["body"]) == ("POST", "a=1")
    assert form["content-type"] == "application/x-www-form-urlencoded"
    assert (result["2"]["body"], other["content-type"]) == ("{}", "text/x")


def test_http_get_sends_its_own_headers_or_those_of_the_render(both: Client, pages: Pages) -> None:
    script = """
    local treat, json = require("treat"), require("json")
    splash:set_custom_headers{["X-All"] = "all"}
    local reply = splash:http_get(args.url)
    local other = splash:http_get{args.url, headers = {["X-One"] = "one"}}
    return {json.decode((treat.as_string(reply.body))).headers,
            json.decode((treat.as_string(other.body))).headers}
    """
    result = both.main(script, url=f"{pages.url}/echo")
    headers, other = ({k.lower(): v for k, v in result[n].items()} for n in "12")
    assert headers["x-all"] == "all"
    assert (other["x-one"], "x-all" in other) == ("one", False)


def test_http_get_shares_cookies_with_the_page(both: Client, pages: Pages) -> None:
    script = """
    local treat = require("treat")
    splash:http_get(args.setting)
    splash:go(args.url)
    local in_page = splash:evaljs("document.cookie")
    return {in_page, (treat.as_string(splash:http_get(args.echo).body))}
    """
    result = both.main(
        script, url=f"{pages.url}/plain", setting=f"{pages.url}/cookie", echo=f"{pages.url}/echo"
    )
    assert result["1"] == "from=server"
    assert "from=server" in result["2"]


def test_a_failed_request_returns_a_response_that_is_not_ok(both: Client, a_closed_port: int) -> None:
    script = """
    local reply = splash:http_get(args.url)
    return {reply.ok, reply.status, reply.url, reply.body}
    """
    url = f"http://127.0.0.1:{a_closed_port}/"
    assert both.main(script, url=url) == {"1": False, "2": 0, "3": url, "4": ""}


def test_a_404_response_is_not_ok(both: Client, pages: Pages) -> None:
    script = "local reply = splash:http_get(args.url) return {reply.ok, reply.status, reply.info.ok}"
    assert both.main(script, url=f"{pages.url}/nowhere") == {"1": False, "2": 404, "3": False}


def test_callbacks_see_requests_of_http_get(both: Client, pages: Pages) -> None:
    script = """
    local heads, count = 0, 0
    splash:on_request(function(request) request:set_header("X-Mine", "1") end)
    splash:on_response_headers(function(response) heads = heads + 1 end)
    splash:on_response(function(response) count = count + 1 end)
    local treat = require("treat")
    local body = treat.as_string(splash:http_get(args.url).body)
    splash:wait(0.1)
    return {heads, count, (body)}
    """
    result = both.main(script, url=f"{pages.url}/echo")
    assert (result["1"], result["2"]) == (1, 1)
    assert '"x-mine": "1"' in result["3"].lower()


@pytest.mark.parametrize(
    "call", ["http_get()", "http_post{args.url, body = 5}", "http_get{args.url, colour = 1}"]
)
def test_wrong_arguments_of_http_get_are_errors_on_their_line(both: Client, pages: Pages, call: str) -> None:
    assert both.script_error(f"splash:{call}", url=f"{pages.url}/plain")["line_number"] == 2


def test_http_get_reaches_no_files_and_not_the_renderer(splash: Client) -> None:
    own_port = splash.url.rpartition(":")[2]
    script = "return splash:http_get(args.url).status"
    for url in (
        "file:///etc/passwd",
        f"http://127.0.0.1:{own_port}/_ping",
        f"http://localhost:{own_port}/_ping",
    ):
        assert splash.main(script, url=url) == "0"
