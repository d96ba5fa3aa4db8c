"""Navigation of scripts: go and its reasons, set_content, stop, and pages that navigate by themselves."""

from __future__ import annotations

from tests.renderer.conftest import Client, Pages


def test_go_returns_the_reason_of_a_failure(splash: Client, pages: Pages, a_closed_port: int) -> None:
    script = "local ok, reason = splash:go(args.url) return {ok = tostring(ok), reason = reason, html = splash:html()}"
    missing = splash.main(script, url=f"{pages.url}/nowhere")
    assert (missing["ok"], missing["reason"]) == ("nil", "http404")
    assert "no page" in missing["html"]
    assert splash.main(script, url=f"http://127.0.0.1:{a_closed_port}/")["reason"] == "network1"
    assert splash.main(script, url="http://no-such-host.invalid/")["reason"] == "network3"
    assert splash.main(script, url="file:///etc/passwd")["reason"] == "network301"


def test_go_posts_forms(splash: Client, pages: Pages) -> None:
    script = "splash:go{args.url, http_method='POST', formdata={a='1'}, headers={['X-Mine']='2'}} return splash:html()"
    html = splash.main(script, url=f"{pages.url}/echo")
    assert '"body": "a=1"' in html
    assert '"X-Mine": "2"' in html


def test_a_callback_loads_the_page_while_main_polls(splash: Client, pages: Pages) -> None:
    result = splash.main(
        """
        local over, reason = false, nil
        splash:call_later(function()
          local ok, why = splash:go(args.url)
          over, reason = true, why
        end, 0)
        for i = 1, 500 do
          if splash:evaljs("document.querySelector('.ready') !== null") then break end
          if reason then error(reason) end
          splash:wait(0.02)
        end
        return splash:html()
        """,
        url=f"{pages.url}/late",
    )
    assert "by script" in result


def test_main_reads_a_page_that_never_finishes_loading(splash: Client, pages: Pages) -> None:
    result = splash.main(
        """
        splash:call_later(function() splash:go(args.url) end, 0)
        for i = 1, 500 do
          if splash:evaljs("document.querySelector('#p') !== null") then return splash:html() end
          splash:wait(0.02)
        end
        """,
        url=f"{pages.url}/never",
    )
    assert "here" in result


def test_set_content_shows_html_under_a_base_url(splash: Client) -> None:
    script = """
    splash:set_content('<p id=x>mine</p>', 'text/html', 'http://shop.example/')
    return splash:html() .. splash:url()
    """
    result = splash.main(script)
    assert "mine" in result
    assert result.endswith("http://shop.example/")


def test_set_content_needs_no_base_url(splash: Client) -> None:
    result = splash.main("splash:set_content('<h1>mine</h1>') return {splash:html(), splash:url()}")
    assert "<h1>mine</h1>" in result["1"]
    assert result["2"] == ""


def test_a_page_navigates_only_while_the_script_waits(both: Client, pages: Pages) -> None:
    script = """
    splash:go(args.url)
    local first = {splash:evaljs("document.title"), splash:url()}
    for _ = 1, 100 do
      splash:wait(0.05)
      if splash:evaljs("document.title") == "Plain" then break end
    end
    return {first, splash:evaljs("document.title"), #splash:har().log.entries}
    """
    url = f"{pages.url}/go-on"
    result = both.main(script, url=url)
    assert result == {"1": {"1": "First", "2": url}, "2": "Plain", "3": 2}


def test_a_submitted_form_navigates_when_the_script_waits(both: Client, pages: Pages) -> None:
    script = """
    splash:go(args.url)
    splash:runjs("document.querySelector('form').submit()")
    local before = splash:evaljs("document.title")
    for _ = 1, 100 do
      splash:wait(0.05)
      if splash:url() ~= args.url then break end
    end
    return {before, splash:url()}
    """
    result = both.main(script, url=f"{pages.url}/form")
    assert result == {"1": "Form", "2": f"{pages.url}/echo"}


def test_a_script_continues_after_stop(both: Client) -> None:
    assert both.main("splash:stop() return 'reached'") == "reached"


def test_stop_ends_the_loading_of_a_page(splash: Client, pages: Pages) -> None:
    script = """
        splash:call_later(function() splash:stop() end, 0.3)
        local ok = splash:go(args.url)
        return {ok, splash:select("#p"):text()}
    """
    assert splash.main(script, url=f"{pages.url}/never", timeout=20) == {"1": True, "2": "here"}


def test_stop_before_the_page_arrives_makes_go_fail(splash: Client, pages: Pages) -> None:
    script = """
        splash:call_later(function() splash:stop() end, 0.3)
        local ok, reason = splash:go(args.url)
        return {tostring(ok), reason}
    """
    assert splash.main(script, url=f"{pages.url}/hang", timeout=20) == {"1": "nil", "2": "network5"}
