"""Small proxies for the tests, which record their requests and mark the pages that they relay."""

from __future__ import annotations

import base64
import socket
import socketserver
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

MARK = b"<!-- by proxy -->"


class MarkingProxy(BaseHTTPRequestHandler):
    """An HTTP proxy for http URLs, with or without a password."""

    seen: ClassVar[list[str]]
    wants: ClassVar[str]

    def do_GET(self) -> None:
        self.seen.append(self.path)
        if self.wants and self.headers.get("Proxy-Authorization") != f"Basic {self.wants}":
            self.send_response(407)
            self.send_header("Proxy-Authenticate", 'Basic realm="test"')
            self.end_headers()
            return
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(self.path, timeout=10) as answer:
                status, kind, body = answer.status, answer.headers.get_content_type(), answer.read()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, error.headers.get_content_type(), error.read()
        if kind == "text/html":
            body += MARK
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


class Socks(socketserver.BaseRequestHandler):
    """A connection of a SOCKS5 proxy with a password."""

    seen: ClassVar[list[str]]

    def handle(self) -> None:
        client: socket.socket = self.request
        _, count = client.recv(2)
        client.recv(count)
        client.sendall(b"\x05\x02")
        _, length = client.recv(2)
        user = client.recv(length).decode()
        password = client.recv(client.recv(1)[0]).decode()
        if (user, password) != ("ann", "s3cret"):
            client.sendall(b"\x01\x01")
            return
        client.sendall(b"\x01\x00")
        _, _, _, kind = client.recv(4)
        host = client.recv(client.recv(1)[0]).decode() if kind == 3 else socket.inet_ntoa(client.recv(4))
        (port,) = struct.unpack(">H", client.recv(2))
        self.seen.append(f"{host}:{port}")
        with socket.create_connection((host, port), timeout=10) as onward:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            answering = threading.Thread(target=_pump, args=(onward, client), daemon=True)
            answering.start()
            _pump(client, onward)
            answering.join(10)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@contextmanager
def http_proxy(user: str = "", password: str = "") -> Iterator[tuple[str, list[str]]]:
    """Yield the ``host:port`` of a proxy, and the list of the URLs of its requests."""
    wants = base64.b64encode(f"{user}:{password}".encode()).decode() if user else ""
    seen: list[str] = []
    handler = type("Handler", (MarkingProxy,), {"seen": seen, "wants": wants})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as proxy, _running(proxy):
        yield f"127.0.0.1:{proxy.server_address[1]}", seen


@contextmanager
def socks_proxy() -> Iterator[tuple[str, list[str]]]:
    """Yield the ``host:port`` of a proxy for the user ann with s3cret, and the list of its targets."""
    seen: list[str] = []
    handler = type("Handler", (Socks,), {"seen": seen})
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as proxy, _running(proxy):
        yield f"127.0.0.1:{proxy.server_address[1]}", seen


@contextmanager
def _running(proxy: socketserver.TCPServer) -> Iterator[None]:
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        proxy.shutdown()
        thread.join(10)
