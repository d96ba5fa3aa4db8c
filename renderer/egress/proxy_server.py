"""The renderer's own proxy on loopback: it decides by address which hosts Chromium may reach, and by which proxy.

Chromium supports no password for SOCKS and no URL patterns for a context's proxy, and it reports an address only after
it has connected. A browser context that needs one of these uses an Egress, which connects by ``connector.Reach``. Of
https requests the Egress sees only host and port.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy as ProxyClient

from renderer.egress.connector import Reach, Refused
from renderer.egress.proxy_profiles import Proxy, ProxyRules

CONNECT_TIMEOUT = 30.0  # seconds
MAX_HEAD = 256 * 1024  # bytes of the head of a request or response
CHUNK = 1 << 16  # bytes

_TYPES = {"http": ProxyType.HTTP, "socks5": ProxyType.SOCKS5}


@dataclass(frozen=True, kw_only=True)
class Request:
    """The head of a request to a proxy."""

    method: str
    url: str
    host: str
    port: int
    version: str
    headers: tuple[str, ...]

    @property
    def body_size(self) -> int:
        for line in self.headers:
            name, _, value = line.partition(":")
            if name.lower() == "content-length" and value.strip().isdigit():
                return int(value)
        return 0

    def encoded(self, *, absolute: bool, authorization: str = "") -> bytes:
        """Return the head for the next server, with an absolute URL for a proxy.

        Each connection has one request, so that the Egress does not have to find the end of a response.
        """
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {self.url if absolute else path} {self.version}"]
        lines += [line for line in self.headers if _name(line) not in _HOP_BY_HOP]
        # Other options of the header Connection than the lifetime of the connection are for the server.
        options = [part for line in self.headers if _name(line) == "connection" for part in _parts(line)]
        lines.append(", ".join(["Connection: close", *(o for o in options if o.lower() not in _LIFETIMES)]))
        if authorization:
            lines.append(f"Proxy-Authorization: {authorization}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


_LIFETIMES = frozenset({"", "close", "keep-alive"})
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authorization"})


class Egress:
    """A proxy for browser contexts: ``open`` it, pass ``server`` to Chromium, and ``close`` it at the end."""

    def __init__(self, rules: ProxyRules | None, reach: Reach) -> None:
        self._rules, self._reach = rules, reach
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        # Chromium's error names by host: Chromium itself only notices that its proxy closed the connection.
        self.errors: dict[str, str] = {}

    @property
    def server(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD)
        self.port = self._listener.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.close()
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward: asyncio.StreamWriter | None = None
        try:
            request = parse_head(await reader.readuntil(b"\r\n\r\n"))
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    answers, onward = await self._connect(request)
            except TimeoutError:
                raise Refused("net::ERR_CONNECTION_TIMED_OUT") from None
            if request.method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _relay_both(reader, writer, answers, onward)
            else:
                await _relay_one(request, reader, writer, answers, onward)
        except Refused as refused:
            if len(self.errors) < 1000:
                self.errors[request.host] = refused.error
            if request.method == "CONNECT":
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the other side notices that the connection is closed
        finally:
            for end in filter(None, (onward, writer)):
                with contextlib.suppress(OSError):
                    end.close()

    async def _connect(self, request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        rules = self._rules if self._rules and self._rules.covers(request.url) else None
        if rules is None:
            answers, onward = await self._streams(await self._reach.connect(request.host, request.port))
            if request.method != "CONNECT":
                onward.write(request.encoded(absolute=False))
            return answers, onward
        await self._reach.check_behind_proxy(request.host, request.port)
        proxy, connector = rules.proxy, _ProxyConnector(self._reach, trusted=rules.trusted)
        if proxy.scheme == "http" and request.method != "CONNECT":
            answers, onward = await self._streams(await connector.connect(proxy.host, proxy.port))
            onward.write(request.encoded(absolute=True, authorization=_basic(proxy)))
            return answers, onward
        answers, onward = await self._streams(await _tunnel(proxy, connector, request.host, request.port))
        if request.method != "CONNECT":
            onward.write(request.encoded(absolute=False))
        return answers, onward

    async def _streams(self, connected: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=connected, limit=MAX_HEAD)


class _ProxyConnector:
    """Connects to a proxy itself, with the interface that python-socks needs."""

    def __init__(self, reach: Reach, *, trusted: bool) -> None:
        self._reach, self._trusted = reach, trusted

    async def connect(self, dest_host: str, dest_port: int, timeout: float | None = None) -> socket.socket:  # noqa: ASYNC109
        return await self._reach.connect(dest_host, dest_port, trusted=self._trusted)


def parse_head(head: bytes) -> Request:
    """Return the request of a head that a browser sends to its proxy; raise ValueError for any other head."""
    first, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    if method == "CONNECT":
        parts = urlsplit(f"//{target}")
        scheme = "http" if parts.port == 80 else "https"
        url = f"{scheme}://{target.removesuffix(':443').removesuffix(':80')}/"
    else:
        parts, url = urlsplit(target), target
        if parts.scheme != "http":
            raise ValueError("the request line has no http URL, so it is no request to a proxy")
    if not parts.hostname:
        raise ValueError("the URL of the request has no host")
    return Request(
        method=method,
        url=url,
        host=parts.hostname,
        port=parts.port or 80,
        version=version,
        headers=tuple(headers),
    )


async def _tunnel(proxy: Proxy, connector: _ProxyConnector, host: str, port: int) -> socket.socket:
    client = ProxyClient.create(
        _TYPES[proxy.scheme],
        proxy.host,
        proxy.port,
        username=proxy.username or None,
        password=proxy.password or None,
        rdns=True,
        # Without this, python-socks resolves the proxy's name a second time, after the check.
        forward=connector,
    )
    try:
        return await client.connect(host, port)
    except ProxyError:
        raise Refused("net::ERR_TUNNEL_CONNECTION_FAILED") from None
    except (OSError, TimeoutError):
        raise Refused("net::ERR_PROXY_CONNECTION_FAILED") from None


def _basic(proxy: Proxy) -> str:
    if not proxy.username:
        return ""
    return "Basic " + base64.b64encode(f"{proxy.username}:{proxy.password}".encode()).decode("ascii")


def _name(line: str) -> str:
    return line.partition(":")[0].strip().lower()


def _parts(line: str) -> list[str]:
    return [part.strip() for part in line.partition(":")[2].split(",")]


async def _relay_one(
    request: Request,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answers: asyncio.StreamReader,
    onward: asyncio.StreamWriter,
) -> None:
    sending = asyncio.ensure_future(_send_body(request.body_size, reader, onward))
    try:
        status = 100
        while 100 <= status < 200:
            head = await answers.readuntil(b"\r\n\r\n")
            status = int((head.split(b" ", 2)[1:2] or [b"0"])[0][:3])
            writer.write(_closing(head) if status >= 200 else head)
        await _pump(answers, writer)
    finally:
        sending.cancel()


def _closing(head: bytes) -> bytes:
    # Without "Connection: close", Chromium sends its next request, to any host, on the same connection.
    lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
    kept = [line for line in lines if _name(line.decode("latin-1")) not in _HOP_BY_HOP]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


async def _send_body(size: int, reader: asyncio.StreamReader, onward: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while size > 0 and (data := await reader.read(min(size, CHUNK))):
            onward.write(data)
            await onward.drain()
            size -= len(data)


async def _relay_both(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answers: asyncio.StreamReader,
    onward: asyncio.StreamWriter,
) -> None:
    sending = asyncio.ensure_future(_pump(reader, onward))
    receiving = asyncio.ensure_future(_pump(answers, writer))
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in (sending, receiving):
            pump.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()
