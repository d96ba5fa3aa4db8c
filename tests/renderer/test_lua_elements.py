"""Elements in scripts: forms, styles, pictures, and the page's events."""

from __future__ import annotations

import base64
import io
import struct
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from tests.renderer.conftest import Client, Pages

FORM = """<!doctype html><title>Form</title><style>p { color: rgb(1, 2, 3) }</style><form id=f>
<input name=t value=a><input type=checkbox name=on value=v checked><input type=checkbox name=off>
<input type=checkbox name=m value=1 checked><input type=checkbox name=m value=2 checked>
<input type=radio name=r value=x><input type=radio name=r value=y checked>
<select name=one><option value=1>a<option value=2 selected>b</select>
<select name=many multiple><option selected>b<option>c<option selected>d</select>
<textarea name=text>T</textarea><input name=list value=1><input name=list value=2><input value=nameless>
</form>
<p id=p class="k l" data-a=1 style="margin: 4px; display: inline-block; width: 60px; height: 30px">te<b>x</b>t</p>
<div id=hidden style="visibility: hidden">x</div>"""


@pytest.fixture
def run(both: Client) -> Callable[[str], Any]:
    """Return a function that runs the body of main on the page above."""

    def run(body: str) -> Any:
        return both.main(f"assert(splash:set_content(args.html))\n{body}", html=FORM)

    return run


def test_form_values_reads_a_form(run: Callable[[str], Any]) -> None:
    result = run(
        "local f = splash:select('#f') return {f:form_values(), f:form_values('list'), f:form_values('first')}"
    )
    assert result["1"] == {
        **{"t": "a", "on": True, "m": ["1", "2"], "r": "y", "one": "2", "many": ["b", "d"], "text": "T"},
        "list": ["1", "2"],
    }
    assert result["2"] == {
        **{
            "t": ["a"],
            "on": ["v"],
            "m": ["1", "2"],
            "r": ["y"],
            "one": ["2"],
            "many": ["b", "d"],
            "text": ["T"],
        },
        "list": ["1", "2"],
    }
    assert result["3"] == {
        **{"t": "a", "on": True, "m": True, "r": "y", "one": "2", "many": "b", "text": "T", "list": "1"},
    }


def test_fill_fills_in_a_form(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local form = splash:select("#f")
        assert(form:fill{t = 5, on = false, off = true, m = {"1", "2"}, r = "x", one = "1",
                         text = "new", list = {"7", "8"}})
        return form:form_values()
        """
    )
    assert result == {
        **{"t": "5", "off": True, "m": ["1", "2"], "r": "x", "one": "1", "many": ["b", "d"], "text": "new"},
        "list": ["7", "8"],
    }


def test_fill_sends_events_to_the_page(run: Callable[[str], Any]) -> None:
    result = run(
        """
        splash:runjs("heard = []; ['focus', 'change', 'input', 'blur'].forEach(function (name) { " ..
          "document.querySelector('[name=t]').addEventListener(name, function () { heard.push(name) }) })")
        splash:select("#f"):fill{t = "x"}
        return splash:evaljs("heard")
        """
    )
    assert {"change", "input"} <= set(result)


def test_form_methods_refuse_other_elements(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local input = splash:select("input")
        local values, why = input:form_values()
        local sent, reason = input:submit()
        return {values or 0, why, sent or 0, reason}
        """
    )
    assert (result["1"], result["3"]) == (0, 0)
    assert "Node should be 'form', but got 'input'" in result["2"]
    assert "Node should be 'form', but got 'input'" in result["4"]


def test_field_value_reads_each_kind_of_field(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local values = {}
        for _, name in ipairs{"t", "on", "off", "one", "many", "text"} do
          local ok, value = splash:select("[name=" .. name .. "]"):field_value()
          values[name] = value
        end
        return values
        """
    )
    assert result == {"t": "a", "on": True, "off": False, "one": "2", "many": ["b", "d"], "text": "T"}


def test_a_script_reads_and_sets_styles(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local p = splash:select("#p")
        local before = p.style.display
        p.style.display = "block"
        return {p:styles().color, before, p.style.display, p:styles().display, p.style["margin"]}
        """
    )
    assert result == {"1": "rgb(1, 2, 3)", "2": "inline-block", "3": "block", "4": "block", "5": "4px"}


def test_info_describes_an_element(run: Callable[[str], Any]) -> None:
    info = run("return splash:select('#p'):info()")
    assert {name: info[name] for name in ("nodeName", "html", "text", "width", "height", "visible")} == {
        **{"nodeName": "p", "html": "te<b>x</b>t", "text": "text", "width": 60, "height": 30, "visible": True}
    }
    assert info["attributes"]["class"] == "k l"
    assert info["tag"].startswith("<p id")


def test_dom_lists_become_tables(run: Callable[[str], Any]) -> None:
    result = run(
        "local p = splash:select('#p') return {p.classList, p.attributes['data-a'], p.childNodes[2].nodeName}"
    )
    assert result == {"1": ["k", "l"], "2": "1", "3": "B"}


def test_a_script_takes_pictures_of_elements(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local p, hidden = splash:select("#p"), splash:select("#hidden")
        return {p:png(), p:png{pad = 5}, p:png{pad = {1, 2, 3, 4}}, p:png{width = 30}, hidden:png() == nil,
                p:jpeg{quality = 50}}
        """
    )
    assert [size_of(result[n]) for n in "1234"] == [(60, 30), (70, 40), (64, 36), (30, 15)]
    assert result["5"] is True
    assert result["6"].startswith("/9j/")


def size_of(png: str) -> tuple[int, int]:
    width, height = struct.unpack(">II", base64.b64decode(png)[16:24])
    return width, height


@pytest.mark.parametrize("call", ["form_values(1)", "fill(5)", "node = 1"])
def test_wrong_arguments_of_elements_are_errors_on_their_line(both: Client, call: str) -> None:
    operator = "." if "node" in call else ":"
    info = both.script_error(f"splash:set_content(args.html) splash:select('#f'){operator}{call}", html=FORM)
    assert info["line_number"] == 2


def test_padding_beyond_the_page_is_transparent(both: Client) -> None:
    html = "<!doctype html><body style='margin: 0'><div style='width: 20px; height: 10px; background: #f00'>"
    script = "splash:set_content(args.html) return splash:select('div'):png{pad = {3, 2, 0, 0}}"
    answer = both.post("/execute", lua_source=f"function main(splash, args) {script} end", html=html)
    picture = Image.open(io.BytesIO(answer.body)).convert("RGBA")
    assert picture.size == (23, 12)
    assert picture.getpixel((1, 1)) == (0, 0, 0, 0)
    assert picture.getpixel((5, 5)) == (255, 0, 0, 255)


@pytest.mark.parametrize("options", ["region = {0, 0, 1e5, 1e5}", "width = 1920, height = 40000"])
def test_too_large_pictures_are_errors(splash: Client, options: str) -> None:
    assert "too many pixels" in splash.script_error(f"splash:png{{{options}}}")["message"]
    assert "too many pixels" in splash.script_error("splash:select('body'):png{pad = 1e5}")["message"]


@pytest.mark.parametrize("pad", ["'x'", "{1, 2}"])
def test_padding_is_one_number_or_four(both: Client, pad: str) -> None:
    info: Any = both.script_error(
        f"splash:set_content(args.html) splash:select('#f'):png{{pad = {pad}}}", html=FORM
    )
    assert info == "pad must be a table containing 4 numbers {left, top, right, bottom} "


def test_a_handler_sees_its_event_and_can_cancel_it(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local seen = {}
        splash:runjs("document.body.onclick = function () { bubbled = true }; bubbled = false")
        local p = splash:select("#p")
        p.onclick = function(event)
          event:preventDefault()
          event:stopPropagation()
          seen = {event.type, event.target.id, event.defaultPrevented, event.nothing == nil}
        end
        assert(p:mouse_click(3, 3))
        splash:wait(0.1)
        return {seen, splash:evaljs("bubbled")}
        """
    )
    assert result == {"1": {"1": "click", "2": "p", "3": True, "4": True}, "2": False}


def test_a_script_removes_event_handlers(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local count, other = 0, 0
        local p = splash:select("#p")
        local function count_up() count = count + 1 end
        p.onclick = function() other = other + 1 end
        p:addEventListener("click", count_up)
        p:mouse_click() splash:wait(0.05)
        p.onclick = nil
        p:mouse_click() splash:wait(0.05)
        p:removeEventListener("click", count_up)
        p:mouse_click() splash:wait(0.05)
        return {count, other}
        """
    )
    assert result == {"1": 2, "2": 1}


def test_a_handler_can_listen_in_the_capture_phase(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local treat, order = require("treat"), {}
        local function handler(name) return function() order[#order + 1] = name end end
        local p, body = splash:select("#p"), splash:select("body")
        p:addEventListener("click", handler("p"))
        body:addEventListener("click", handler("body"))
        body:addEventListener("click", handler("down"), true)
        p:mouse_click() splash:wait(0.1)
        return treat.as_array(order)
        """
    )
    assert result == ["down", "p", "body"]


def test_a_handler_can_evaluate_javascript_and_wait(run: Callable[[str], Any]) -> None:
    result = run(
        """
        local sum, later
        local p = splash:select("#p")
        p.onclick = function()
          sum = splash:evaljs("1 + 1")
          splash:wait(0.05)
          later = splash:evaljs("document.title")
        end
        p:mouse_click() splash:wait(0.3)
        return {sum, later}
        """
    )
    assert result == {"1": 2, "2": "Form"}


def test_an_error_in_a_handler_does_not_fail_the_script(run: Callable[[str], Any]) -> None:
    script = "local p = splash:select('#p') p.onclick = function() error('no') end p:mouse_click() splash:wait(0.1)"
    assert run(f"{script} return 1") == "1"


def test_the_end_of_a_script_ends_its_handlers(splash: Client, pages: Pages) -> None:
    script = """
    splash:set_content(args.html)
    splash:select("#p").onclick = function() while true do end end
    splash:runjs("setTimeout(function () { document.querySelector('#p').click() }, 1)")
    return "over"
    """
    assert splash.main(script, html=FORM) == "over"
    assert "plain" in splash.html(f"{pages.url}/plain")


def test_a_debugger_statement_of_the_page_does_not_stop_the_script(splash: Client) -> None:
    script = """
    splash:set_content(args.html)
    splash:select("#p").onclick = function() end
    splash:runjs("debugger; done = 1")
    return splash:evaljs("done")
    """
    assert splash.main(script, html=FORM, timeout=10) == "1"


def test_a_page_cannot_imitate_a_handler(splash: Client) -> None:
    script = """
    splash:set_content(args.html)
    splash:select("#p").onclick = function() end
    splash:runjs("(function splashdownListener(event) { var handler = 99; debugger; })(1); done = 1")
    return splash:evaljs("done")
    """
    assert splash.main(script, html=FORM, timeout=10) == "1"


@pytest.mark.parametrize(
    "call",
    [
        "addEventListener('', function() end)",
        "addEventListener('click', 5)",
        "addEventListener('click', function() end, 1)",
        "removeEventListener('', function() end)",
    ],
)
def test_wrong_listeners_are_errors(both: Client, call: str) -> None:
    info = both.script_error(f"splash:set_content(args.html) splash:select('p'):{call}", html=FORM)
    assert (info["line_number"], info["splash_method"]) == (2, call.partition("(")[0])


def test_inner_id_identifies_a_node(splash: Client) -> None:
    script = """
    splash:set_content(args.html)
    local p, same, other = splash:select("p"), splash:select("#p"), splash:select("form")
    return {p.inner_id == same.inner_id, p.inner_id == other.inner_id}
    """
    assert splash.main(script, html=FORM) == {"1": True, "2": False}


@pytest.mark.parametrize(
    ("checked", "values"),
    [((), {}), ((2,), {"c": True}), ((1, 2), {"c": ["1", "2"]})],
)
def test_several_checked_boxes_of_one_name_become_a_table(
    both: Client, checked: tuple[int, ...], values: dict[str, Any]
) -> None:
    boxes = [f"<input type=checkbox name=c value={n} {'checked' if n in checked else ''}>" for n in (1, 2)]
    script = "splash:set_content(args.html) return splash:select('form'):form_values()"
    assert both.main(script, html=f"<form>{''.join(boxes)}</form>") == values
