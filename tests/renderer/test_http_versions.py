"""HTTP/2: Chromium and the server negotiate it, unless a render turns it off."""

from __future__ import annotations

import asyncio
import contextlib
import socketserver
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from renderer.render.http_client import HttpClient, Request, RequestFailed
from tests.renderer.conftest import Client

ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: seen=1\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)


class SecureSite(socketserver.ThreadingTCPServer):
    """A site that offers HTTP/2 and records the negotiated protocols; it answers HTTP/1.1 with the request's head."""

    daemon_threads = True
    protocols: list[str | None]
    tls: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.BaseRequestHandler):
    server: SecureSite

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            secure = self.server.tls.wrap_socket(self.request, server_side=True)
            protocol = secure.selected_alpn_protocol()
            head = secure.recv(65536)
            self.server.protocols.append(protocol)
            if protocol != "h2":
                page = b"<p id=p>1.1</p><pre>%s</pre><img src=/image>" % head
                secure.sendall(ANSWER % (len(page), page))
            secure.close()


@pytest.fixture(scope="module")
def secure_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureSite]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("secure") / "site.pem"
    encoding, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(
        key.private_bytes(encoding, private, serialization.NoEncryption())
        + certificate.public_bytes(encoding)
    )
    with SecureSite(("127.0.0.1", 0), Handler) as site:
        site.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        site.tls.load_cert_chain(path)
        site.tls.set_alpn_protocols(["h2", "http/1.1"])
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture
def site(secure_site: SecureSite) -> SecureSite:
    secure_site.protocols = []
    return secure_site


@pytest.mark.parametrize("arguments", [{}, {"http2": 1}])
def test_chromium_speaks_http2(splash: Client, site: SecureSite, arguments: dict[str, int]) -> None:
    splash.get("/render.html", url=site.url, **arguments)
    assert site.protocols[0] == "h2"


def test_a_render_can_do_without_http2(splash: Client, site: SecureSite) -> None:
    assert 'id="p">1.1' in splash.html(site.url, http2=0)
    assert len(site.protocols) >= 2 and "h2" not in site.protocols


def test_a_request_without_http2_has_the_page_s_headers_and_cookies(splash: Client, site: SecureSite) -> None:
    script = """
    splash.http2_enabled = false
    assert(splash:go(args.url))
    assert(splash:go{args.url, headers={["X-Mine"] = "mine"}})
    return splash:html()
    """
    html = splash.main(script, url=site.url)
    assert "X-Mine: mine" in html and "Cookie: seen=1" in html and "User-Agent: Mozilla" in html


def test_scripts_can_do_without_http2(splash: Client, site: SecureSite) -> None:
    script = """
    splash.http2_enabled = false
    assert(splash:go(args.url))
    return {splash.http2_enabled, splash:select('#p'):text()}
    """
    assert splash.main(script, url=site.url) == {"1": False, "2": "1.1"}
    assert "h2" not in site.protocols


@pytest.mark.parametrize(("by_default", "for_this"), [(True, False), (False, True)])
def test_a_script_can_turn_http2_on_or_off_for_one_request(
    splash: Client, site: SecureSite, by_default: bool, for_this: bool
) -> None:
    script = """
    splash.http2_enabled = args.by_default
    splash:on_request(function (request) request:set_http2_enabled(args.for_this) end)
    splash:go(args.url)
    """
    splash.main(script, url=site.url, by_default=by_default, for_this=for_this)
    assert ("h2" in site.protocols) is for_this


def test_the_http_client_sends_no_request_after_its_render() -> None:
    async def send_late() -> None:
        client = HttpClient(None)  # type: ignore[arg-type]
        async with client:
            pass
        await client.send(Request(method="GET", url="https://127.0.0.1/", headers=()), None)  # type: ignore[arg-type]

    with pytest.raises(RequestFailed):
        asyncio.run(send_late())
