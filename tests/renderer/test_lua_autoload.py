"""splash:autoload: JavaScript that runs in every page before the page's own."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages


def test_autoload_downloads_a_script_once_and_runs_it_in_every_page(both: Client, pages: Pages) -> None:
    script = """
    local ok, reason = splash:autoload(args.script)
    splash:go(args.url)
    local first = splash:evaljs("scripted()")
    splash:go(args.url)
    return {ok, tostring(reason), first, splash:evaljs("scripted()")}
    """
    result = both.main(script, url=f"{pages.url}/plain", script=f"{pages.url}/script.js")
    assert list(result.values()) == [True, "nil", "from afar", "from afar"]


def test_autoload_follows_redirects_and_takes_a_named_url(both: Client, pages: Pages) -> None:
    script = "splash:autoload{url = args.script} splash:go(args.url) return splash:evaljs('scripted()')"
    arguments = {"url": f"{pages.url}/plain", "script": f"{pages.url}/to-script"}
    assert both.main(script, **arguments) == "from afar"


def test_autoload_returns_the_reason_of_a_failed_download(
    both: Client, pages: Pages, a_closed_port: int
) -> None:
    script = "local ok, reason = splash:autoload(args.script) return {tostring(ok), reason}"
    refused = both.main(script, script=f"http://127.0.0.1:{a_closed_port}/")
    assert refused == {"1": "nil", "2": "connection_refused"}
    unknown = both.main(script, script="http://no-such-host.invalid/")
    assert unknown == {"1": "nil", "2": "invalid_hostname"}
    assert both.main(script, script=f"{pages.url}/nowhere") == {"1": "nil", "2": "not_found_404"}
    local = both.main("local ok, reason = splash:autoload{url = 'file:///etc/passwd'} return reason")
    assert local == "unknown_protocol"


def test_an_autoload_script_that_throws_does_not_stop_the_others(both: Client, pages: Pages) -> None:
    script = "splash:autoload('throw 1') splash:autoload('window.after = 1') splash:go(args.url)"
    assert both.main(f"{script} return splash:evaljs('after')", url=f"{pages.url}/plain") == "1"


@pytest.mark.parametrize("call", ["autoload()", "autoload{'x', url = 'y'}"])
def test_autoload_takes_exactly_one_script(both: Client, call: str) -> None:
    info = both.script_error(f"splash:{call}")
    assert (info["type"], info["splash_method"]) == ("SPLASH_LUA_ERROR", "autoload")


def test_autoload_reset_removes_all_scripts(both: Client, pages: Pages) -> None:
    script = """
    splash:autoload("window.early = 1")
    splash:go(args.url)
    local before = splash:evaljs("window.early")
    splash:autoload_reset()
    splash:go(args.url)
    return {before, tostring(splash:evaljs("window.early"))}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": 1, "2": "nil"}
