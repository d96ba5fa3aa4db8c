"""autoload: JavaScript that runs in every page before the page's own."""

from __future__ import annotations

import pytest


def test_a_script_is_fetched_once_and_runs_in_every_page(both, pages):
    script = """
    local ok, reason = splash:autoload(args.script)
    splash:go(args.url)
    local first = splash:evaljs("scripted()")
    splash:go(args.url)
    return {ok, tostring(reason), first, splash:evaljs("scripted()")}
    """
    result = both.main(script, url=f"{pages.url}/plain", script=f"{pages.url}/script.js")
    assert list(result.values()) == [True, "nil", "from afar", "from afar"]


def test_it_may_come_by_a_redirect_and_by_name(both, pages):
    script = "splash:autoload{url = args.script} splash:go(args.url) return splash:evaljs('scripted()')"
    arguments = {"url": f"{pages.url}/plain", "script": f"{pages.url}/to-script"}
    assert both.main(script, **arguments) == "from afar"


def test_what_cannot_be_fetched_is_told(both, pages, a_closed_port):
    script = "local ok, reason = splash:autoload(args.script) return {tostring(ok), reason}"
    refused = both.main(script, script=f"http://127.0.0.1:{a_closed_port}/")
    assert refused == {"1": "nil", "2": "connection_refused"}
    unknown = both.main(script, script="http://no-such-host.invalid/")
    assert unknown == {"1": "nil", "2": "invalid_hostname"}
    assert both.main(script, script=f"{pages.url}/nowhere") == {"1": "nil", "2": "not_found_404"}
    local = both.main("local ok, reason = splash:autoload{url = 'file:///etc/passwd'} return reason")
    assert local == "unknown_protocol"


def test_a_script_that_throws_harms_nobody(both, pages):
    script = "splash:autoload('throw 1') splash:autoload('window.after = 1') splash:go(args.url)"
    assert both.main(f"{script} return splash:evaljs('after')", url=f"{pages.url}/plain") == "1"


@pytest.mark.parametrize("call", ["autoload()", "autoload{'x', url = 'y'}"])
def test_one_script_at_a_time(both, call):
    info = both.script_error(f"splash:{call}")
    assert (info["type"], info["splash_method"]) == ("SPLASH_LUA_ERROR", "autoload")


def test_after_a_reset_pages_are_as_they_were(both, pages):
    script = """
    splash:autoload("window.early = 1")
    splash:go(args.url)
    local before = splash:evaljs("window.early")
    splash:autoload_reset()
    splash:go(args.url)
    return {before, tostring(splash:evaljs("window.early"))}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": 1, "2": "nil"}
