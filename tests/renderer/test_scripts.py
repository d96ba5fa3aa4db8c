"""/execute and /run: Lua scripts as Splash's users write them."""

from __future__ import annotations

import pytest

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
def test_plain_results_are_text(splash, returned, text):
    answer = splash.post("/execute", lua_source=f"function main(splash) {returned} end")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text == text


def test_tables_are_json_objects_unless_marked_as_arrays(splash):
    assert splash.main("return {1, 2}") == {"1": 1, "2": 2}
    assert splash.main("return treat.as_array({1, 2})") == [1, 2]
    assert splash.main("return 1, 'a'") == [1, "a"]


def test_run_takes_the_inside_of_main(splash):
    assert splash.post("/run", lua_source="return args.x + 1", x=2).text == "3"


def test_scripts_get_all_arguments(splash):
    assert splash.main("return {args.a, splash.args.b.c}", a="1", b={"c": True}) == {"1": "1", "2": True}


def test_a_script_returns_what_scrapy_splash_reads(splash, pages):
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


def test_go_returns_the_reason_of_a_failure(splash, pages, a_closed_port):
    script = "local ok, reason = splash:go(args.url) return {ok = tostring(ok), reason = reason, html = splash:html()}"
    missing = splash.main(script, url=f"{pages.url}/nowhere")
    assert (missing["ok"], missing["reason"]) == ("nil", "http404")
    assert "no page" in missing["html"]
    assert splash.main(script, url=f"http://127.0.0.1:{a_closed_port}/")["reason"] == "network1"
    assert splash.main(script, url="http://no-such-host.invalid/")["reason"] == "network3"
    assert splash.main(script, url="file:///etc/passwd")["reason"] == "network301"


def test_go_posts_forms(splash, pages):
    script = "splash:go{args.url, http_method='POST', formdata={a='1'}, headers={['X-Mine']='2'}} return splash:html()"
    html = splash.main(script, url=f"{pages.url}/echo")
    assert '"body": "a=1"' in html
    assert '"X-Mine": "2"' in html


def test_a_callback_loads_the_page_while_main_polls(splash, pages):
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


def test_main_can_look_at_a_page_that_never_finishes_loading(splash, pages):
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


def test_timers_can_be_cancelled_and_asked(splash):
    result = splash.main(
        """
        local called = 0
        local function call() called = called + 1 end
        local first, second = splash:call_later(call, 5), splash:call_later(call, 0.05)
        local before = first:is_pending()
        first:cancel()
        for i = 1, 100 do
          splash:wait(0.05)
          if called > 0 then break end
        end
        return {before, first:is_pending(), second:is_pending(), called}
        """
    )
    assert result == {"1": True, "2": False, "3": False, "4": 1}


def test_errors_of_callbacks_can_be_raised_again(splash):
    info = splash.script_error(
        "local t = splash:call_later(function() error('deep') end, 0) splash:wait(0.2) t:reraise()"
    )
    assert "deep" in info["message"]


def test_with_timeout_ends_what_takes_too_long(splash):
    result = splash.main(
        """
        local ok, reason = splash:with_timeout(function() splash:wait(20) end, 0.1)
        local fine, value = splash:with_timeout(function() return 5 end, 5)
        return {tostring(ok), reason, fine, value}
        """
    )
    assert result == {"1": "nil", "2": "timeout_over", "3": True, "4": 5}


def test_values_of_the_page_become_values_of_lua(splash, pages):
    result = splash.main(
        """
        splash:go(args.url)
        local value = splash:evaljs("({list: [1, 'a', null], none: undefined, f: () => 1, day: new Date(0)})")
        return {value, splash:evaljs("undefined") == nil, splash:evaljs("null"), splash:evaljs("document") == nil}
        """,
        url=f"{pages.url}/plain",
    )
    assert result == {
        "1": {"list": [1, "a", ""], "day": "1970-01-01T00:00:00.000Z"},
        "2": True,
        "3": "",
        "4": True,
    }


def test_cycles_are_refused(splash):
    info = splash.script_error("return splash:evaljs('var a = {}; a.a = a; a')")
    assert "too deep or recursive" in info["message"]


def test_functions_of_the_page_can_be_called(splash, pages):
    script = "local add = splash:jsfunc('function (a, b) { return a + b.c }') return add(1, {c = 2})"
    assert splash.main(script) == "3"


def test_an_error_of_the_page_is_an_error_of_the_script(splash):
    info = splash.script_error("local x = 1\nsplash:evaljs('throw new TypeError(\"oh\")')")
    assert (info["type"], info["js_error_type"], info["js_error_message"]) == ("JS_ERROR", "TypeError", "oh")
    assert (info["line_number"], info["splash_method"]) == (3, "evaljs")
    assert splash.main("local ok, why = splash:runjs('throw 1') return tostring(ok)") == "nil"


def test_wait_for_resume_returns_what_the_page_says(splash, pages):
    script = """
    return splash:wait_for_resume([[function main(splash) {
      setTimeout(() => { splash.set('more', 1); splash.resume('done') }, 20);
    }]])
    """
    assert splash.main(script) == {"value": "done", "more": 1}
    error = "local ok, why = splash:wait_for_resume('function main(s) { s.error(\"bad\") }') return why"
    assert splash.main(error) == "JavaScript error: bad"
    late = "local ok, why = splash:wait_for_resume('function main(s) {}', 0.1) return why"
    assert "timed out" in splash.main(late)


def test_cookies_can_be_set_and_removed(splash, pages):
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


def test_cookies_are_told_as_they_were_given(both):
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


def test_elements_can_be_read_filled_and_clicked(splash, pages):
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


def test_an_element_says_whether_it_is_still_there(splash, pages):
    script = "splash:go(args.url) local p = splash:select('p') local a = p:exists() p:remove() return {a, p:exists()}"
    assert splash.main(script, url=f"{pages.url}/plain") == {"1": True, "2": False}


def test_content_can_be_set(splash):
    script = """
    splash:set_content('<p id=x>mine</p>', 'text/html', 'http://shop.example/')
    return splash:html() .. splash:url()
    """
    result = splash.main(script)
    assert "mine" in result
    assert result.endswith("http://shop.example/")


def test_content_needs_no_address(splash):
    result = splash.main("splash:set_content('<h1>mine</h1>') return {splash:html(), splash:url()}")
    assert "<h1>mine</h1>" in result["1"]
    assert result["2"] == ""


def test_the_answer_can_be_shaped(splash):
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


def test_pictures_are_binary(splash, pages):
    answer = splash.post(
        "/execute", lua_source="function main(s, a) s:go(a.url) return s:png() end", url=f"{pages.url}/plain"
    )
    assert answer.headers["content-type"] == "image/png"
    assert answer.body.startswith(b"\x89PNG")
    assert splash.main("return {p = splash:png()}")["p"].startswith("iVBOR")


def test_libraries_are_there(splash):
    assert splash.main("return json.decode(json.encode({a = {1}})).a['1']") == "1"
    assert splash.main("return base64.decode(base64.encode('x'))") == "x"


def test_autoload_runs_before_the_page(splash, pages):
    script = "splash:autoload('window.early = 7') splash:go(args.url) return splash:evaljs('window.early')"
    assert splash.main(script, url=f"{pages.url}/plain") == "7"


def test_a_page_goes_elsewhere_only_while_the_script_waits(both, pages):
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


def test_a_click_leads_elsewhere_once_the_script_waits(both, pages):
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


def test_images_that_are_off_take_no_room(both, pages):
    script = """
    splash.images_enabled = false
    splash:go(args.url)
    return {splash.images_enabled, splash:evaljs("document.images[0].clientHeight"), #splash:har().log.entries}
    """
    pages.hits.clear()
    assert both.main(script, url=f"{pages.url}/image") == {"1": False, "2": 0, "3": 1}
    assert pages.hits["/pixel.gif"] == 0


def test_arguments_by_name_have_no_holes_of_any_size(splash):
    assert "a number is required" in splash.script_error("splash:set_viewport_size{nil, 1}")["message"]
    assert "at most 2" in splash.script_error("splash:set_viewport_size{[1000000000] = 1}")["message"]


def test_stop_ends_the_script(splash):
    assert splash.main("splash:stop() return 'not reached'") == ""


def test_errors_name_the_line(splash):
    info = splash.script_error("local a = 1\nlocal b = nil\nreturn b.c")
    assert (info["type"], info["line_number"]) == ("LUA_ERROR", 4)
    assert info["error"] == "attempt to index local 'b' (a nil value)"
    info = splash.script_error("\n\nsplash:wait{time = -1}")
    assert (info["type"], info["line_number"], info["splash_method"]) == ("SPLASH_LUA_ERROR", 4, "wait")
    assert info["argument"] == "time"


def test_errors_can_be_caught(splash):
    assert splash.main("local ok = pcall(splash.wait, splash, -1) return ok") == "False"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("function main(", "LUA_INIT_ERROR"),
        ("x = nil + 1", "LUA_INIT_ERROR"),
        ("x = 1", "MAIN_NOT_FOUND_ERROR"),
        ("main = 1", "BAD_MAIN_ERROR"),
        ("function main(splash) return function() end end", "BAD_MAIN_ERROR"),
    ],
)
def test_scripts_that_are_none_are_refused(splash, source, kind):
    answer = splash.post("/execute", lua_source=source)
    assert (answer.status, answer.json["info"]["type"]) == (400, kind)


@pytest.mark.parametrize(
    "loop", ["while true do end", "while true do pcall(function() while true do end end) end"]
)
def test_endless_loops_are_ended(splash, loop):
    assert "script uses too much CPU" in splash.script_error(loop)["message"]
    assert splash.main("return 'fine'") == "fine"


def test_memory_is_limited(splash):
    script = "local s = 'xxxxxxxxxxxxxxxx' while true do s = s .. s end"
    assert "too much memory" in splash.script_error(script)["message"]
    assert splash.main("return 'fine'") == "fine"


@pytest.mark.parametrize(
    "expression",
    [
        *("io", "debug", "package", "load", "loadstring", "dofile", "loadfile", "python", "coroutine"),
        *("os.execute", "os.getenv", "os.remove", "string.rep", "('x').rep", "string.dump", "string.gsub"),
        *("rawset", "rawget", "setmetatable", "getmetatable", "collectgarbage", "_G", "_ENV.io"),
        *("splash.__class__", "splash._tab"),
    ],
)
def test_scripts_see_nothing_dangerous(splash, expression):
    assert splash.main(f"return ({expression}) == nil") == "True"


@pytest.mark.parametrize("library", ["os", "io", "debug", "lupa", "../x"])
def test_only_known_libraries_can_be_required(splash, library):
    info = splash.script_error(f"require('{library}')")
    assert f"module '{library}' not found" in info["error"]


def test_the_string_metatable_is_out_of_reach(splash):
    assert "concatenate" in splash.script_error("return 'a' .. {}")["error"]
    assert splash.main("return tostring(splash)").startswith("table")


def test_a_pattern_that_never_ends_is_refused(splash):
    script = """
    local t = {}
    for i = 1, 30000 do t[i] = "a" end
    return string.find(table.concat(t), ".-.-.-.-b")
    """
    assert "too much CPU" in splash.script_error(script)["message"]
