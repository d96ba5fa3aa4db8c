"""``splash:http_get`` and ``splash:http_post``: requests that the renderer sends, with the page's cookies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin

from renderer.chromium.cdp import CommandFailed, Params
from renderer.lua.callback_api import CallbackApi
from renderer.lua.callback_exchanges import record_response
from renderer.lua.lua_values import Binary, HttpObject
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.lua.settings_api import SettingsApi, read_headers
from renderer.network.exchanges import Exchange
from renderer.network.first_request import with_cookies_of
from renderer.network.har import cookie_from_har, received_cookies
from renderer.render.http_client import HttpClient, Request, RequestFailed, Response
from renderer.tab.tab import Tab

# Headers that Splash's client adds and that scripts do not see.
_DEFAULTS = (("Accept-Encoding", "gzip, deflate"), ("Accept-Language", "en,*"))
MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpApi:
    """The commands of HTTP requests. Each redirect is a request of its own, and the script's callbacks see each one."""

    def __init__(self, tab: Tab, client: HttpClient, settings: SettingsApi, callbacks: CallbackApi) -> None:
        self._tab, self._client, self._settings, self._callbacks = tab, client, settings, callbacks
        self._count = 0

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.http_get, self.http_post):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())

    async def http_get(self, url: Any, headers: Any = None, follow_redirects: Any = True) -> HttpObject:
        return await self._send("GET", url, headers, follow_redirects, None)

    async def http_post(
        self, url: Any, headers: Any = None, follow_redirects: Any = True, body: Any = None
    ) -> HttpObject:
        if isinstance(body, Binary):
            data = body.data
        elif body is None or isinstance(body, str):
            data = (body or "").encode("utf-8", "surrogateescape")
        else:
            raise LuaFailure("body argument for splash:http_post() must be string", argument="body")
        return await self._send("POST", url, headers, follow_redirects, data)

    async def _send(self, method: str, url: Any, headers: Any, follow: Any, body: bytes | None) -> HttpObject:
        if not isinstance(url, str):
            raise LuaFailure("the url must be a string", argument="url")
        given = None if headers is None else read_headers(headers)
        exchange = await self.fetch(method, url, given, body, follow=bool(follow))
        await self._callbacks.wait_for_callbacks()
        return self._callbacks.response_object(exchange)

    async def fetch(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        follow: bool = True,
    ) -> Exchange:
        """Send a request; return its exchange, or with ``follow`` that of the last redirect."""
        for _ in range(MAX_REDIRECTS):
            exchange = await self._exchange(method, url, headers, body)
            location = self._location(exchange)
            if not follow or location is None:
                break
            url = urljoin(exchange.request["url"], location)
            if exchange.response is not None and exchange.response["status"] not in (307, 308):
                method, body = "GET", None
        return exchange

    @staticmethod
    def _location(exchange: Exchange) -> str | None:
        if exchange.response is None or exchange.response["status"] not in REDIRECTS:
            return None
        return next(
            (value for name, value in exchange.response_headers.items() if name.lower() == "location"), None
        )

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str] | None, body: bytes | None
    ) -> Exchange:
        self._count += 1
        sent = await self._headers(url, headers, body)
        exchange = Exchange(
            {
                "request": {"method": method, "url": url, "headers": sent},
                "requestId": f"beside the page {self._count}",
                "wallTime": time.time(),
                "timestamp": time.monotonic(),
            }
        )
        exchange.request_body = body
        exchange.response_body = b""
        changes = await self._callbacks.run_on_request(exchange)
        exchange.request["url"] = changes.url or url
        exchange.request_headers = dict(changes.apply_to(tuple(sent.items())))
        if not self._is_reachable(exchange.request["url"]):
            exchange.failure = "net::ERR_UNKNOWN_URL_SCHEME"
            return exchange
        if changes.abort or self._is_refused(exchange.request["url"]):
            exchange.failure = "net::ERR_BLOCKED_BY_CLIENT"
            return exchange
        self._tab.network.add(exchange)
        request = Request(
            method=method,
            url=exchange.request["url"],
            headers=_with_defaults(exchange.request_headers),
            body=body,
            proxy=changes.proxy,
            timeout=(self._settings.resource_timeout if changes.timeout is None else changes.timeout) or None,
        )

        async def accept(response: Response) -> bool:
            record_response(exchange, response)
            return await self._callbacks.run_on_response_headers(exchange)

        try:
            response = await self._client.send(request, accept)
            exchange.response_body, exchange.size = response.body, len(response.body)
        except RequestFailed as failed:
            exchange.failure = failed.error
        exchange.finished = time.monotonic()
        if exchange.response is not None:
            await self._keep_cookies(exchange)
            self._callbacks.call_on_response(exchange)
        return exchange

    def _is_reachable(self, url: str) -> bool:
        return self._tab.policy.allows(url) and url.lower().startswith(("http:", "https:"))

    def _is_refused(self, url: str) -> bool:
        return self._tab.interception.rules.refuses("XHR", url, self._tab.load.url)

    async def _headers(self, url: str, given: dict[str, str] | None, body: bytes | None) -> dict[str, str]:
        headers = {"user-agent": self._tab.user_agent or await self._default_user_agent()}
        if body:
            headers["content-type"] = "application/x-www-form-urlencoded"
        if cookies := await self._cookies(url):
            headers["cookie"] = cookies
        # As in Splash, headers of the call replace all headers of the render.
        stand_in = tuple((self._tab.headers if given is None else given).items())
        for name, value in with_cookies_of(headers, stand_in):
            headers = {key: text for key, text in headers.items() if key.lower() != name.lower()}
            headers[name] = value
        return headers

    async def _default_user_agent(self) -> str:
        return str((await self._tab.connection.browser.call("Browser.getVersion"))["userAgent"])

    async def _cookies(self, url: str) -> str:
        answer = await self._tab.session.call("Network.getCookies", {"urls": [url]})
        return "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in answer["cookies"])

    async def _keep_cookies(self, exchange: Exchange) -> None:
        url = exchange.request["url"]
        cookies: list[Params] = received_cookies(exchange.response_headers)
        for cookie in cookies:
            try:
                await self._tab.set_cookies([cookie_from_har(cookie, url)])
            except CommandFailed:
                continue  # Chromium refuses this cookie from a server too


def _with_defaults(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    given = {name.lower() for name in headers}
    return (*headers.items(), *(pair for pair in _DEFAULTS if pair[0].lower() not in given))
