"""Cookies come back as the script gave them, and pages can change them all the same."""

from __future__ import annotations

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


def test_cookies_come_back_in_the_words_in_which_they_were_given(both):
    assert both.main(f"{GIVEN} return splash:get_cookies()") == [BARE, FAR, OLD]


def test_what_came_back_can_be_given_again(both):
    script = f"{GIVEN} local all = splash:get_cookies() splash:init_cookies(all) return splash:get_cookies()"
    assert both.main(script) == [BARE, FAR, OLD]


def test_a_later_cookie_takes_the_place_of_an_earlier_one(splash):
    script = """
    splash:add_cookie{"a", "1", domain = "example.com"}
    splash:add_cookie{"a", "2", domain = "example.com"}
    return splash:get_cookies()
    """
    assert splash.main(script) == [PLAIN | {"name": "a", "value": "2", "domain": "example.com"}]


def test_they_can_be_deleted_by_name_and_by_url(both):
    script = f"""
    {GIVEN}
    local named, placed = splash:delete_cookies("bare"), splash:delete_cookies{{url = "http://example.com/"}}
    return {{named, placed, #splash:get_cookies(), splash:clear_cookies(), #splash:get_cookies()}}
    """
    assert list(both.main(script).values()) == [1, 1, 1, 1, 0]


def test_a_page_sees_them_and_may_set_them_anew(both, pages):
    script = """
    splash:add_cookie{"mine", "old", domain = "127.0.0.1", path = "/"}
    splash:go(args.url)
    local seen = splash:evaljs("document.cookie")
    splash:runjs("document.cookie = 'mine=new; path=/'")
    return {seen, splash:get_cookies()[1].value}
    """
    assert both.main(script, url=f"{pages.url}/plain") == {"1": "mine=old", "2": "new"}


def test_a_cookie_that_a_page_removes_is_gone(both, pages):
    script = """
    splash:add_cookie{"mine", "old", domain = "127.0.0.1", path = "/"}
    splash:go(args.url)
    splash:runjs("document.cookie = 'mine=; path=/; expires=Thu, 01 Jan 1970 00:00:00 GMT'")
    return #splash:get_cookies()
    """
    assert both.main(script, url=f"{pages.url}/plain") == "0"


def test_a_cookie_for_the_page_that_is_there_is_told_once(splash, pages):
    script = "splash:go(args.url) splash:add_cookie('a', '1') return splash:get_cookies()"
    [cookie] = splash.main(script, url=f"{pages.url}/plain")
    assert (cookie["name"], cookie["value"], cookie["domain"]) == ("a", "1", "127.0.0.1")
