"""``splash:http_get`` and ``splash:http_post``: requests beside the page, with its cookies."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urljoin

from renderer.cdp import CommandFailed, Params
from renderer.har import cookie_from_har, received_cookies
from renderer.http_client import HttpClient, Request, RequestFailed, Response
from renderer.lua.callback_api import CallbackApi, receive
from renderer.lua.conversion import Binary, Exposed
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.lua.settings_api import SettingsApi, read_headers
from renderer.network import Exchange
from renderer.tab import Tab

MAX_REDIRECTS = 20
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpApi:
    """Every hop of a redirect is a request of its own, and the script's callbacks see each."""

    def __init__(self, tab: Tab, client: HttpClient, settings: SettingsApi, callbacks: CallbackApi) -> None:
        self._tab, self._client, self._settings, self._callbacks = tab, client, settings, callbacks
        self._count = 0

    def add_to(self, runtime: Runtime) -> None:
        for function in (self.http_get, self.http_post):
            runtime.add(Command(function.__name__, function))
            runtime.host[b"add_method"](function.__name__.encode())

    async def http_get(self, url: Any, headers: Any = None, follow_redirects: Any = True) -> Exposed:
        return await self._send("GET", url, headers, follow_redirects, None)

    async def http_post(
        self, url: Any, headers: Any = None, follow_redirects: Any = True, body: Any = None
    ) -> Exposed:
        if isinstance(body, Binary):
            data = body.data
        elif body is None or isinstance(body, str):
            data = (body or "").encode("utf-8", "surrogateescape")
        else:
            raise LuaFailure("body argument for splash:http_post() must be string", argument="body")
        return await self._send("POST", url, headers, follow_redirects, data)

    async def _send(self, method: str, url: Any, headers: Any, follow: Any, body: bytes | None) -> Exposed:
        if not isinstance(url, str):
            raise LuaFailure("the url must be a string", argument="url")
        exchange = await self.fetch(method, url, read_headers(headers), body, follow=bool(follow))
        return self._callbacks.exposed_response(exchange)

    async def fetch(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        *,
        follow: bool = True,
    ) -> Exchange:
        """What came of this request, or of its last redirect if they are to be followed."""
        for _ in range(MAX_REDIRECTS):
            exchange = await self._exchange(method, url, headers or {}, body)
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

    async def _exchange(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> Exchange:
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
        changes = await self._callbacks.ask_request(exchange)
        exchange.request["url"] = changes.url or url
        exchange.request_headers = dict(changes.apply_to(list(sent.items())))
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
            headers=tuple(exchange.request_headers.items()),
            body=body,
            proxy=changes.proxy,
            timeout=changes.timeout or self._settings.resource_timeout or None,
        )

        async def accept(response: Response) -> bool:
            receive(exchange, response)
            return await self._callbacks.ask_response(exchange)

        try:
            response = await self._client.send(request, accept)
            exchange.response_body, exchange.size = response.body, len(response.body)
        except RequestFailed as failed:
            exchange.failure = failed.error
        exchange.finished = time.monotonic()
        if exchange.response is not None:
            await self._keep_cookies(exchange)
            self._callbacks.tell(exchange)
        return exchange

    def _is_reachable(self, url: str) -> bool:
        return self._tab.policy.allows(url) and url.lower().startswith(("http:", "https:"))

    def _is_refused(self, url: str) -> bool:
        return self._tab.interception.rules.refuses("XHR", url, self._tab.load.url)

    async def _headers(self, url: str, given: dict[str, str], body: bytes | None) -> dict[str, str]:
        headers = {"user-agent": self._tab.user_agent or await self._default_user_agent()}
        if body is not None:
            headers["content-type"] = "application/x-www-form-urlencoded"
        if cookies := await self._cookies(url):
            headers["cookie"] = cookies
        # As in Splash, given headers stand in for those of the render.
        for name, value in (given or self._tab.headers).items():
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
                continue  # a cookie that Chromium would not take from a server either
