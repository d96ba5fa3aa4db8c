"""What may be reached: by address, after the name is resolved, whatever page, redirect or frame asks for it."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest

from renderer import egress
from renderer.egress import Egress, is_public, parse_head
from tests.processes import server
from tests.renderer.conftest import Client


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_what_a_public_address_is(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    ("head", "url", "host", "port"),
    [
        ("GET http://h:81/p?q HTTP/1.1", "http://h:81/p?q", "h", 81),
        ("CONNECT h:443 HTTP/1.1", "https://h/", "h", 443),
        ("CONNECT [::1]:8443 HTTP/1.1", "https://[::1]:8443/", "::1", 8443),
        ("CONNECT h:80 HTTP/1.1", "http://h/", "h", 80),
    ],
)
def test_a_proxy_request_names_its_place(head, url, host, port):
    request = parse_head(f"{head}\r\nHost: h\r\n\r\n".encode())
    assert (request.url, request.host, request.port) == (url, host, port)


@pytest.mark.parametrize(
    "head", ["GET / HTTP/1.1", "GET ftp://h/ HTTP/1.1", "nonsense", "GET http:/// HTTP/1.1"]
)
def test_what_no_browser_sends_to_a_proxy_is_refused(head):
    with pytest.raises(ValueError, match=r"."):
        parse_head(f"{head}\r\n\r\n".encode())


def ask(message: str, addresses: list[str], monkeypatch, **options) -> tuple[bytes, dict[str, str]]:
    """What an Egress answers when names resolve to these addresses; and its errors."""

    async def resolve(host, port):
        return [
            (socket.AF_INET6 if ":" in a else socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port))
            for a in addresses
        ]

    async def run():
        way = Egress(None, **({"public_only": True, "blocked_port": 0} | options))
        await way.open()
        reader, writer = await asyncio.open_connection("127.0.0.1", way.port)
        writer.write(message.encode())
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        await way.close()
        return answer, way.errors

    monkeypatch.setattr(egress, "_resolve", resolve)
    return asyncio.run(run())


@pytest.mark.parametrize(
    "addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:169.254.169.254"]]
)
def test_a_name_with_a_private_address_is_not_reached(addresses, monkeypatch):
    refused = {"shop.example": "net::ERR_BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS"}
    answer, errors = ask("GET http://shop.example/ HTTP/1.1\r\n\r\n", addresses, monkeypatch)
    assert (answer, errors) == (b"", refused)
    answer, errors = ask("CONNECT shop.example:443 HTTP/1.1\r\n\r\n", addresses, monkeypatch)
    assert answer.startswith(b"HTTP/1.1 502") and errors == refused


def test_the_renderer_s_own_port_is_never_reached(monkeypatch, pages):
    port = int(pages.url.rpartition(":")[2])
    message = f"GET http://shop.example:{port}/plain HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, _ = ask(message, ["127.0.0.1"], monkeypatch, public_only=False, blocked_port=port)
    assert answer == b""
    answer, _ = ask(message, ["127.0.0.1"], monkeypatch, public_only=False)
    assert answer.startswith(b"HTTP/1.1 200") and b"Connection: close" in answer


@pytest.fixture(scope="module")
def careful():
    with server("renderer", "--port", "0", "--exit-with-stdin", "--forbid-private-addresses") as url:
        yield Client(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1"])
def test_pages_at_private_addresses_are_refused(careful, pages, host):
    before = pages.hits.total()
    port = pages.url.rpartition(":")[2]
    answer = careful.get("/render.html", url=f"http://{host}:{port}/plain")
    assert (answer.status, answer.json["info"]["code"]) == (502, 5)
    assert answer.json["info"]["text"] == "Private addresses are not allowed"
    assert pages.hits.total() == before


def test_a_private_proxy_is_refused_as_well(careful, pages):
    address = pages.url.removeprefix("http://")
    before = pages.hits.total()
    assert careful.get("/render.html", url="http://93.184.216.34/", proxy=f"http://{address}").status == 502
    assert careful.get("/render.html", url="http://93.184.216.34/", proxy=f"socks5://{address}").status == 502
    assert pages.hits.total() == before


def test_scripts_and_content_reach_nothing_private(careful, pages):
    before = pages.hits.total()
    reason = careful.main("local ok, why = splash:go(args.url) return why", url=f"{pages.url}/plain")
    assert reason == "network5"
    careful.main(
        "splash:set_content(args.html, 'text/html', 'http://shop.example/') splash:wait(0.3)",
        html=f"<img src={pages.url}/pixel.gif><iframe src={pages.url}/plain></iframe>"
        f"<script>new WebSocket('{pages.url.replace('http', 'ws')}/echo'); fetch('{pages.url}/echo')</script>",
    )
    assert pages.hits.total() == before


def test_an_unknown_name_is_still_code_3(careful):
    answer = careful.get("/render.html", url="http://no-such-host.invalid/")
    assert (answer.status, answer.json["info"]["code"]) == (502, 3)
