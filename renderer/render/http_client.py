"""Plain HTTP requests beside the browser, by the ways that the tab's own requests may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from renderer.egress import Egress
from renderer.proxy import Proxy, ProxyRules
from renderer.tab import Tab

MAX_BODY = 64 * 1024 * 1024
CHUNK = 1 << 16

# All of ASCII that can be seen: scripts may give URLs as people write them.
_IN_URLS = "".join(map(chr, range(0x21, 0x7F)))
# What aiohttp would add by itself.
_NOT_ADDED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request; redirects are requests of their own."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None = None
    proxy: Proxy | None = None
    timeout: float | None = None  # seconds, until the body is read


@dataclass(frozen=True, kw_only=True)
class Response:
    """What came back: its head, and later its body."""

    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class RequestFailed(Exception):
    """There was no response; the attribute is Chromium's name of the error."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class HttpClient:
    """An async context, whose connections end with it."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._egresses: dict[Proxy | None, Egress] = {}
        self._session: aiohttp.ClientSession | None = None
        self._over = False

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        if self._session is not None:
            await self._session.close()
        for egress in self._egresses.values():
            await egress.close()

    async def send(self, request: Request, accept: Callable[[Response], Awaitable[bool]]) -> Response:
        """Ask, and read the body if ``accept`` says so of the head; raises RequestFailed."""
        if self._over:  # the page still asks for something while its result is on its way
            raise RequestFailed("net::ERR_ABORTED")
        egress = await self._egress(request.proxy)
        host = urlsplit(request.url).hostname or ""
        try:
            async with asyncio.timeout(request.timeout):
                return await self._send(request, accept, egress)
        except TimeoutError as error:
            raise RequestFailed("net::ERR_ABORTED") from error
        except (aiohttp.InvalidURL, ValueError) as error:
            raise RequestFailed("net::ERR_INVALID_URL") from error
        except aiohttp.ClientError as error:
            # The client only sees that its proxy hung up.
            raise RequestFailed(egress.errors.get(host, "net::ERR_CONNECTION_CLOSED")) from error

    async def _send(
        self, request: Request, accept: Callable[[Response], Awaitable[bool]], egress: Egress
    ) -> Response:
        async with self._client().request(
            request.method,
            URL(quote(request.url, safe=_IN_URLS), encoded=True),
            headers=request.headers,
            data=request.body,
            proxy=egress.server,
            allow_redirects=False,
            skip_auto_headers=_NOT_ADDED,
        ) as answer:
            head = Response(
                url=request.url,
                status=answer.status,
                reason=answer.reason or "",
                headers=tuple(
                    (name.decode("latin-1"), value.decode("utf-8", "surrogateescape"))
                    for name, value in answer.raw_headers
                ),
            )
            if not await accept(head):
                raise RequestFailed("net::ERR_ABORTED")
            body = bytearray()
            async for chunk in answer.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > MAX_BODY:
                    raise RequestFailed("net::ERR_ABORTED")
            return Response(
                url=head.url, status=head.status, reason=head.reason, headers=head.headers, body=bytes(body)
            )

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # As in the browser, certificates are not checked.
                connector=aiohttp.TCPConnector(ssl=False, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    async def _egress(self, proxy: Proxy | None) -> Egress:
        if proxy is None and self._tab.egress is not None:
            return self._tab.egress
        if proxy not in self._egresses:
            policy = self._tab.policy
            egress = Egress(
                None if proxy is None else ProxyRules(proxy=proxy),
                public_only=policy.public_only,
                blocked_port=policy.blocked_port,
            )
            await egress.open()
            self._egresses[proxy] = egress
        return self._egresses[proxy]
