"""Elements in the hands of scripts: forms, styles, pictures, and the page's events."""

from __future__ import annotations

import base64
import io
import struct

import pytest
from PIL import Image

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
def run(both):
    """Run the inside of a main function on the page above."""

    def run(body: str):
        return both.main(f"assert(splash:set_content(args.html))\n{body}", html=FORM)

    return run


def test_form_values_are_read(run):
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


def test_forms_are_filled(run):
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


def test_a_page_hears_of_what_is_filled_in(run):
    result = run(
        """
        splash:runjs("heard = []; ['focus', 'change', 'input', 'blur'].forEach(function (name) { " ..
          "document.querySelector('[name=t]').addEventListener(name, function () { heard.push(name) }) })")
        splash:select("#f"):fill{t = "x"}
        return splash:evaljs("heard")
        """
    )
    assert {"change", "input"} <= set(result)


def test_only_forms_are_forms(run):
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


def test_fields_have_values(run):
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


def test_styles_are_read_and_set(run):
    result = run(
        """
        local p = splash:select("#p")
        local before = p.style.display
        p.style.display = "block"
        return {p:styles().color, before, p.style.display, p:styles().display, p.style["margin"]}
        """
    )
    assert result == {"1": "rgb(1, 2, 3)", "2": "inline-block", "3": "block", "4": "block", "5": "4px"}


def test_an_element_is_described(run):
    info = run("return splash:select('#p'):info()")
    assert {name: info[name] for name in ("nodeName", "html", "text", "width", "height", "visible")} == {
        **{"nodeName": "p", "html": "te<b>x</b>t", "text": "text", "width": 60, "height": 30, "visible": True}
    }
    assert info["attributes"]["class"] == "k l"
    assert info["tag"].startswith("<p id")


def test_lists_of_the_dom_are_tables(run):
    result = run(
        "local p = splash:select('#p') return {p.classList, p.attributes['data-a'], p.childNodes[2].nodeName}"
    )
    assert result == {"1": ["k", "l"], "2": "1", "3": "B"}


def test_elements_are_pictured(run):
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
def test_wrong_arguments_are_errors(both, call):
    operator = "." if "node" in call else ":"
    info = both.script_error(f"splash:set_content(args.html) splash:select('#f'){operator}{call}", html=FORM)
    assert info["line_number"] == 2


def test_beyond_the_page_there_is_nothing(both):
    html = "<!doctype html><body style='margin: 0'><div style='width: 20px; height: 10px; background: #f00'>"
    script = "splash:set_content(args.html) return splash:select('div'):png{pad = {3, 2, 0, 0}}"
    answer = both.post("/execute", lua_source=f"function main(splash, args) {script} end", html=html)
    picture = Image.open(io.BytesIO(answer.body)).convert("RGBA")
    assert picture.size == (23, 12)
    assert picture.getpixel((1, 1)) == (0, 0, 0, 0)
    assert picture.getpixel((5, 5)) == (255, 0, 0, 255)


@pytest.mark.parametrize("options", ["region = {0, 0, 1e5, 1e5}", "width = 1920, height = 40000"])
def test_pictures_have_an_end(splash, options):
    assert "too many pixels" in splash.script_error(f"splash:png{{{options}}}")["message"]
    assert "too many pixels" in splash.script_error("splash:select('body'):png{pad = 1e5}")["message"]


@pytest.mark.parametrize("pad", ["'x'", "{1, 2}"])
def test_padding_is_one_number_or_four(splash, pad):
    info = splash.script_error(
        f"splash:set_content(args.html) splash:select('#f'):png{{pad = {pad}}}", html=FORM
    )
    assert (info["argument"], info["splash_method"]) == ("pad", "png")


def test_a_handler_sees_its_event_and_can_cancel_it(run):
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


def test_a_handler_can_be_taken_away(run):
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


def test_handlers_can_listen_on_the_way_down(run):
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


def test_a_handler_may_look_at_the_page_and_wait(run):
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


def test_an_error_of_a_handler_is_no_error_of_the_script(run):
    script = "local p = splash:select('#p') p.onclick = function() error('no') end p:mouse_click() splash:wait(0.1)"
    assert run(f"{script} return 1") == "1"


def test_the_end_of_a_script_ends_its_handlers(splash, pages):
    script = """
    splash:set_content(args.html)
    splash:select("#p").onclick = function() while true do end end
    splash:runjs("setTimeout(function () { document.querySelector('#p').click() }, 1)")
    return "over"
    """
    assert splash.main(script, html=FORM) == "over"
    assert "plain" in splash.html(f"{pages.url}/plain")


def test_a_debugger_statement_of_the_page_holds_nothing_up(splash):
    script = """
    splash:set_content(args.html)
    splash:select("#p").onclick = function() end
    splash:runjs("debugger; done = 1")
    return splash:evaljs("done")
    """
    assert splash.main(script, html=FORM, timeout=10) == "1"


def test_a_page_cannot_pass_for_a_handler(splash):
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
def test_wrong_listeners_are_errors(both, call):
    info = both.script_error(f"splash:set_content(args.html) splash:select('p'):{call}", html=FORM)
    assert (info["line_number"], info["splash_method"]) == (2, call.partition("(")[0])


def test_nodes_can_be_told_apart(splash):
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
def test_checkboxes_of_one_name_are_a_table_when_several_are_checked(both, checked, values):
    boxes = [f"<input type=checkbox name=c value={n} {'checked' if n in checked else ''}>" for n in (1, 2)]
    script = "splash:set_content(args.html) return splash:select('form'):form_values()"
    assert both.main(script, html=f"<form>{''.join(boxes)}</form>") == values
