"""Access control: the renderer refuses requests that pages can make browsers send, and serves those of programs."""

from __future__ import annotations

import socket
from urllib.parse import quote

import pytest

from renderer.api.access_control import RequestHead, host_of, reason_to_refuse
from tests.renderer.conftest import Client, Pages

HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
OWN = "127.0.0.1:8050"
CHROME = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Encoding": "gzip, deflate, br, zstd",
}
NAVIGATION = CHROME | {
    "Upgrade-Insecure-Requests": "1",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Dest": "document",
}
JSON = {"Content-Type": "application/json"}
START_PAGE = (
    CHROME | JSON | {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{OWN}", "Sec-Fetch-Mode": "cors"}
)
SCRIPT = "/execute?lua_source=x"


def reason(
    method: str, target: str, headers: dict[str, str], host: str = OWN, token: bool = False
) -> str | None:
    """Return the reason to refuse this request, or None."""
    head = RequestHead(method=method, target=target, headers=(("Host", host), *headers.items()))
    return reason_to_refuse(head, HOSTS, has_token=token)


# Requests that a page can make a browser send; of current browsers, and of those without Sec-Fetch headers.
BROWSERS = {
    "a URL that redirects here, typed in": ("GET", NAVIGATION | {"Sec-Fetch-Site": "none"}),
    "the same in upper case": ("GET", {name.upper(): text.upper() for name, text in NAVIGATION.items()}),
    "a link": ("GET", NAVIGATION | {"Sec-Fetch-Site": "cross-site"}),
    "a page on another port": ("GET", NAVIGATION | {"Sec-Fetch-Site": "same-site"}),
    "an image": ("GET", CHROME | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
    "an old browser's link without a referrer": ("GET", CHROME),
    "an old browser's image": ("GET", CHROME | {"Accept": "image/*"}),
    "a browser with an unknown user agent": ("GET", {"Upgrade-Insecure-Requests": "1"}),
    "a prefetch": ("GET", {"Purpose": "prefetch"}),
    "client hints alone": ("GET", {"Sec-CH-UA": '"x"'}),
    "a referrer from elsewhere": ("GET", {"Referer": "http://evil.example/"}),
    "a referrer from this machine's other server": ("GET", {"Referer": "http://127.0.0.1:9000/"}),
    "a head request": ("HEAD", CHROME),
    "a form": ("POST", CHROME | {"Origin": "null", "Content-Type": "application/x-www-form-urlencoded"}),
    "a form of an old browser": ("POST", CHROME | {"Content-Type": "text/plain"}),
    "a fetch with a type that mentions JSON": (
        "POST",
        CHROME | {"Content-Type": "text/plain;application/json"},
    ),
    "the same without a user agent": (
        "POST",
        {"Origin": "http://evil.example", "Content-Type": "text/plain"},
    ),
    "JSON with an Origin from elsewhere": ("POST", JSON | {"Origin": "http://evil.example"}),
    "JSON with an Origin of no site": ("POST", JSON | {"Origin": "null"}),
    "JSON with an Origin on another port": ("POST", JSON | {"Origin": "http://127.0.0.1:80"}),
    "JSON with Sec-Fetch-Site in another case": ("POST", JSON | {"sec-fetch-site": "Cross-Site"}),
    "a WebSocket": (
        "GET",
        {"Upgrade": "websocket", "Origin": "http://evil.example", "Sec-WebSocket-Key": "x"},
    ),
    "a preflight": ("OPTIONS", {"Origin": "http://evil.example"}),
}


@pytest.mark.parametrize("kind", BROWSERS)
def test_a_request_that_a_page_can_cause_is_refused(kind: str) -> None:
    method, headers = BROWSERS[kind]
    assert reason(method, SCRIPT, headers) is not None
    assert reason(method, SCRIPT, headers | {"Authorization": "Basic eDp5"}, token=True) is not None


SCRAPY = {
    "Accept": "text/html,application/xhtml+xml",
    "Accept-Language": "en",
    "Accept-Encoding": "gzip, deflate, br",
}
PROGRAMS = {
    "curl": ("GET", {"User-Agent": "curl/8.9.1", "Accept": "*/*"}),
    "curl with data": ("POST", {"User-Agent": "curl/8.9.1", "Accept": "*/*"} | JSON),
    "requests": ("GET", {"User-Agent": "python-requests/2.32", "Connection": "keep-alive", "Accept": "*/*"}),
    "urllib": ("GET", {"User-Agent": "Python-urllib/3.11", "Connection": "close"}),
    "Scrapy": ("GET", SCRAPY | {"User-Agent": "Scrapy/2.19 (+https://scrapy.org)"}),
    "Scrapy that follows its own page": ("GET", SCRAPY | {"Referer": f"http://{OWN}/render.html?url=x"}),
    "scrapy-splash": ("POST", SCRAPY | JSON | {"User-Agent": "Scrapy/2.19"}),
    "scrapy-splash with a browser's headers": (
        "POST",
        NAVIGATION
        | {"Sec-Fetch-Site": "none", "Referer": "https://shop.example/", "Sec-CH-UA": '"x"'}
        | JSON,
    ),
    "scrapy-splash with a type that has a charset": (
        "POST",
        {"Content-Type": "Application/JSON; charset=utf-8"},
    ),
    "JavaScript as a body": ("POST", CHROME | {"Content-Type": "application/javascript"}),
    "a program with a browser's name that says so": ("GET", CHROME | {"X-Requested-With": "me"}),
    "our own page": ("POST", START_PAGE),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_request_of_a_program_is_served(kind: str) -> None:
    method, headers = PROGRAMS[kind]
    assert reason(method, SCRIPT, headers) is None


def test_a_request_with_a_bearer_token_is_served() -> None:
    assert reason("GET", SCRIPT, CHROME | {"Authorization": "Bearer t"}, "renderer:8050", token=True) is None


def test_the_start_page_works_behind_a_proxy_that_changes_the_host() -> None:
    headers = START_PAGE | {"Origin": "https://renderer.example"}
    assert reason("POST", SCRIPT, headers, "10.0.0.7:8050", token=True) is None
    assert (
        reason("POST", SCRIPT, headers | {"Sec-Fetch-Site": "cross-site"}, "10.0.0.7:8050", token=True)
        is not None
    )


@pytest.mark.parametrize("path", ["/", "/_ping", "/_debug"])
def test_a_browser_can_open_the_pages_that_do_no_work(path: str) -> None:
    assert reason("GET", path, NAVIGATION | {"Sec-Fetch-Site": "none"}) is None
    assert reason("GET", path, NAVIGATION | {"Sec-Fetch-Site": "cross-site"}) is not None
    assert reason("POST", path, CHROME) is not None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:8050",
        "127.0.0.1:x",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:99999",
        "127.0.0.1 ",
        "127.0.0.1.",
        "localhost.",
        "x.localhost",
        "127.0.0.1.evil.example",
        "[::1]evil",
        "[::1]evil:8050",
        "[::1",
        "::1",
        "127.0.0.1@evil.example",
        "evil.example@127.0.0.1",
        "127.0.0.1/evil",
        "127.0.0.1, evil.example",
        "127.1",
        "0",
        "\udcff",
    ],
)
def test_a_request_for_another_host_is_refused(host: str) -> None:
    assert reason("POST", "/execute", JSON, host) is not None
    assert reason("GET", "/_ping", {}, host) is not None


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8050", "LocalHost:8050", "[::1]:8050", "localhost:9000"]
)
def test_a_request_for_our_own_host_is_served(host: str) -> None:
    assert reason("POST", "/execute", JSON, host) is None


def test_host_of_returns_none_without_exactly_one_host() -> None:
    assert host_of(["127.0.0.1", "127.0.0.1"]) is None
    assert host_of([]) is None


@pytest.mark.parametrize(
    "target", ["http://evil.example/execute", "http://127.0.0.1:8050/execute", "*", "evil:443"]
)
def test_a_request_in_the_form_for_proxies_is_refused(target: str) -> None:
    assert reason("POST", target, JSON) is not None


LUA = quote("function main(splash) splash:go(splash.args.to) return 'ran' end")


@pytest.mark.parametrize(
    "head",
    [
        "Host: {own}\r\nHost: evil.example",
        "Host: evil.example\r\nHost: {own}",
        "Host: {own}\r\nUser-Agent: Mozilla/5.0",
        "Host: {own}\r\nSEC-FETCH-SITE: none",
        "Host: 127.0.0.1:x",
        "Host: [::1]evil",
        "Host: \xff",
        "Host : {own}",
        "X: y",
    ],
)
def test_the_server_refuses_bad_heads_on_the_wire(splash: Client, pages: Pages, head: str) -> None:
    own, before = splash.url.removeprefix("http://"), pages.hits.total()
    name, _, port = own.partition(":")
    line = f"GET /execute?lua_source={LUA}&to={pages.url}/plain HTTP/1.1"
    with socket.create_connection((name, int(port)), timeout=10) as client:
        client.sendall(f"{line}\r\n{head.format(own=own)}\r\nConnection: close\r\n\r\n".encode("latin-1"))
        answer = b""
        while data := client.recv(65536):
            answer += data
    assert answer.split(b" ")[1] in (b"400", b"403"), answer
    assert pages.hits.total() == before
