"""The commands of navigation: go, wait, stop, set_content; and history, archive, status, URL and versions."""

from __future__ import annotations

import asyncio
import platform
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlencode

import aiohttp

from renderer.chromium.cdp import Params
from renderer.errors import PageFailed, page_failure
from renderer.lua.callback_api import CallbackApi
from renderer.lua.http_api import HttpApi
from renderer.lua.plain_run import NotPlain, PlainRun
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime
from renderer.lua.settings_api import read_headers
from renderer.lua.wait_api import SECONDS as WAIT_FOR_SECONDS
from renderer.lua.wait_api import WaitApi
from renderer.network.first_request import FirstRequest
from renderer.network.har import readable_url
from renderer.render.archive import archive_of
from renderer.tab.drawing import LONG_WAIT
from renderer.tab.tab import Tab


class NavigationApi:
    """The commands of navigation."""

    def __init__(
        self,
        tab: Tab,
        http: HttpApi,
        callbacks: CallbackApi,
        waits: WaitApi,
        plain_run: PlainRun | None = None,
    ) -> None:
        self._tab, self._http, self._callbacks = tab, http, callbacks
        self._waits, self._plain_run = waits, plain_run

    def add_to(self, runtime: Runtime) -> None:
        for function in (
            self.go,
            self.wait,
            self.stop,
            self.set_content,
            self.history,
            self.har,
            self.har_reset,
            self.status_code,
            self.url,
            self.lock_navigation,
            self.unlock_navigation,
            self.get_version,
            self.get_perf_stats,
        ):
            runtime.add(Command(function.__name__, function))
            runtime.host.call(b"add_method", function.__name__.encode())

    async def go(
        self,
        url: Any = None,
        baseurl: str | None = None,
        headers: Any = None,
        http_method: str = "GET",
        body: Any = None,
        formdata: Any = None,
        wait_for: Any = None,
        wait_for_timeout: Any = WAIT_FOR_SECONDS,
    ) -> Any:
        """Load a page. With ``wait_for``, which Splash does not have, return when this element is there."""
        if not isinstance(url, str):
            raise LuaFailure("'url' is required for splash:go", argument="url")
        tab = self._tab
        given = read_headers(headers)
        for name in [name for name in given if name.lower() == "user-agent"]:
            await tab.set_user_agent(given.pop(name))  # as in Splash, only this header stays for later pages
        first = _first_request(given, http_method, body, formdata)
        if headers is not None:
            first = replace(first, without=frozenset(name.lower() for name in tab.headers))
        if tab.interception.navigation_locked:
            return Results((None, "navigation_locked"))
        results: Any = True
        try:
            if self._plain_run is None:
                await tab.interception.park_redirects()
            elif baseurl is not None:
                raise NotPlain
            if baseurl is not None:
                await tab.start_empty()  # the request for the content is a navigation of the tab
                content = await self._content_of(url, first, None if headers is None else given)
                await tab.set_content(*content, baseurl)
            else:
                await tab.interception.change_first_document(first)
                load = partial(self._load, url, first, waits=wait_for is not None)
                if wait_for is None:
                    await load()
                else:
                    with tab.interception.waiting():
                        results = await self._waits.load_and_wait(load, wait_for, wait_for_timeout)
            await self._callbacks.wait_for_responses()
        except PageFailed as error:
            return await self._failed(error)
        if url == "about:blank":
            tab.load.url = url
        if status := self._error_status():
            return Results((None, f"http{status}"))
        return results

    async def _load(self, url: str, first: FirstRequest, *, waits: bool) -> None:
        if self._plain_run is None:
            await self._tab.go(url)
        else:
            await self._plain_run.go(url, first, waits=waits)

    def _error_status(self) -> int:
        """Return the HTTP status of the page if it is an error of the site; otherwise 0."""
        if self._plain_run is not None:
            return self._plain_run.error_status
        status = self._tab.network.main_status() or 0
        return status if 400 <= status < 600 else 0

    async def _content_of(
        self, url: str, first: FirstRequest, headers: dict[str, str] | None
    ) -> tuple[bytes, str]:
        exchange = await self._http.fetch(first.method, url, headers, first.body)
        if exchange.response is None or exchange.response_body is None:
            raise page_failure(exchange.failure, url)
        headers = {name.lower(): value for name, value in exchange.response_headers.items()}
        return exchange.response_body, headers.get("content-type", "text/html")

    async def wait(self, time: Any, cancel_on_redirect: bool = False, cancel_on_error: bool = True) -> Any:
        try:
            seconds = float(time)
        except (TypeError, ValueError) as error:
            raise LuaFailure("splash:wait() time must be a number", argument="time") from error
        if seconds < 0:
            raise LuaFailure("splash:wait() time can't be negative", argument="time")
        if seconds >= LONG_WAIT:
            self._tab.drawing.start()
        load = self._tab.load
        documents = load.documents
        try:
            async with asyncio.timeout(seconds):
                while True:
                    await load.changed()
                    if cancel_on_error and (load.failed_url is not None or load.stopped_unread):
                        break
                    if cancel_on_redirect and load.documents > documents:
                        return Results((None, "redirect"))
        except TimeoutError:
            return True
        try:
            await self._tab.check_loaded()
        except PageFailed as error:
            return await self._failed(error)
        return True

    async def _failed(self, error: PageFailed) -> Results:
        await self._tab.show_failure(error)
        return Results((None, error.reason))

    async def stop(self) -> None:
        await self._tab.stop_loading()

    async def lock_navigation(self) -> None:
        await self._tab.interception.lock_navigation(True)

    async def unlock_navigation(self) -> None:
        await self._tab.interception.lock_navigation(False)

    async def set_content(self, data: Any, mime_type: str | None = None, baseurl: str | None = None) -> Any:
        content = data if isinstance(data, bytes) else str(data).encode("utf-8", "surrogateescape")
        try:
            await self._tab.set_content(
                content, mime_type or "text/html; charset=utf-8", baseurl or "about:blank"
            )
        except PageFailed as error:
            return Results((None, error.reason))
        return True

    def history(self) -> list[Params]:
        return self._tab.network.history()

    async def har(self, reset: bool = False) -> Params:
        title = await self._tab.document.title()
        await self._tab.network.bodies_read()
        await self._tab.network.settled()
        archived = await archive_of(self._tab, title)
        if reset:
            self._tab.network.reset()
        return archived

    def har_reset(self) -> None:
        self._tab.network.reset()

    def status_code(self) -> int | None:
        return self._tab.network.main_status()

    def url(self) -> str:
        return readable_url(self._tab.load.url)

    def get_version(self) -> Params:
        return {
            "splash": "3.5",
            "major": 3,
            "minor": 5,
            "python": platform.python_version(),
            "aiohttp": aiohttp.__version__,
        }

    def get_perf_stats(self) -> Params:
        rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "maxrss": rss * (1 if sys.platform == "darwin" else 1024),
            "cputime": time.process_time(),
            "walltime": time.time(),
        }


def _first_request(headers: Mapping[str, str], http_method: Any, body: Any, formdata: Any) -> FirstRequest:
    method = str(http_method or "GET").upper()
    if method not in ("GET", "POST"):
        raise LuaFailure(f"Unsupported HTTP method: {method}", argument="http_method")
    if formdata and body:
        raise LuaFailure("formdata and body cannot be passed to go() in one call", argument="body")
    if formdata:
        if not isinstance(formdata, dict):
            raise LuaFailure("formdata argument for go() must be a Lua table", argument="formdata")
        body = urlencode(formdata)
    elif body and not isinstance(body, str):
        raise LuaFailure("request body must be a string", argument="body")
    if method == "GET" and body:
        raise LuaFailure("GET request cannot have body", argument="body")
    data = body.encode("utf-8", "surrogateescape") if body else None
    return FirstRequest(method=method, headers=tuple(headers.items()), body=data)
