"""/execute and /run: arguments, results, elements and libraries, as Splash's users use them."""

from __future__ import annotations

import pytest

from tests.renderer.conftest import Client, Pages

ITEM = """
local entries = splash:history()
local last = entries[#entries].response
return {
  url = splash:url(), html = splash:html(), http_status = last.status,
  headers = last.headers, cookies = splash:get_cookies(),
}
"""


@pytest.mark.parametrize(
    ("returned", "text"),
    [("return true", "True"), ("return 1.5", "1.5"), ("return 'x'", "x"), ("return nil", "None"), ("", "")],
)
def test_plain_results_are_text(splash: Client, returned: str, text: str) -> None:
    answer = splash.post("/execute", lua_source=f"function main(splash) {returned} end")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == text


def test_tables_are_json_objects_unless_marked_as_arrays(splash: Client) -> None:
    assert splash.main("return {1, 2}") == {"1": 1, "2": 2}
    assert splash.main("return treat.as_array({1, 2})") == [1, 2]
    assert splash.main("return 1, 'a'") == [1, "a"]


def test_run_takes_the_body_of_main(splash: Client) -> None:
    assert splash.post("/run", lua_source="return args.x + 1", x=2).text == "3"


def test_a_script_gets_all_arguments(splash: Client) -> None:
    assert splash.main("return {args.a, splash.args.b.c}", a="1", b={"c": True}) == {"1": "1", "2": True}


def test_a_script_returns_the_keys_that_scrapy_splash_reads(splash: Client, pages: Pages) -> None:
    result = splash.main(f"assert(splash:go(args.url)) {ITEM}", url=f"{pages.url}/cookie")
    assert result["http_status"] == 200
    assert {"name": "Content-Type", "value": "text/html; charset=utf-8"} in result["headers"]
    [cookie] = result["cookies"]
    assert (cookie["name"], cookie["value"], cookie["domain"], cookie["path"]) == (
        "from",
        "server",
        "127.0.0.1",
        "/",
    )
    assert result["url"] == f"{pages.url}/cookie"
    assert "cookie" in result["html"]


def test_a_script_reads_fills_and_clicks_elements(splash: Client, pages: Pages) -> None:
    result = splash.main(
        """
        splash:go(args.url)
        local input, button = splash:select("#i"), splash:select("#b")
        input:send_text("hello")
        local before = {input.node.value, button:text(), button:getAttribute("id"), #splash:select_all("input, button")}
        button:mouse_click()
        for i = 1, 200 do
          if splash:url() ~= args.url then break end
          splash:wait(0.02)
        end
        splash:wait(0.1)
        return {before, splash:html(), splash:select("#nothing") == nil}
        """,
        url=f"{pages.url}/form",
    )
    assert result["1"] == {"1": "hello", "2": "Go", "3": "b", "4": 2}
    assert "i=hello" in result["2"]
    assert result["3"] is True


def test_exists_says_whether_an_element_is_in_the_page(splash: Client, pages: Pages) -> None:
    script = "splash:go(args.url) local p = splash:select('p') local a = p:exists() p:remove() return {a, p:exists()}"
    assert splash.main(script, url=f"{pages.url}/plain") == {"1": True, "2": False}


def test_a_script_sets_status_headers_and_type_of_its_answer(splash: Client) -> None:
    answer = splash.post(
        "/execute",
        lua_source="""function main(splash)
          splash:set_result_status_code(418)
          splash:set_result_header("X-Tea", "pot")
          splash:set_result_content_type("text/x-tea")
          return "hot"
        end""",
    )
    assert (answer.status, answer.headers["x-tea"]) == (418, "pot")
    assert answer.headers["content-type"] == "text/x-tea"
    assert answer.text == "hot"


def test_a_picture_is_binary_in_the_answer_and_base64_in_json(splash: Client, pages: Pages) -> None:
    answer = splash.post(
        "/execute", lua_source="function main(s, a) s:go(a.url) return s:png() end", url=f"{pages.url}/plain"
    )
    assert answer.headers["content-type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")
    assert splash.main("return {p = splash:png()}")["p"].startswith("iVBOR")


def test_json_and_base64_need_no_require(splash: Client) -> None:
    assert splash.main("return json.decode(json.encode({a = {1}})).a['1']") == "1"
    assert splash.main("return base64.decode(base64.encode('x'))") == "x"


def test_autoload_runs_before_the_page(splash: Client, pages: Pages) -> None:
    script = "splash:autoload('window.early = 7') splash:go(args.url) return splash:evaljs('window.early')"
    assert splash.main(script, url=f"{pages.url}/plain") == "7"


def test_disabled_images_take_no_space_and_are_not_requested(both: Client, pages: Pages) -> None:
    script = """
    splash.images_enabled = false
    splash:go(args.url)
    return {splash.images_enabled, splash:evaljs("document.images[0].clientHeight"), #splash:har().log.entries}
    """
    pages.hits.clear()
    assert both.main(script, url=f"{pages.url}/image") == {"1": False, "2": 0, "3": 1}
    assert pages.hits["/pixel.gif"] == 0
