"""HTTP requests that the renderer sends itself, by the same proxies and to the same addresses as the tab's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import quote, urlsplit

import aiohttp
from yarl import URL

from renderer.egress.proxy_profiles import Proxy, ProxyRules
from renderer.egress.proxy_server import Egress
from renderer.tab.tab import Tab

MAX_BODY = 64 * 1024 * 1024
CHUNK = 1 << 16

# All visible ASCII characters stay unchanged; scripts may pass URLs that are not encoded.
_IN_URLS = "".join(map(chr, range(0x21, 0x7F)))
# Headers that aiohttp adds by default.
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
    """A response: its head, and later its body."""

    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


class RequestFailed(Exception):
    """No response came; ``error`` is Chromium's name of the reason."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


class HttpClient:
    """The HTTP client of one render: an async context manager that closes its connections at its end."""

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
        """Send the request and return the response; read the body only if ``accept`` returns True for the head.

        Raises:
            RequestFailed: no complete response came, ``accept`` refused it, or its body is larger than ``MAX_BODY``.
        """
        if self._over:  # the page still sends requests after its result is made
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
            # aiohttp only knows that the proxy closed the connection; the egress knows why.
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
                # Certificates are not checked, as in the browser.
                connector=aiohttp.TCPConnector(ssl=False, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
            )
        return self._session

    async def _egress(self, proxy: Proxy | None) -> Egress:
        if proxy is None and self._tab.egress is not None:
            return self._tab.egress
        if proxy not in self._egresses:
            egress = Egress(None if proxy is None else ProxyRules(proxy=proxy), self._tab.policy.reach)
            await egress.open()
            self._egresses[proxy] = egress
        return self._egresses[proxy]
