"""The addresses that pages, redirects, frames and scripts may reach; the Egress decides by the resolved address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from renderer.egress import connector
from renderer.egress.connector import PRIVATE, AddressInfo, Reach
from renderer.egress.proxy_profiles import ProxyRules, parse_proxy
from renderer.egress.proxy_server import Egress, parse_head
from tests.processes import server
from tests.renderer.conftest import Client, Pages
from tests.renderer.names import Names


@pytest.mark.parametrize(
    ("head", "url", "host", "port"),
    [
        ("GET http://h:81/p?q HTTP/1.1", "http://h:81/p?q", "h", 81),
        ("CONNECT h:443 HTTP/1.1", "https://h/", "h", 443),
        ("CONNECT [::1]:8443 HTTP/1.1", "https://[::1]:8443/", "::1", 8443),
        ("CONNECT h:80 HTTP/1.1", "http://h/", "h", 80),
    ],
)
def test_the_head_of_a_proxy_request_names_url_host_and_port(
    head: str, url: str, host: str, port: int
) -> None:
    request = parse_head(f"{head}\r\nHost: h\r\n\r\n".encode())
    assert (request.url, request.host, request.port) == (url, host, port)


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1", "GET ftp://h/ HTTP/1.1", "nonsense", "GET http:/// HTTP/1.1"]
)
def test_a_head_that_no_browser_sends_to_a_proxy_is_refused(head: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_head(f"{head}\r\n\r\n".encode())


def ask(
    message: str, addresses: list[str], rules: ProxyRules | None = None, **options: Any
) -> tuple[bytes, dict[str, str]]:
    """Return the answer of an Egress whose resolver has these addresses for shop.example, and its errors."""

    async def run() -> tuple[bytes, dict[str, str]]:
        defaults: dict[str, Any] = {"public_only": True, "resolve": Names({"shop.example": [addresses]})}
        egress = Egress(rules, Reach(**(defaults | options)))
        await egress.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", egress.port)
        writer.write(message.encode())
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await egress.close()
        return answer, egress.errors

    return asyncio.run(run())


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:169.254.169.254"]]
)
def test_the_egress_refuses_a_name_with_a_private_address(addresses: list[str]) -> None:
    refused = {"shop.example": PRIVATE}
    answer, errors = ask("GET http://shop.example/ HTTP/1.1\r\n\r\n", addresses)
    assert (answer, errors) == (b"", refused)
    answer, errors = ask("CONNECT shop.example:443 HTTP/1.1\r\n\r\n", addresses)
    assert answer.startswith(b"HTTP/1.1 502") and errors == refused


def test_the_egress_refuses_the_port_of_the_renderer(pages: Pages) -> None:
    port = int(pages.url.rpartition(":")[2])
    message = f"GET http://shop.example:{port}/plain HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, _ = ask(message, ["127.0.0.1"], public_only=False, blocked_port=port)
    assert answer == b""
    answer, _ = ask(message, ["127.0.0.1"], public_only=False)
    assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer


def record_connections(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Make every connection of the connector fail; return the list of the addresses of these connections."""
    connected: list[object] = []

    async def start_connection(found: Sequence[AddressInfo], **_: object) -> None:
        connected.extend(info[4][0] for info in found)
        raise OSError

    monkeypatch.setattr(connector, "start_connection", start_connection)
    return connected


@pytest.mark.parametrize("proxy", ["http://proxy.example:3128", "socks5://proxy.example:3128"])
@pytest.mark.parametrize("message", ["GET http://{} HTTP/1.1\r\n\r\n", "CONNECT {}:443 HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("private", ["127.0.0.1", "fec0::1", "::127.0.0.1"])
def test_a_proxy_whose_name_changes_its_address_is_resolved_once_per_connection(
    proxy: str, message: str, private: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The egress connects to the address that it has checked, and does not resolve the name a second time.
    connected = record_connections(monkeypatch)
    names = Names({"proxy.example": [["93.184.216.34"], [private]], "shop.example": [["93.184.216.34"]]})
    rules = ProxyRules(proxy=parse_proxy(proxy))
    _, errors = ask(message.format("shop.example"), [], rules, resolve=names)
    assert connected == ["93.184.216.34"] and names.asked["proxy.example"] == 1
    _, errors = ask(message.format("shop.example"), [], rules, resolve=names)
    assert connected == ["93.184.216.34"] and errors == {"shop.example": PRIVATE}


@pytest.mark.parametrize(
    "message", ["GET http://shop.example/ HTTP/1.1\r\n\r\n", "CONNECT shop.example:443 HTTP/1.1\r\n\r\n"]
)
def test_a_host_whose_name_changes_its_address_is_resolved_once_per_connection(
    message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = record_connections(monkeypatch)
    names = Names({"shop.example": [["93.184.216.34"], ["127.0.0.1"]]})
    ask(message, [], resolve=names)
    assert connected == ["93.184.216.34"] and names.asked["shop.example"] == 1
    assert ask(message, [], resolve=names)[1] == {"shop.example": PRIVATE}
    assert connected == ["93.184.216.34"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST.", "a.localhost", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_the_egress_sends_no_request_for_this_machine_to_a_client_s_proxy(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = ProxyRules(proxy=parse_proxy("http://proxy.example:3128"))
    names = Names({"proxy.example": [["93.184.216.34"]]})
    answer, errors = ask(f"GET http://{host}/ HTTP/1.1\r\n\r\n", [], rules, resolve=names)
    assert answer == b"" and list(errors.values()) == [PRIVATE] and not names.asked["proxy.example"]


def test_an_allowed_host_may_have_a_private_address(pages: Pages) -> None:
    port = int(pages.url.rpartition(":")[2])
    names = Names({"Demo": [["127.0.0.1"]], "demo.": [["127.0.0.1"]], "other": [["127.0.0.1"]]})
    options: dict[str, Any] = {"resolve": names, "allowed_hosts": frozenset({"demo"})}
    for host, is_allowed in (("demo.", True), ("other", False)):
        answer, errors = ask(f"GET http://{host}:{port}/plain HTTP/1.1\r\nHost: x\r\n\r\n", [], **options)
        assert answer.startswith(b"HTTP/1.1 200") is is_allowed
        assert errors == ({} if is_allowed else {host: PRIVATE})
    answer, _ = ask(f"GET http://demo.:{port}/plain HTTP/1.1\r\n\r\n", [], blocked_port=port, **options)
    assert answer == b""


@pytest.fixture(scope="module")
def careful() -> Iterator[Client]:
    options = (
        "--port",
        "0",
        "--exit-with-stdin",
        "--forbid-private-addresses",
        "--allow-hosts",
        "LocalHost.",
    )
    with server("renderer", *options) as url:
        yield Client(url)


def test_a_page_reaches_an_allowed_host_by_its_name_only(careful: Client, pages: Pages) -> None:
    port = pages.url.rpartition(":")[2]
    assert "plain" in careful.get("/render.html", url=f"http://localhost:{port}/plain").text
    assert careful.get("/render.html", url=f"http://127.0.0.1:{port}/plain").status == 502


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "2130706433",
        "127.1",
        "0177.1",
        "0x7f.1",
        "127.0.0.1.",
        "[::ffff:7f00:1]",
        "0",
    ],
)
def test_pages_at_private_addresses_are_refused(careful: Client, pages: Pages, host: str) -> None:
    before = pages.hits.total()
    port = pages.url.rpartition(":")[2]
    answer = careful.get("/render.html", url=f"http://{host}:{port}/plain")
    assert (answer.status, answer.json["info"]["code"]) == (502, 5)
    assert answer.json["info"]["text"] == "Private addresses are not allowed"
    assert pages.hits.total() == before


def test_a_private_proxy_is_refused_as_well(careful: Client, pages: Pages) -> None:
    address = pages.url.removeprefix("http://")
    before = pages.hits.total()
    assert careful.get("/render.html", url="http://93.184.216.34/", proxy=f"http://{address}").status == 502
    assert careful.get("/render.html", url="http://93.184.216.34/", proxy=f"socks5://{address}").status == 502
    assert pages.hits.total() == before


def test_scripts_and_content_reach_no_private_address(careful: Client, pages: Pages) -> None:
    before = pages.hits.total()
    reason = careful.main("local ok, why = splash:go(args.url) return why", url=f"{pages.url}/plain")
    assert reason == "network5"
    careful.main(
        "splash:set_content(args.html, 'text/html', 'http://shop.example/') splash:wait(0.3)",
        html=f"<img src={pages.url}/pixel.gif><iframe src={pages.url}/plain></iframe>"
        f"<script>new WebSocket('{pages.url.replace('http', 'ws')}/echo'); fetch('{pages.url}/echo')</script>",
    )
    assert pages.hits.total() == before


def test_a_script_s_own_requests_and_proxies_reach_no_private_address(careful: Client, pages: Pages) -> None:
    address, before = pages.url.removeprefix("http://"), pages.hits.total()
    host, _, port = address.partition(":")
    said = careful.main(
        """
        local all = {splash:http_get(args.url).ok, splash:http_post{args.url, body='x'}.ok}
        for _, kind in ipairs{'HTTP', 'SOCKS5'} do
          splash:on_request(function(request) request:set_proxy{host=args.host, port=args.port, type=kind} end)
          all[#all + 1] = splash:http_get('http://93.184.216.34/').ok
          all[#all + 1] = splash:go('http://93.184.216.34/') or false
        end
        return all
        """,
        url=f"{pages.url}/plain",
        host=host,
        port=int(port),
    )
    assert list(said.values()) == [False] * 6
    assert pages.hits.total() == before


def test_an_unknown_name_is_still_code_3(careful: Client) -> None:
    answer = careful.get("/render.html", url="http://no-such-host.invalid/")
    assert (answer.status, answer.json["info"]["code"]) == (502, 3)
