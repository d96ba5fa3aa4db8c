"""Our own proxy on loopback: what goes to which proxy, and what may be reached at all, is decided by address here.

Chromium knows no password for SOCKS, no patterns for a context's proxy, and tells an address only after it has
connected. Contexts that need one of these reach the network through an Egress, which connects to the address that
it checked. Of https it sees host and port only.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohappyeyeballs import start_connection
from python_socks import ProxyError, ProxyType
from python_socks.async_.asyncio import Proxy as ProxyClient

from renderer.proxy import Proxy, ProxyRules

CONNECT_TIMEOUT = 30.0
MAX_HEAD = 256 * 1024
CHUNK = 1 << 16
# Some networks hide an IPv4 address in an IPv6 one.
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TYPES = {"http": ProxyType.HTTP, "socks5": ProxyType.SOCKS5}


class Refused(Exception):
    """There is no way to this place; the attribute is Chromium's name of the error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(frozen=True, kw_only=True)
class Request:
    """The head of a request, as a proxy gets it."""

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

    def written(self, *, absolute: bool, authorization: str = "") -> bytes:
        """The head for the next one on the way; one request a connection, so that no answer needs to be understood."""
        parts = urlsplit(self.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{self.method} {self.url if absolute else path} {self.version}"]
        lines += [line for line in self.headers if _name(line) not in _HOP_BY_HOP]
        # The client's own request to a server: what it says besides how long the connection lives is not for us.
        told = [part for line in self.headers if _name(line) == "connection" for part in _parts(line)]
        lines.append(", ".join(["Connection: close", *(p for p in told if p.lower() not in _LIFETIMES)]))
        if authorization:
            lines.append(f"Proxy-Authorization: {authorization}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")


_LIFETIMES = frozenset({"", "close", "keep-alive"})
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "proxy-authorization"})


class Egress:
    """Use ``open``, hand ``server`` to Chromium, and ``close`` it."""

    def __init__(self, rules: ProxyRules | None, *, public_only: bool, blocked_port: int) -> None:
        self._rules, self._public_only, self._blocked_port = rules, public_only, blocked_port
        self._listener: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()
        self.port = 0
        # Why hosts could not be reached: Chromium itself only sees that its proxy hung up.
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
            pass  # whoever is at the other end sees that the connection is over
        finally:
            for end in filter(None, (onward, writer)):
                with contextlib.suppress(OSError):
                    end.close()

    async def _connect(self, request: Request) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        rules = self._rules if self._rules and self._rules.covers(request.url) else None
        if rules is None:
            answers, onward = await self._streams(await self._reach(request.host, request.port))
            if request.method != "CONNECT":
                onward.write(request.written(absolute=False))
            return answers, onward
        self._check_name(request.host, request.port)
        proxy = rules.proxy
        if self._public_only:
            await self._public_addresses(request.host, request.port, unknown_is_fine=True)
            if not rules.trusted:
                await self._public_addresses(proxy.host, proxy.port)
        if proxy.scheme == "http" and request.method != "CONNECT":
            answers, onward = await self._streams(await _connect_to(await _resolve(proxy.host, proxy.port)))
            onward.write(request.written(absolute=True, authorization=_basic(proxy)))
            return answers, onward
        answers, onward = await self._streams(await _tunnel(proxy, request.host, request.port))
        if request.method != "CONNECT":
            onward.write(request.written(absolute=False))
        return answers, onward

    async def _streams(self, connected: socket.socket) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(sock=connected, limit=MAX_HEAD)

    async def _reach(self, host: str, port: int) -> socket.socket:
        if self._public_only:
            found = await self._public_addresses(host, port)
        else:
            found = await _resolve(host, port)
        # Chromium's own rules against this cover only what it resolves itself.
        found = [info for info in found if port != self._blocked_port or not _is_ours(_address(info))]
        if not found:
            raise Refused("net::ERR_NAME_NOT_RESOLVED")
        return await _connect_to(found)

    def _check_name(self, host: str, port: int) -> None:
        """The same for what a proxy resolves; it may well run on this machine."""
        if port != self._blocked_port:
            return
        try:
            ours = _is_ours(ipaddress.ip_address(host))
        except ValueError:
            ours = host == "localhost" or host.endswith(".localhost")
        if ours:
            raise Refused("net::ERR_NAME_NOT_RESOLVED")

    async def _public_addresses(
        self, host: str, port: int, *, unknown_is_fine: bool = False
    ) -> Sequence[AddressInfo]:
        try:
            found = await _resolve(host, port)
        except Refused:
            if unknown_is_fine:  # a name that only the proxy knows
                return []
            raise
        if not all(is_public(_address(info)) for info in found):
            raise Refused("net::ERR_BLOCKED_BY_PRIVATE_NETWORK_ACCESS_CHECKS")
        return found


AddressInfo = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]


def parse_head(head: bytes) -> Request:
    """The request that a browser sends to its proxy; ValueError for anything else."""
    first, *headers = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = first.split(" ")
    if method == "CONNECT":
        parts = urlsplit(f"//{target}")
        scheme = "http" if parts.port == 80 else "https"
        url = f"{scheme}://{target.removesuffix(':443').removesuffix(':80')}/"
    else:
        parts, url = urlsplit(target), target
        if parts.scheme != "http":
            raise ValueError("not a request to a proxy")
    if not parts.hostname:
        raise ValueError("no host")
    return Request(
        method=method,
        url=url,
        host=parts.hostname,
        port=parts.port or 80,
        version=version,
        headers=tuple(headers),
    )


def is_public(address: Address) -> bool:
    """Whether this is an address of the open internet, whatever it is wrapped in."""
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            return is_public(wrapped)
    return address.is_global and not address.is_multicast


def _is_ours(address: Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    address = mapped or address
    return address.is_loopback or address.is_unspecified or address in ipaddress.ip_network("0.0.0.0/8")


def _address(info: AddressInfo) -> Address:
    return ipaddress.ip_address(str(info[4][0]).partition("%")[0])


async def _resolve(host: str, port: int) -> Sequence[AddressInfo]:
    try:
        return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("net::ERR_NAME_NOT_RESOLVED") from None


async def _connect_to(found: Sequence[AddressInfo]) -> socket.socket:
    try:
        return await start_connection(found, happy_eyeballs_delay=0.25)
    except OSError:
        raise Refused("net::ERR_CONNECTION_REFUSED") from None


async def _tunnel(proxy: Proxy, host: str, port: int) -> socket.socket:
    client = ProxyClient.create(
        _TYPES[proxy.scheme],
        proxy.host,
        proxy.port,
        username=proxy.username or None,
        password=proxy.password or None,
        rdns=True,
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
    # Told otherwise, Chromium would send its next request, to whomever, on this very connection.
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
