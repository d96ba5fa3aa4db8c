"""Plain scripts: which scripts are plain, and that their results are those of the other scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from renderer.lua.plain_script import METHODS, plain_methods
from tests.renderer.conftest import Client
from tests.renderer.navigating_pages import NAVIGATING, PAGES, PlainSite

TWICE = (
    "splash:go(args.url) splash:wait(1) splash:go(args.url)",
    "for n = 1, 2 do splash:go(args.url) end",
    "while not splash:go(args.url) do splash:wait(1) end",
    "repeat until splash:go(args.url)",
    "local function visit() return splash:go(args.url) end visit() visit()",
    "::again:: splash:go(args.url) goto again",
)
READ = "splash:go(args.url) assert(splash:wait_for{'#end', timeout=5}) return splash:html()"


def methods_of(body: str) -> frozenset[str] | None:
    return plain_methods(f"function main(splash, args)\n{body}\nend")


@pytest.mark.parametrize(
    ("body", "methods"),
    [
        (READ, {"go", "wait_for", "html"}),
        ("return splash.args.url", set()),
        ("splash.images_enabled = false splash:go{args.url} return {splash:url()}", {"go", "url"}),
        ('-- splash:har()\nlocal text = "splash:png() \\" main"\nreturn splash:html()', {"html"}),
        ("--[==[ splash:har() ]] ]==] return splash:html()", {"html"}),
        ("local text = [[\nsplash:har()\n]] return splash :html ()", {"html"}),
        ("local function read() return splash:html() end return read()", {"html"}),
        ("splash:set_result_header('A', 'b') return table.concat{1}", {"set_result_header"}),
        *((f"return splash:{name}()", {name}) for name in sorted(METHODS)),
    ],
)
def test_a_script_is_plain_if_it_only_loads_and_reads(body: str, methods: set[str]) -> None:
    assert methods_of(body) == frozenset(methods)


@pytest.mark.parametrize("body", TWICE)
def test_a_script_that_may_load_two_pages_is_not_plain(body: str) -> None:
    assert methods_of(body) is None


@pytest.mark.parametrize(
    "body",
    [
        *(
            f"return splash:{name}()"
            for name in (
                *(
                    "har",
                    "history",
                    "har_reset",
                    "status_code",
                    "png",
                    "jpeg",
                    "evaljs",
                    "runjs",
                    "jsfunc",
                    "select",
                ),
                *(
                    "on_request",
                    "on_response",
                    "on_response_headers",
                    "on_navigation_locked",
                    "lock_navigation",
                ),
                *(
                    "call_later",
                    "with_timeout",
                    "autoload",
                    "wait_for_resume",
                    "scroll_to_end",
                    "set_content",
                    "stop",
                ),
                *(
                    "mouse_click",
                    "mouse_hover",
                    "send_text",
                    "send_keys",
                    "http_get",
                    "http_post",
                    "get_perf_stats",
                ),
                *(
                    "set_custom_headers",
                    "clear_cookies",
                    "delete_cookies",
                    "set_viewport_full",
                    "no_such_method",
                ),
            )
        ),
        "splash.response_body_enabled = true",
        "splash.js_enabled = false",
        "splash.scroll_position = {y=1}",
        "splash.own = function() end",
        "return splash.html(splash)",
        "return splash['html'](splash)",
        "local name = 'har' return splash[name](splash)",
        "local s = splash return s:har()",
        "return read(splash)",
        "return (splash):har()",
        "return {splash}",
        "return splash",
        "local html = splash.html return html",
        "for _, one in pairs{splash} do one:har() end",
        "splash = {}",
        "return require('mine')",
        "return load('return 1')()",
        "return _G.x",
        "return _ENV.x",
        "return debug",
        "setmetatable({}, {})",
        "coroutine.yield()",
        "os.execute('x')",
        "return main(nil)",
        'return "splash:html()',
        "return 'a\nb' .. splash:html()",
        'return "a\\z\n  " .. splash:html()',
        'return splash:html"\\',
    ],
)
def test_a_script_is_not_plain_if_it_may_do_more(body: str) -> None:
    assert methods_of(body) is None


@pytest.mark.parametrize(
    "source",
    [
        "",
        "function main(...) local s = ... return s:har() end",
        "function main(s) return s:har() end",
        "function main(args, splash) return args:har() end",
        "main = function(splash) return splash:html() end",
        "local function helper(splash) return splash:har() end function main(splash) return helper(splash) end",
        "function main(splash, args) return splash:html() end " + "-" * 30_000,
    ],
)
def test_a_script_is_not_plain_if_its_main_function_is_unusual(source: str) -> None:
    assert plain_methods(source) is None


# -- the pages


@pytest.fixture(scope="module")
def site() -> Iterator[PlainSite]:
    with PlainSite() as served:
        yield served


def both_ways(client: Client, body: str, **arguments: Any) -> Any:
    """Return the result of the script, which must be the same if the script is plain and if it is not."""
    assert methods_of(body) is not None
    plain = client.main(body, **arguments)
    other = client.main(f"local same = splash {body}", **arguments)
    assert plain == other
    return plain


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        *(("200", None), ("404", "http404"), ("500", "http500"), ("403", "http403"), ("to/target", None)),
        *(("to/404", "http404"), ("refused", "network1"), ("nothing", "network5"), ("file", "webkit102")),
    ],
)
def test_go_has_the_same_outcome_without_the_record(
    one_tab: Client, site: PlainSite, path: str, reason: str | None
) -> None:
    body = """
      local ok, reason = splash:go(args.url)
      local found, why
      if ok then found, why = splash:wait_for{'#end', timeout=3} end
      return {ok=tostring(ok), reason=reason, found=tostring(found), why=why, url=splash:url(), html=splash:html()}"""
    for _ in range(2):  # the second time the tab begins with a frozen page
        result = both_ways(one_tab, body, url=f"{site.url}/{path}")
        assert result.get("reason") == reason
        one_tab.html(f"{site.url}/target", wait_for="#end")
    bad = both_ways(one_tab, "return {splash:go(args.url)}", url="ftp://127.0.0.1/")
    assert bad["2"] == "network301"


GO = "splash:go(args.url) return splash:html()"
GO_AND_WAIT = "splash:go(args.url) splash:wait(0.4) return splash:html()"


@pytest.mark.parametrize(
    ("body", "path"),
    # Which document READ finds on leaves-soon is the page's own race: the next test has it.
    [
        (body, path)
        for body in (READ, GO, GO_AND_WAIT)
        for path in NAVIGATING
        if (body, path) != (READ, "leaves-soon")
    ],
)
def test_a_page_that_navigates_gives_a_plain_script_the_same(
    one_tab: Client, site: PlainSite, path: str, body: str
) -> None:
    # On a name of its own: the renderer remembers the sites whose pages navigate.
    other = site.url.replace("127.0.0.1", "localhost")
    result = both_ways(one_tab, body, url=f"{other}/{path}")
    if "wait" not in body:
        assert "first" in result


@pytest.mark.parametrize("begin", ["", "local same = splash "])
def test_a_page_that_navigates_after_its_load_event_gives_one_of_its_documents(
    one_tab: Client, site: PlainSite, begin: str
) -> None:
    page = one_tab.main(f"{begin}{READ}", url=f"{site.url.replace('127.0.0.1', 'localhost')}/leaves-soon")
    assert page in {
        f"<html><head></head><body>{PAGES[name]}</body></html>".replace("id=end", 'id="end"')
        for name in ("leaves-soon", "target")
    }


@pytest.mark.parametrize("before", ["keeps", "ticks", "listens", "leaves"])
@pytest.mark.parametrize("begin", [READ, f"splash:har() {READ}"])
def test_a_script_finds_nothing_of_the_page_before(
    one_tab: Client, site: PlainSite, before: str, begin: str
) -> None:
    clean = '["",0,0,"","undefined",true]'
    for _ in range(3):
        one_tab.main(begin, url=f"{site.url}/{before}")
        assert clean in one_tab.main(READ, url=f"{site.url}/look")
        one_tab.html(f"{site.url}/{before}", wait_for="#end")
        assert clean in one_tab.main(f"splash:history() {READ}", url=f"{site.url}/look")
        assert clean in one_tab.html(f"{site.url}/look", wait_for="#end")


def test_a_script_reads_no_page_that_it_has_not_loaded(one_tab: Client, site: PlainSite) -> None:
    for body in (
        "return splash:html()",
        "splash:wait(0.1) return splash:html()",
        "return splash:evaljs('document.URL')",
    ):
        one_tab.html(f"{site.url}/target", wait_for="#end")
        result = one_tab.main(body)
        assert "second" not in result and site.url not in result
    one_tab.html(f"{site.url}/target", wait_for="#end")
    # No page came: the script sees an empty one, not that of the render before.
    result = one_tab.main("splash:go(args.url) return splash:html()", url=f"{site.url}/nothing")
    assert "second" not in result and "Failed loading page" in result


def test_settings_before_go_reach_the_page_and_end_with_the_script(one_tab: Client, site: PlainSite) -> None:
    body = """
      splash:set_user_agent('Mine/1') splash:set_viewport_size(500, 400)
      splash:init_cookies{{name='a', value='1', domain='127.0.0.1', path='/'}}
      splash:go{args.url, headers={['X-A']='2'}}
      return {splash:html(), #splash:get_cookies()}"""
    for _ in range(2):
        one_tab.html(f"{site.url}/target", wait_for="#end")
        result = both_ways(one_tab, body, url=f"{site.url}/echo")
        assert '["GET", "Mine/1", "2", "a=1"]' in result["1"] and result["2"] == 1
        after = one_tab.main(READ, url=f"{site.url}/echo")
        assert "Mine/1" not in after and "null, null]" in after


def test_a_form_is_sent_once(one_tab: Client, site: PlainSite) -> None:
    before = site.hits["/echo"]
    html = one_tab.main(
        "splash:go{args.url, http_method='POST', formdata={a='1'}} return splash:html()",
        url=f"{site.url}/echo",
    )
    assert '["POST"' in html and site.hits["/echo"] == before + 1


# -- go with wait_for


# The first of these scripts only reads after ``go``, the second is plain but may wait later, the third is not plain.
@pytest.mark.parametrize("begin", ["", "local never = function() splash:wait(0) end ", "splash:history() "])
def test_go_with_wait_for_does_not_wait_for_the_load_event(
    one_tab: Client, site: PlainSite, begin: str
) -> None:
    body = f"{begin}assert(splash:go{{args.url, wait_for='#end'}}) return splash:html()"
    for _ in range(3):
        html = one_tab.main(body, url=f"{site.url}/slow-tail")
        assert ">read<" in html and "loaded" not in html


@pytest.mark.parametrize("begin", ["", "splash:history() "])
def test_go_with_wait_for_says_why_the_element_did_not_come(
    one_tab: Client, site: PlainSite, begin: str
) -> None:
    body = f"{begin}return {{splash:go{{args.url, wait_for=args.element, wait_for_timeout=0.3}}}}"
    for path, element, reason in (
        ("target", "table", "timeout"),
        ("404", "table", "http404"),
        ("404", "#end", "http404"),
        ("refused", "#end", "network1"),
        ("nothing", "#end", "network5"),
    ):
        assert one_tab.main(body, url=f"{site.url}/{path}", element=element) == {"2": reason}
    assert one_tab.main(body, url=f"{site.url}/leaves", element="#end")["1"] is True
    info = one_tab.script_error(f"{begin}splash:go{{args.url, wait_for='p['}}", url=f"{site.url}/target")
    assert info["argument"] == "wait_for"
