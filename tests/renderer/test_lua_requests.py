"""Callbacks of scripts: they see, change and abort requests and responses, and hear of locked navigations."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages


def test_on_request_sees_each_request(both: Client, pages: Pages) -> None:
    script = """
    local seen = {}
    splash:on_request(function(request)
      seen[#seen + 1] = {request.method, request.url, request.info.url, request.headers["user-AGENT"] ~= nil}
    end)
    assert(splash:go(args.url))
    return seen
    """
    seen = both.main(script, url=f"{pages.url}/image")
    assert seen["1"] == {"1": "GET", "2": f"{pages.url}/image", "3": f"{pages.url}/image", "4": True}
    assert seen["2"]["2"] == f"{pages.url}/pixel.gif"


def test_on_request_aborts_a_request(both: Client, pages: Pages) -> None:
    pages.hits.clear()
    script = """
    splash:on_request(function(request)
      if request.url:find("gif", 1, true) then request.abort() end
    end)
    assert(splash:go(args.url))
    local urls = ""
    for _, entry in ipairs(splash:har().log.entries) do urls = urls .. entry.request.url .. " " end
    return urls
    """
    assert "pixel" not in both.main(script, url=f"{pages.url}/image")
    assert pages.hits["/pixel.gif"] == 0


def test_go_fails_if_on_request_aborts_the_page(both: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request) request:abort() end)
    local ok, why = splash:go(args.url)
    return why
    """
    assert both.main(script, url=f"{pages.url}/plain") == "network301"


def test_on_request_sets_headers(both: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request)
      request:set_header("User-Agent", "Mine")
      request:set_header{name = "X-More", value = "more"}
    end)
    assert(splash:go(args.url))
    return splash:html()
    """
    html = both.main(script, url=f"{pages.url}/echo")
    assert '"User-Agent": "Mine"' in html
    assert ': "more"' in html


def test_on_request_sets_another_url(both: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request) request:set_url(args.other) end)
    assert(splash:go(args.url))
    return splash:html()
    """
    assert "plain" in both.main(script, url=f"{pages.url}/hang", other=f"{pages.url}/plain")


def test_on_request_sets_a_timeout(both: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request) request:set_timeout(request.url == args.slow and 0.2 or 10) end)
    local slow, why = splash:go(args.slow)
    local fast = splash:go(args.url)
    return {tostring(slow), why, fast}
    """
    result = both.main(script, url=f"{pages.url}/plain", slow=f"{pages.url}/hang")
    assert result == {"1": "nil", "2": "network5", "3": True}


def test_an_aborted_response_gives_go_a_reason_of_its_own(both: Client, pages: Pages) -> None:
    script = """
    splash:on_response_headers(function(response) response:abort() end)
    local ok, why = splash:go(args.url)
    splash:on_response_headers_reset()
    return {tostring(ok), why, splash:go(args.url)}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": "nil", "2": "render_error", "3": True}


def test_on_request_sets_a_proxy_for_one_request(both: Client, pages: Pages) -> None:
    script = """
    local first = true
    splash:on_request(function(request)
      if first then request:set_proxy{host = "127.0.0.1", port = args.port} end
      first = false
    end)
    assert(splash:go("http://shop.invalid/plain"))
    local by_proxy = splash:html()
    local ok, why = splash:go("http://shop.invalid/plain")
    return {by_proxy, why}
    """
    # The site answers for every host, as a proxy does.
    result = both.main(script, port=int(pages.url.rpartition(":")[2]))
    assert "plain" in result["1"]
    assert result["2"] == "network3"


def test_a_proxy_needs_a_host_and_a_port(both: Client, pages: Pages) -> None:
    script = """
    local failed = {}
    splash:on_request(function(request)
      failed[#failed + 1] = not pcall(request.set_proxy, request, {"127.0.0.1"})
      failed[#failed + 1] = not pcall(request.set_proxy, request, {"127.0.0.1", 1, type = "MAGIC"})
    end)
    splash:go(args.url)
    return failed
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": True, "2": True}


@pytest.mark.parametrize(
    ("event", "method"), [("on_request", "abort"), ("on_request", "enable_response_body")]
)
def test_a_request_cannot_be_used_after_its_callback(
    both: Client, pages: Pages, event: str, method: str
) -> None:
    script = f"""
    local kept
    splash:{event}(function(request) kept = request end)
    splash:go(args.url)
    kept:{method}()
    """
    info = both.script_error(script, url=f"{pages.url}/plain")
    assert "is used outside a callback" in info["message"]
    assert info["line_number"] == 6


def test_an_error_in_a_callback_does_not_fail_the_script(both: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request) error("no") end)
    splash:on_response_headers(function(response) error("no") end)
    splash:on_response(function(response) error("no") end)
    return splash:go(args.url)
    """
    assert both.main(script, url=f"{pages.url}/plain") == "True"


def test_a_callback_of_a_request_cannot_wait(both: Client, pages: Pages) -> None:
    script = """
    local reached = false
    splash:on_request(function(request) splash:wait(0.1) reached = true end)
    splash:go(args.url)
    return reached
    """
    assert both.main(script, url=f"{pages.url}/plain") == "False"


@pytest.mark.parametrize("event", ["on_request", "on_response", "on_response_headers"])
@pytest.mark.parametrize("callback", ["", "'text'", "5"])
def test_a_callback_must_be_a_function(both: Client, event: str, callback: str) -> None:
    assert both.script_error(f"splash:{event}({callback})")["line_number"] == 2


@pytest.mark.parametrize("event", ["on_request", "on_response", "on_response_headers"])
def test_a_reset_removes_the_callbacks(both: Client, pages: Pages, event: str) -> None:
    script = f"""
    local count = 0
    splash:{event}(function() count = count + 1 end)
    splash:go(args.url)
    splash:{event}_reset()
    splash:go(args.url)
    return count
    """
    assert both.main(script, url=f"{pages.url}/plain") == "1"


def test_on_response_headers_sees_the_head_of_a_response(both: Client, pages: Pages) -> None:
    script = """
    local seen
    splash:on_response_headers(function(response)
      seen = {response.status, response.url, response.ok, response.headers["content-TYPE"],
              response.request.method, response.request.url, response.info.status, response.body == nil}
    end)
    splash:go(args.url)
    return seen
    """
    url = f"{pages.url}/plain"
    expected = [200, url, True, "text/html; charset=utf-8", "GET", url, 200, True]
    assert list(both.main(script, url=url).values()) == expected


def test_on_response_headers_aborts_a_response(both: Client, pages: Pages) -> None:
    script = """
    splash:on_response_headers(function(response)
      if response.headers["Content-Type"] == "image/gif" then response.abort() end
    end)
    splash:go(args.url)
    return splash:evaljs("document.images[0].naturalWidth")
    """
    assert both.main(script, url=f"{pages.url}/image") == "0"


def test_on_response_sees_each_response_of_a_redirect(splash: Client, pages: Pages) -> None:
    # Only on our renderer: real Splash sometimes does not report a redirect.
    script = """
    local seen = {}
    splash:on_response(function(response)
      seen[#seen + 1] = {response.url, response.status, response.info.redirectURL, response.body == nil}
    end)
    splash:go(args.url)
    splash:wait(0.1)
    return seen
    """
    assert splash.main(script, url=f"{pages.url}/redirect") == {
        "1": {"1": f"{pages.url}/redirect", "2": 302, "3": "/plain", "4": True},
        "2": {"1": f"{pages.url}/plain", "2": 200, "3": "", "4": True},
    }


@pytest.mark.parametrize(
    "enabled",
    [
        "splash.response_body_enabled = true",
        "splash:on_request(function(request) request:enable_response_body() end)",
    ],
)
def test_a_response_has_its_body_if_the_script_wants_it(both: Client, pages: Pages, enabled: str) -> None:
    script = f"""
    local treat = require("treat")
    local seen
    {enabled}
    splash:on_response(function(response) seen = treat.as_string(response.body) end)
    splash:go(args.url)
    splash:wait(0.1)
    return {{seen, splash:har().log.entries[1].response.content.text ~= nil}}
    """
    result = both.main(script, url=f"{pages.url}/plain")
    assert "<p id=p>plain</p>" in result["1"]
    assert result["2"] is True


def test_the_archive_has_request_bodies_if_the_script_wants_them(both: Client, pages: Pages) -> None:
    script = """
    splash.request_body_enabled = true
    splash:go{args.url, http_method = "POST", body = "a=1"}
    return {splash.request_body_enabled, splash:har().log.entries[1].request.postData.text}
    """
    assert both.main(script, url=f"{pages.url}/echo") == {"1": True, "2": "a=1"}


def test_on_response_may_wait(both: Client, pages: Pages) -> None:
    script = """
    local count = 0
    splash:on_response(function() splash:wait(0.1) count = count + 1 end)
    splash:go(args.url)
    local before = count
    splash:wait(0.5)
    return {before, count}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": 0, "2": 1}


def test_a_locked_page_does_not_navigate(both: Client, pages: Pages) -> None:
    script = """
    local urls = {}
    splash:on_navigation_locked(function(request) urls[#urls + 1] = request.url end)
    splash:go(args.url)
    splash:lock_navigation()
    local ok, why = splash:go(args.other)
    splash:runjs("location = '/image'")
    splash:wait(0.3)
    local before = splash:url()
    splash:unlock_navigation()
    return {why, urls[#urls], before, splash:go(args.other), splash:url()}
    """
    url, other = f"{pages.url}/plain", f"{pages.url}/form"
    result = both.main(script, url=url, other=other)
    assert result == {"1": "navigation_locked", "2": f"{pages.url}/image", "3": url, "4": True, "5": other}


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "data:text/html,x", "chrome://version", "not a url"]
)
def test_set_url_refuses_files_and_other_schemes(splash: Client, pages: Pages, address: str) -> None:
    script = """
    splash:on_request(function(request) request:set_url(args.address) end)
    local ok, why = splash:go(args.url)
    return {tostring(ok), why}
    """
    assert splash.main(script, url=f"{pages.url}/plain", address=address) == {"1": "nil", "2": "network301"}


def test_set_url_does_not_reach_the_renderer_itself(splash: Client, pages: Pages) -> None:
    script = """
    splash:on_request(function(request) request:set_timeout(5) request:set_url(args.own .. "/_ping") end)
    local ok, why = splash:go(args.url)
    return {tostring(ok), why}
    """
    result = splash.main(script, url=f"{pages.url}/plain", own=splash.url)
    assert result == {"1": "nil", "2": "network3"}


def test_go_returns_after_the_callbacks_of_its_responses(both: Client, pages: Pages) -> None:
    body = """
    splash.response_body_enabled = true
    local read = 0
    splash:on_response(function(response) if response.body then read = read + 1 end end)
    splash:go(args.url)
    return read
    """
    assert [both.main(body, url=f"{pages.url}/image") for _ in range(5)] == ["2"] * 5
