"""A client's mistake is answered 400 at once, in Splash's form; no request causes an internal error."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renderer.errors import BadOption
from renderer.network.header_text import check_header, check_result_header
from renderer.render import options as opt
from renderer.render.argument_values import MAX_DEPTH, describe_fault
from tests.processes import server
from tests.renderer.argument_fuzz import arguments, ask, check
from tests.renderer.conftest import Client, Pages


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(arguments())
def test_the_parser_accepts_arguments_or_names_the_wrong_one(given: dict[str, Any]) -> None:
    capabilities = opt.ServerCapabilities()
    try:
        opt.check_arguments(given)
        opt.read_timeout(given, 90)
        opt.check_engine(given, capabilities.engines)
        opt.read_save_args(given)
        opt.read_load_args(given)
        opt.read_proxy_rules(given, capabilities)
        opt.read_render({"url": "http://a/"} | given, 90, capabilities)
    except BadOption as error:
        json.dumps(error.answer(), allow_nan=False).encode("ascii")


def test_no_arguments_cause_an_internal_error(splash: Client, pages: Pages) -> None:
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["/render.html", "/render.json", "/execute"]), arguments())
    def run(path: str, given: dict[str, Any]) -> None:
        check(splash.url, f"{pages.url}/plain", path, given)

    run()


BAD_HEADERS = [
    {"A\r\nB": "x"},
    {"A": "x\r\nB: y"},
    {"A": "x\ny"},
    {"A": "x\0"},
    {"A": "\ud800"},
    {"": "x"},
    {" ": "x"},
    {"A b": "x"},
    {"A:": "x"},
    {"Ä": "x"},
    {"User-Agent": "a\r\nb"},
    {"A": 1},
    {"A": None},
    {"A": ["b"]},
    [["A"]],
    [1],
    "A: b",
    5,
]


@pytest.mark.parametrize("headers", BAD_HEADERS, ids=ascii)
def test_the_server_refuses_headers_that_cannot_be_sent(splash: Client, pages: Pages, headers: Any) -> None:
    before = pages.hits.total()
    status, body = ask(splash.url, "/render.html", {"url": f"{pages.url}/plain", "headers": headers})
    assert (status, json.loads(body)["info"]["argument"]) == (400, "headers")
    assert pages.hits.total() == before


@pytest.mark.parametrize(
    "headers", [{"A": "é"}, {"A": ""}, {"A": " x "}, {"x-!#$%&'*+.^_`|~": "x"}, [["A", "b"]]]
)
def test_the_server_accepts_headers_that_can_be_sent(splash: Client, pages: Pages, headers: Any) -> None:
    assert ask(splash.url, "/render.html", {"url": f"{pages.url}/plain", "headers": headers})[0] == 200


@pytest.mark.parametrize("path", ["/render.html", "/execute"])
@pytest.mark.parametrize(
    "argument",
    ['"\\ud800"', '{"\\udfff": 1}', '["a\\ud800"]', "[" * 900 + "]" * 900, "1" * 4000, "-" + "1" * 4000],
)
def test_the_server_refuses_values_that_lua_or_json_cannot_have(
    splash: Client, pages: Pages, path: str, argument: str
) -> None:
    body = f'{{"url": "{pages.url}/plain", "lua_source": "function main() return 1 end", "x": {argument}}}'
    answer = splash.post(path, data=body.encode())
    assert answer.status == 400 and answer.json["info"]["argument"] == "x", answer.text


@pytest.mark.parametrize("name", ["wait", "timeout", "resource_timeout", "wait_for_timeout"])
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", '"nan"', '"inf"', "1" * 4000, '"' + "9" * 4000 + '"', "[]", "{}"]
)
def test_the_server_refuses_values_that_are_not_numbers(
    splash: Client, pages: Pages, name: str, value: str
) -> None:
    body = f'{{"url": "{pages.url}/plain", "{name}": {value}}}'
    answer = splash.post("/render.html", data=body.encode())
    assert answer.status == 400 and answer.json["info"]["argument"] == name
    assert "NaN" not in answer.text and "Infinity" not in answer.text  # they are not valid in JSON


@pytest.mark.parametrize(
    "name",
    ["url", "baseurl", "wait_for", "js_source", "viewport", "proxy", "http_method", "body", "scale_method"],
)
@pytest.mark.parametrize("value", [[], {}, True, [1]])
def test_the_server_refuses_values_that_are_not_text(
    splash: Client, pages: Pages, name: str, value: Any
) -> None:
    status, body = ask(splash.url, "/render.html", {"url": f"{pages.url}/plain", name: value})
    assert (status, json.loads(body)["info"]["argument"]) == (400, name)


@pytest.mark.parametrize("source", [5, ["a"], {}, True])
def test_the_server_refuses_a_script_that_is_not_text(splash: Client, source: Any) -> None:
    assert ask(splash.url, "/execute", {"lua_source": source})[0] == 400


@pytest.mark.parametrize("name", ["a\0", "a\r\nb"])
def test_save_args_refuses_names_that_cannot_be_in_a_header(splash: Client, pages: Pages, name: str) -> None:
    status, body = ask(
        splash.url, "/render.html", {"url": f"{pages.url}/plain", "save_args": [name], name: 1}
    )
    assert (status, json.loads(body)["info"]["argument"]) == (400, "save_args")


@pytest.mark.parametrize(
    "line",
    [
        r"splash:set_user_agent('a\r\nb')",
        r"splash:set_user_agent('\0')",
        r"splash:set_custom_headers{['A\r\n']='x'}",
        r"splash:set_custom_headers{A='x\r\ny'}",
        r"splash:set_custom_headers{['']='x'}",
        r"splash:go{args.url, headers={['']='x'}}",
        r"splash:go{args.url, headers={A='x\ny'}}",
        r"splash:http_get{args.url, headers={['A b']='x'}}",
        r"splash:http_post{args.url, headers={A='\0'}}",
        r"splash:set_result_content_type('a\r\nb')",
        r"splash:set_result_header('A', 'x\r\nB: y')",
        r"splash:set_result_header('', 'x')",
        r"splash:set_result_header('A b', 'x')",
        r"splash:set_result_header('A', 'é')",
        r"splash:set_result_header('Transfer-Encoding', 'chunked')",
        r"splash:set_result_header('content-length', '100')",
        r"splash:set_result_header('Connection', 'upgrade')",
        r"splash:set_result_header('Content-Security-Policy', 'x')",
        r"splash:set_result_header('X-Content-Type-Options', 'x')",
    ],
)
def test_a_script_cannot_set_headers_that_cannot_be_sent(splash: Client, pages: Pages, line: str) -> None:
    script = f"function main(splash, args) {line} return 'done' end"
    status, body = ask(splash.url, "/execute", {"lua_source": script, "url": f"{pages.url}/plain"})
    assert (status, json.loads(body)["type"]) == (400, "ScriptError")


@pytest.mark.parametrize("header", [r"'', 'x'", r"'A', 'x\n'", r"'A b', 'x'"])
def test_a_callback_that_sets_a_bad_header_gets_an_error_at_once(
    splash: Client, pages: Pages, header: str
) -> None:
    script = f"""function main(splash, args)
      local why
      splash:on_request(function(request) local _, said = pcall(request.set_header, request, {header}) why = said end)
      assert(splash:go(args.url))
      return tostring(why)
    end"""
    status, body = ask(
        splash.url, "/execute", {"lua_source": script, "url": f"{pages.url}/plain", "timeout": 10}
    )
    assert status == 200 and (b"name of a header" in body or b"line end" in body), body


def test_set_result_header_ignores_the_content_type(splash: Client) -> None:
    """As in Splash."""
    script = "function main(splash) splash:set_result_header('Content-Type', 'text/html') return 'x' end"
    answer = splash.post("/execute", data=json.dumps({"lua_source": script}).encode())
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")


def test_a_token_that_is_not_text_is_401() -> None:
    with server("renderer", "--port", "0", "--exit-with-stdin", "--token", "s3cret", "--disable-lua") as url:
        host, _, port = url.removeprefix("http://").partition(":")
        for given in (b"Bearer \xff", b"Basic \xff", b"Basic eA==", b"Bearer", b"Basic " + b"/" * 400):
            with socket.create_connection((host, int(port)), timeout=10) as client:
                head = b"GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
                client.sendall(head + given + b"\r\n\r\n")
                assert client.recv(20).startswith(b"HTTP/1.1 401")


def test_the_query_can_have_a_long_script(splash: Client) -> None:
    script = f"function main() --[[{'x' * 20_000}]] return 'long' end"
    assert splash.get("/execute", lua_source=script).text == "long"


def test_the_depth_limit_counts_lists_and_objects() -> None:
    value: Any = 1
    for level in range(MAX_DEPTH):
        value = [value] if level % 2 else {"a": value}
    assert describe_fault(value) is None
    assert describe_fault([value]) is not None


@given(st.text(), st.text())
def test_a_header_that_passes_the_check_is_one_line(name: str, value: str) -> None:
    for check_one in (check_header, check_result_header):
        try:
            check_one(name, value)
        except ValueError:
            continue
        line = f"{name}: {value}".encode("utf-8", "surrogateescape")
        assert b"\r" not in line and b"\n" not in line and name
