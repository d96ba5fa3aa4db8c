"""Cookies of scripts: they come back as the script set them, and pages can change them."""

from __future__ import annotations

from tests.renderer.conftest import Client, Pages

GIVEN = """
splash:add_cookie("bare", "1")
splash:add_cookie{"far", "2", domain = "example.com", expires = "2096-07-24T19:20:30+02:00"}
splash:add_cookie{name = "old", value = "3", path = "/", domain = "localhost", httpOnly = true, secure = true,
                  expires = "2016-07-24T19:20:30+02:00"}
"""
PLAIN = {"path": "", "domain": "", "httpOnly": False, "secure": False}
BARE = PLAIN | {"name": "bare", "value": "1"}
FAR = PLAIN | {"name": "far", "value": "2", "domain": "example.com", "expires": "2096-07-24T19:20:30+02:00"}
OLD = {
    "name": "old",
    "value": "3",
    "path": "/",
    "domain": "localhost",
    "httpOnly": True,
    "secure": True,
    "expires": "2016-07-24T19:20:30+02:00",
}


def test_get_cookies_returns_the_cookies_as_the_script_set_them(both: Client) -> None:
    assert both.main(f"{GIVEN} return splash:get_cookies()") == [BARE, FAR, OLD]


def test_init_cookies_takes_the_result_of_get_cookies(both: Client) -> None:
    script = f"{GIVEN} local all = splash:get_cookies() splash:init_cookies(all) return splash:get_cookies()"
    assert both.main(script) == [BARE, FAR, OLD]


def test_a_later_cookie_replaces_an_earlier_one(splash: Client) -> None:
    script = """
    splash:add_cookie{"a", "1", domain = "example.com"}
    splash:add_cookie{"a", "2", domain = "example.com"}
    return splash:get_cookies()
    """
    assert splash.main(script) == [PLAIN | {"name": "a", "value": "2", "domain": "example.com"}]


def test_delete_cookies_takes_a_name_or_a_url(both: Client) -> None:
    script = f"""
    {GIVEN}
    local named, placed = splash:delete_cookies("bare"), splash:delete_cookies{{url = "http://example.com/"}}
    return {{named, placed, #splash:get_cookies(), splash:clear_cookies(), #splash:get_cookies()}}
    """
    assert list(both.main(script).values()) == [1, 1, 1, 1, 0]


def test_a_page_sees_cookies_of_the_script_and_can_change_them(both: Client, pages: Pages) -> None:
    script = """
    splash:add_cookie{"mine", "old", domain = "127.0.0.1", path = "/"}
    splash:go(args.url)
    local seen = splash:evaljs("document.cookie")
    splash:runjs("document.cookie = 'mine=new; path=/'")
    return {seen, splash:get_cookies()[1].value}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": "mine=old", "2": "new"}


def test_a_cookie_that_a_page_removes_is_removed(both: Client, pages: Pages) -> None:
    script = """
    splash:add_cookie{"mine", "old", domain = "127.0.0.1", path = "/"}
    splash:go(args.url)
    splash:runjs("document.cookie = 'mine=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT'")
    return #splash:get_cookies()
    """
    assert both.main(script, url=f"{pages.url}/plain") == "0"


def test_a_cookie_for_the_current_page_is_returned_once(splash: Client, pages: Pages) -> None:
    script = "splash:go(args.url) splash:add_cookie('a', '1') return splash:get_cookies()"
    [cookie] = splash.main(script, url=f"{pages.url}/plain")
    assert (cookie["name"], cookie["value"], cookie["domain"]) == ("a", "1", "127.0.0.1")


def test_a_script_sets_and_removes_cookies(splash: Client, pages: Pages) -> None:
    result = splash.main(
        """
        splash:init_cookies({{name = "a", value = "1", domain = "127.0.0.1", path = "/"}})
        splash:go(args.url)
        local sent = splash:evaljs("document.cookie")
        splash:add_cookie{"b", "2", "/", domain = "127.0.0.1"}
        splash:delete_cookies("a")
        local left = splash:get_cookies()
        local count = splash:clear_cookies()
        return {sent, #left, left[1].name, count, #splash:get_cookies()}
        """,
        url=f"{pages.url}/plain",
    )
    assert result == {"1": "a=1", "2": 1, "3": "b", "4": 1, "5": 0}


def test_cookies_keep_missing_domains_and_past_expiry_dates(both: Client) -> None:
    result = both.main(
        """
        splash:add_cookie("plain", "1")
        splash:add_cookie{"old", "2", domain = "shop.example", expires = "2016-07-24T19:20:30+02:00"}
        splash:add_cookie{"kept", "3", "/", domain = "shop.example", secure = true}
        local all = splash:get_cookies()
        splash:delete_cookies("old")
        return {all, #splash:get_cookies(), splash:clear_cookies(), #splash:get_cookies()}
        """
    )
    rest = {"path": "", "domain": "shop.example", "httpOnly": False, "secure": False}
    assert result["1"] == [
        {**rest, "name": "plain", "value": "1", "domain": ""},
        {**rest, "name": "old", "value": "2", "expires": "2016-07-24T19:20:30+02:00"},
        {**rest, "name": "kept", "value": "3", "path": "/", "secure": True},
    ]
    assert (result["2"], result["3"], result["4"]) == (2, 2, 0)
