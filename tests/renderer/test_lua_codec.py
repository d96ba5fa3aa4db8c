"""Values between the server and a script's process arrive unchanged, or are refused."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderer.lua.codec import MAX_HELD, Codec
from renderer.lua.lua_values import Binary, Element, Event, Function, HttpObject, NotConvertible, Timer
from renderer.lua.process.interpreter import Interpreter
from renderer.lua.process.messages import Body, Kind, NextCommand, Reply, Request, Wanted

IDENTITY = "function main(splash, args) return splash:echo(args.value) end"


class Script:
    """A script with a codec and an interpreter in one process; its arguments of ``splash:echo`` can be read."""

    def __init__(self, source: str, *, value: object = None, methods: Sequence[bytes] = (b"echo",)) -> None:
        self.codec = Codec()
        self.interpreter = Interpreter("", (), sandboxed=True)
        api = [[b"add_method", name] for name in methods]
        self.reply = self.ask(Request.START, source.encode(), {"value": value}, api)

    def ask(self, request: Request, *content: object) -> list[Any]:
        """Send a request; return the reply's kind and content."""
        codec = self.codec
        data = codec.pack([request, codec.take_forgotten(), codec.wants_collection(), *content])
        kind, released, failures, *rest = codec.unpack(self.interpreter.answer(data))
        codec.release(released)
        self.failures = failures
        self.reply = [kind, *rest]
        return self.reply

    def resume(self, *results: object, following: NextCommand | None = None) -> list[Any]:
        """Resume the script with the results of its command; return the reply."""
        return self.ask(Request.RESUME, self.reply[1], True, list(results), following)

    def argument(self) -> Any:
        """Return the first argument of the command ``echo``."""
        kind, _thread, name, arguments = self.reply
        assert (kind, name) == (Reply.COMMAND, "echo")
        return arguments[0] if arguments else None


def echoed(value: object) -> Any:
    """Return the value after its way to Lua and back."""
    script = Script(IDENTITY, value=value)
    return script.argument()


texts = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def echo() -> Script:
    """Return a script that sends back each value that it gets."""
    script = Script("function main(splash) local value while true do value = splash:echo(value) end end")
    return script


@settings(max_examples=50, deadline=None)
@given(value=plain)
def test_plain_values_come_back_unchanged(echo: Script, value: object) -> None:
    echo.resume(value)
    assert echo.argument() == value


@pytest.mark.parametrize("data", [b"\x00\xff\xfe", b"\xc3\x28", bytes(range(256))])
def test_bytes_come_back_unchanged(data: bytes) -> None:
    assert echoed(data).encode("utf-8", "surrogateescape") == data
    assert echoed(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape") == data


def test_a_lone_surrogate_comes_back_as_text() -> None:
    assert isinstance(echoed("\ud800x"), str)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**64), 10**400])
def test_numbers_too_large_for_lua_become_floats(number: int) -> None:
    assert isinstance(echoed(number), float)


def test_the_codec_refuses_values_that_lua_cannot_have() -> None:
    with pytest.raises(NotConvertible, match="means nothing in Lua"):
        Codec().pack([object()])
    deep: list[object] = []
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(NotConvertible, match="depth limit"):
        Codec().pack([deep])


def test_objects_come_back_as_the_same_objects() -> None:
    binary, element, event = Binary(b"x", "a/b"), Element("1"), Event("2")
    for value in (binary, element, event):
        assert echoed(value) is value
    assert echoed(Timer(7)) == Timer(7)


def test_a_request_has_its_fields_and_a_response_has_a_request() -> None:
    request = HttpObject("request", 1, {"url": "u", "headers": {"A": "b"}, "info": {}})
    fields = {"url": "v", "headers": {"C": "d"}, "request": request, "body": Binary(b"x", "a/b")}
    source = """function main(splash, args)
      local r = args.value
      splash:echo({r.url, r.headers.c, r.request.url, r.body})
    end"""
    script = Script(source, value=HttpObject("response", 2, fields))
    assert script.argument() == {1: "v", 2: "d", 3: "u", 4: Binary(b"x", "a/b")}


def test_a_function_runs_by_its_number_and_is_forgotten_when_unused() -> None:
    script = Script(
        "function main(splash) splash:echo(function(a) return a + 1 end) splash:echo() splash:echo() end"
    )
    function = script.argument()
    assert isinstance(function, Function)
    main = script.reply[1]
    assert script.ask(Request.RUN, function.number, Wanted.VALUES, [4]) == [Reply.RETURNED, [5]]
    number = function.number
    del function
    gc.collect()
    assert script.codec.take_forgotten() == [number]
    script.ask(Request.RESUME, main, True, [], None)
    with pytest.raises(KeyError):
        script.codec._forgotten.append(number)
        script.ask(Request.RUN, number, Wanted.VALUES, [])


def test_the_codec_drops_objects_that_the_script_drops() -> None:
    script = Script("function main(splash) for i = 1, 4 do splash:echo(splash:echo()) end end")
    size = MAX_HELD // 3
    for _ in range(4):  # together more than a script may hold
        script.resume(Binary(b"x" * size, "a/b"))
        script.resume(None)
    assert script.reply == [Reply.RETURNED, [Body.EMPTY, []]]


def test_a_script_holds_so_many_bytes_and_no_more() -> None:
    script = Script("function main(splash) keep = {} while true do keep[#keep + 1] = splash:echo() end end")
    half = Binary(b"x" * (MAX_HELD // 2), "a/b")
    script.resume(half)
    script.resume(half)
    with pytest.raises(NotConvertible, match="too much memory"):
        script.resume(half)


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("(function() local t = {} for i = 1, 200 do t = {t} end return t end)()", "depth limit"),
        ("treat.as_array({[1e6] = 1})", "too sparse"),
        ("treat.as_array({a = 1})", "invalid key"),
        ("{[{}] = 1}", "as keys"),
        ("{[print] = 1}", "function objects"),
        ("splash", "function objects"),
        (
            "(function() local t = {} for i = 1, 260000 do t[i] = 1 end return t end)()",
            "at most 250000 values",
        ),
        ("(function() local s = 'x' for i = 1, 25 do s = s .. s end return {s, s} end)()", "bytes"),
    ],
)
def test_the_process_refuses_arguments_that_cannot_leave_lua(expression: str, problem: str) -> None:
    script = Script(f"function main(splash) splash:echo({expression}) end")
    kind, _, name, text = script.reply
    assert (kind, name) == (Reply.BAD_ARGUMENTS, "echo")
    assert problem in text


def test_library_functions_need_no_message() -> None:
    source = """function main() local ok, problem = pcall(json.decode, '[')
      return {json.encode({1, 'ä'}), base64.decode(base64.encode('x')), json.decode('[1]')[1], ok, problem} end"""
    script = Script(source)
    kind, (body, content) = script.reply
    assert (kind, body) == (Reply.RETURNED, Body.JSON)
    assert b'"2": "x", "3": 1' in content[0] or b'"x"' in content[0]
    assert [name for name, _ in script.failures] == ["json.decode"]


def test_json_has_binary_objects_in_their_places() -> None:
    script = Script(
        "function main(splash, args) return {args.value, 'binary 1 '} end", value=Binary(b"x", "a/b")
    )
    _, (kind, parts) = script.reply
    assert kind == Body.JSON
    assert [part for part in parts if isinstance(part, Binary)] == [Binary(b"x", "a/b")]
    assert b"".join(part for part in parts if isinstance(part, bytes)) == b'{"1": "", "2": "binary 1 "}'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb({"not": "a list"}),
        msgpack.packb([msgpack.ExtType(Kind.BINARY, b"99")]),
        msgpack.packb([msgpack.ExtType(77, b"1")]),
        msgpack.packb([msgpack.ExtType(Kind.TIMER, b"x")]),
        b"\x91" * 100_000 + b"\xc0",
    ],
)
def test_an_invalid_message_raises_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        Codec().unpack(data)


@pytest.mark.parametrize(
    ("calls", "commands"),
    [
        ("return splash:page()", []),
        ("json.encode({}) return splash:page()", []),  # json.encode needs no message
        ("return splash:page(1)", [["page", [1]]]),
        ("splash:echo() return splash:page()", [["echo", []], ["page", []]]),
        ("splash:echo(2) return splash:page()", [["echo", [2]], ["page", []]]),
        ("splash:page() return splash:page()", [["page", []]]),  # the page may have changed since
    ],
)
def test_a_result_that_comes_ahead_is_for_the_next_command_alone(calls: str, commands: list[Any]) -> None:
    script = Script(f"function main(splash) splash:echo() {calls} end", methods=(b"echo", b"page"))
    script.resume(following=("page", "text"))
    sent = []
    while script.reply[0] == Reply.COMMAND:
        sent.append(script.reply[2:])
        script.resume("text")
    assert sent == commands
    assert script.reply == [Reply.RETURNED, [Body.TEXT, [b"text"]]]
