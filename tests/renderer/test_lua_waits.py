"""splash:wait_for and splash:scroll_to_end, which Splash does not have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.renderer.conftest import Client, Pages

WAIT = """
local ok, reason = splash:wait_for{args.selector, timeout=args.seconds}
return {ok = tostring(ok), reason = reason, html = splash:html()}
"""


def waited(splash: Client, url: str, selector: str, *, begin: str = "splash:go(args.url)") -> dict[str, Any]:
    result: dict[str, Any] = splash.main(f"{begin}\n{WAIT}", url=url, selector=selector, seconds=8)
    return result


@pytest.mark.parametrize("selector", [".ready", "//*[@class='ready']"])
def test_wait_for_returns_when_the_element_is_there(splash: Client, pages: Pages, selector: str) -> None:
    result = waited(splash, f"{pages.url}/late", selector)
    assert result["ok"] == "true" and "reason" not in result and "ready" in result["html"]


def test_wait_for_returns_while_a_callback_still_loads_the_page(splash: Client, pages: Pages) -> None:
    begin = "splash:call_later(function() splash:go(args.url) end, 0)"
    result = waited(splash, f"{pages.url}/late", ".ready", begin=begin)
    assert result["ok"] == "true" and "ready" in result["html"]


def test_wait_for_and_html_see_shadow_roots_if_the_script_asks(splash: Client, pages: Pages) -> None:
    script = """
    splash:go(args.url)
    local found = splash:wait_for{"x-list h2", timeout=5, shadow_roots=true}
    return {found = tostring(found), with = splash:html{shadow_roots=true}, without = splash:html()}
    """
    result = splash.main(script, url=f"{pages.url}/late-shadow")
    assert result["found"] == "true" and "<h2>deep</h2>" in result["with"]
    assert "<x-list></x-list>" in result["without"]


def test_wait_for_quiet_waits_for_requests_that_follow_others(splash: Client, pages: Pages) -> None:
    begin = f"""
    splash:go('{pages.url}/plain')
    splash:runjs([[
      window.answers = 0;
      const ask = n => fetch('{pages.url}/plain?' + n).then(() => {{
        window.answers = n;
        if (n < 3) setTimeout(ask, 100, n + 1);
      }});
      ask(1);
      new EventSource('{pages.url}/hang');
    ]])
    """
    script = (
        f"{begin} local ok = splash:wait_for_quiet{{0.3, timeout=8}} return {{ok, splash:evaljs('answers')}}"
    )
    assert splash.main(script) == {"1": True, "2": 3}
    wait = "local ok, reason, url = splash:wait_for_quiet{0.3, timeout=0.1}"
    result = splash.main(f"{begin} {wait} return {{tostring(ok), reason, url}}")
    assert (result["1"], result["2"]) == ("nil", "timeout") and f"{pages.url}/plain" in result["3"]


def test_wait_for_says_that_the_element_did_not_come(splash: Client, pages: Pages) -> None:
    script = "splash:go(args.url) local ok, reason = splash:wait_for{'//table', timeout=0.3} return reason"
    assert splash.main(script, url=f"{pages.url}/plain") == "timeout"


def test_wait_for_ends_when_the_page_failed(splash: Client, pages: Pages, a_closed_port: int) -> None:
    begin = "splash:call_later(function() splash:go(args.url) end, 0)"
    shut = waited(splash, f"http://127.0.0.1:{a_closed_port}/", "//table", begin=begin)
    assert (shut["ok"], shut["reason"]) == ("nil", "network1")
    missing = waited(splash, f"{pages.url}/nowhere", "//table", begin=begin)
    assert (missing["ok"], missing["reason"]) == ("nil", "http404")


def test_wait_for_finds_an_element_of_an_error_page(splash: Client, pages: Pages) -> None:
    assert waited(splash, f"{pages.url}/nowhere", "//body")["ok"] == "true"


def test_wait_for_waits_for_the_page_after_a_click(splash: Client, pages: Pages) -> None:
    begin = f"splash:go(args.url) splash:runjs(\"location = '{pages.url}/late'\")"
    assert waited(splash, f"{pages.url}/plain", ".ready", begin=begin)["ok"] == "true"


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        ("wait_for{'p['}", "selector"),
        ("wait_for{5}", "selector"),
        ("wait_for{'p', timeout=-1}", "timeout"),
        ("scroll_to_end{item='p['}", "item"),
        ("scroll_to_end{last='//p['}", "last"),
        ("scroll_to_end{quiet='x'}", "quiet"),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_script(
    splash: Client, pages: Pages, call: str, argument: str
) -> None:
    info = splash.script_error(f"splash:go(args.url) splash:{call}", url=f"{pages.url}/plain")
    assert info["argument"] == argument


def test_scroll_to_end_collects_a_windowed_list(splash: Client, pages: Pages) -> None:
    script = """
    splash:go(args.url)
    local list = splash:scroll_to_end{item = 'p.row', quiet = 0.3}
    return {items = list.items, ended = list.reached_end, html = splash:html()}
    """
    result = splash.main(script, url=f"{pages.url}/windowed")
    assert (result["items"], result["ended"], result["html"].count('class="row"')) == (100, True, 100)
