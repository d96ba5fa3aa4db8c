"""The script's callbacks: some decide about paused requests and responses, ``on_response`` gets the finished ones."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from renderer.chromium.cdp import CommandFailed, Params, TargetGone
from renderer.egress.proxy_profiles import Proxy
from renderer.errors import SplashError
from renderer.lua.callback_exchanges import RequestChanges, paused_exchange, record_response, request_fields
from renderer.lua.lua_values import Binary, Function, HttpObject
from renderer.lua.runtime import Command, LuaFailure, Runtime
from renderer.network.exchanges import Exchange
from renderer.network.first_request import body_of
from renderer.network.har import response_to_har
from renderer.network.header_text import check_header
from renderer.network.interception import FetchDecision, Watcher
from renderer.render.http_client import Request, Response
from renderer.render.own_requests import OwnRequests
from renderer.tab.tab import Tab

log = logging.getLogger(__name__)

EVENTS = ("on_request", "on_response_headers", "on_response", "on_navigation_locked")
PROXY_TYPES = {"HTTP": "http", "SOCKS5": "socks5"}
# A page waits at most so many seconds until the callbacks of its responses have ended or wait themselves.
CALLBACK_TIMEOUT, CALLBACK_INTERVAL = 1.0, 0.01


class CallbackApi:
    """The commands for callbacks. Callbacks run one after another; only ``on_response`` may use commands that wait."""

    def __init__(self, tab: Tab, runtime: Runtime, own: OwnRequests) -> None:
        self._tab, self._runtime, self._own = tab, runtime, own
        self._callbacks: dict[str, list[Any]] = {event: [] for event in EVENTS}
        self._turn = asyncio.Lock()
        self._last_number = 0
        self._requests: dict[
            int, RequestChanges
        ] = {}  # by number: the requests that a running callback may change
        self._responses: dict[int, asyncio.Event] = {}  # by number: set if a callback aborted the response
        self._early: dict[str, list[Exchange]] = {}  # by document: responses that came before it
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: set[asyncio.Task[None]] = set()  # the tasks whose callbacks run without a wait

    def add_to(self, runtime: Runtime) -> None:
        for event in EVENTS:
            self._add_event(runtime, event)
        for function in (
            self.abort,
            self.set_url,
            self.set_header,
            self.set_proxy,
            self.set_timeout,
            self.set_http2_enabled,
            self.enable_response_body,
        ):
            runtime.add(Command(f"request.{function.__name__}", function, bound=1))
            runtime.host.call(b"add_http_method", b"request", function.__name__.encode())
        runtime.add(Command("response.abort", self.abort_response, bound=1))
        runtime.host.call(b"add_http_method", b"response", b"abort")

    def _add_event(self, runtime: Runtime, event: str) -> None:
        async def register(callback: Any = None) -> None:
            if not isinstance(callback, Function):
                raise LuaFailure(f"splash:{event} callback is not a function", type="LUA_ERROR")
            self._callbacks[event].append(callback)
            await self._watch()

        async def reset() -> None:
            self._callbacks[event].clear()
            await self._watch()

        for name, function in ((event, register), (f"{event}_reset", reset)):
            runtime.add(Command(name, function))
            runtime.host.call(b"add_method", name.encode())

    async def _watch(self) -> None:
        self._tab.network.on_over = self._on_finished if self._callbacks["on_response"] else None
        await self._tab.interception.watch(
            Watcher(
                request=self._on_request_paused if self._callbacks["on_request"] else None,
                response=self._on_response_paused if self._callbacks["on_response_headers"] else None,
                locked=self._on_locked if self._callbacks["on_navigation_locked"] else None,
            )
        )

    def end(self) -> set[asyncio.Task[None]]:
        """Start no more callbacks; return the cancelled tasks, which are about to end."""
        for callbacks in self._callbacks.values():
            callbacks.clear()
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        return tasks

    # -- the methods of requests and responses

    def _changes_of(self, request: int) -> RequestChanges:
        if request not in self._requests:
            raise LuaFailure("request is used outside a callback")
        return self._requests[request]

    def abort(self, request: int) -> None:
        self._changes_of(request).abort = True

    def set_url(self, request: int, url: Any) -> None:
        if not isinstance(url, str):
            raise LuaFailure("request:set_url() url must be a string", argument="url")
        self._changes_of(request).url = url

    def set_header(self, request: int, name: Any, value: Any) -> None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(name, str) or not isinstance(value, str):
            raise LuaFailure("request:set_header() arguments must be strings")
        try:
            check_header(name, value)
        except ValueError as error:
            raise LuaFailure(str(error)) from error
        self._changes_of(request).headers[name] = value

    def set_proxy(
        self,
        request: int,
        host: Any,
        port: Any,
        username: Any = None,
        password: Any = None,
        type: Any = "HTTP",
    ) -> None:
        changes = self._changes_of(request)
        if str(type).upper() not in PROXY_TYPES:
            raise LuaFailure(f"Invalid proxy type {type!r}. Allowed values: HTTP, SOCKS5", argument="type")
        try:
            number = int(port)
        except (TypeError, ValueError) as error:
            raise LuaFailure("request:set_proxy() port must be a number", argument="port") from error
        changes.proxy = Proxy(
            scheme=PROXY_TYPES[str(type).upper()],
            host=str(host),
            port=number,
            username=str(username or ""),
            password=str(password or ""),
        )

    def set_timeout(self, request: int, timeout: Any) -> None:
        try:
            seconds = float(timeout)
        except (TypeError, ValueError) as error:
            raise LuaFailure("request:set_timeout() timeout must be a number", argument="timeout") from error
        if seconds < 0:
            raise LuaFailure("request:set_timeout() timeout can't be negative", argument="timeout")
        self._changes_of(request).timeout = seconds

    def set_http2_enabled(self, request: int, value: Any) -> None:
        self._changes_of(request).http2 = bool(value)

    def enable_response_body(self, request: int) -> None:
        self._changes_of(request).keep_body = True

    def abort_response(self, response: int) -> None:
        if response not in self._responses:
            raise LuaFailure("response is used outside a callback")
        self._responses[response].set()

    # -- how the renderer calls the callbacks

    async def run_on_request(self, exchange: Exchange) -> RequestChanges:
        """Run ``on_request`` for a request before it is sent; return the changes."""
        changes = RequestChanges()
        async with self._turn:
            self._last_number = number = self._last_number + 1
            self._requests[number] = changes
            http_object = HttpObject("request", number, request_fields(exchange))
            await self._run_all("on_request", http_object)
            del self._requests[number]
        return changes

    async def run_on_response_headers(self, exchange: Exchange) -> bool:
        """Run ``on_response_headers`` for the head of a response; return False if a callback aborted it."""
        aborted = asyncio.Event()
        async with self._turn:
            http_object = self.response_object(exchange)
            self._responses[http_object.number] = aborted
            await self._run_all("on_response_headers", http_object)
            del self._responses[http_object.number]
        return not aborted.is_set()

    def call_on_response(self, exchange: Exchange) -> None:
        """Start ``on_response`` for a response that has its body."""
        for callback in self._callbacks["on_response"]:
            http_object = self.response_object(exchange)
            self._spawn(self._run("on_response", callback, http_object, self._note_wait))

    def response_object(self, exchange: Exchange) -> HttpObject:
        """Return the response as scripts see it; it gets a number of its own."""
        self._last_number += 2
        info = response_to_har(exchange)
        fields: Params = {
            "url": info["url"],
            "status": info["status"],
            "ok": info["ok"],
            "info": info,
            "headers": dict(exchange.response_headers),
            "request": HttpObject("request", self._last_number - 1, request_fields(exchange)),
        }
        if exchange.response_body is not None:
            fields["body"] = Binary(exchange.response_body, info["content"]["mimeType"])
        return HttpObject("response", self._last_number, fields)

    async def wait_for_responses(self) -> None:
        """Wait, with a limit, until the callbacks of a loaded page's responses ran: they come before ``go`` returns."""
        if self._callbacks["on_response"]:
            await self._tab.network.settled()
            await self.wait_for_callbacks()

    async def wait_for_callbacks(self) -> None:
        """Wait, with a limit, until each running callback ended or waits itself."""
        end = time.monotonic() + CALLBACK_TIMEOUT
        while self._running and time.monotonic() < end:
            await asyncio.wait(self._running, timeout=CALLBACK_INTERVAL, return_when=asyncio.FIRST_COMPLETED)

    def _note_wait(self) -> None:
        """Note that the current callback waits, so that ``wait_for_callbacks`` does not wait for it."""
        if (task := asyncio.current_task()) is not None:
            self._running.discard(task)

    async def _run_all(self, event: str, http_object: HttpObject) -> None:
        for callback in tuple(self._callbacks[event]):
            await self._run(event, callback, http_object, _refuse_to_wait)

    async def _run(
        self, event: str, callback: Any, http_object: HttpObject, on_wait: Callable[[], None] | None = None
    ) -> None:
        try:
            await self._runtime.run(callback, http_object, on_wait=on_wait)
        except TargetGone:
            pass
        except CommandFailed as error:  # the request must continue
            log.info("a callback of splash:%s failed: %s", event, error)
        except SplashError as error:
            log.info("a callback of splash:%s failed: %s", event, error.info)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        for tasks in (self._tasks, self._running):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    # -- Chromium's requests

    async def _on_locked(self, paused: Params) -> None:
        async with self._turn:
            self._last_number += 1
            http_object = HttpObject("request", self._last_number, request_fields(paused_exchange(paused)))
            await self._run_all("on_navigation_locked", http_object)

    async def _on_request_paused(self, paused: Params, planned: Params) -> FetchDecision:
        exchange = paused_exchange(paused)
        if "headers" in planned:
            exchange.request["method"] = planned.get("method", exchange.request["method"])
            exchange.request_headers = {item["name"]: item["value"] for item in planned["headers"]}
        body = base64.b64decode(planned["postData"]) if "postData" in planned else body_of(paused)
        if self._tab.network.keeps_requests:
            exchange.request_body = body
        changes = await self.run_on_request(exchange)
        network_id = paused.get("networkId", "")
        if changes.abort or (changes.url is not None and not self._may_load(changes.url)):
            self._tab.network.hide(network_id)
            return "Fetch.failRequest", {"errorReason": "AccessDenied"}
        if changes.keep_body:
            self._tab.network.keep_body(network_id)
        headers = changes.apply_to(tuple(exchange.request_headers.items()))
        # Chromium has no proxy and no timeout for a single request.
        needs_us = changes.proxy is not None or changes.timeout is not None
        if needs_us or self._own.are_needed(paused, headers, changes.http2):
            return await self._fetch(paused, exchange, changes, headers, body)
        verdict = dict(planned)
        if changes.headers:
            verdict["headers"] = [{"name": name, "value": value} for name, value in headers]
        if changes.url is not None:
            verdict["url"] = changes.url
            self._tab.network.rewrite(network_id, url=changes.url)
        return "Fetch.continueRequest", verdict

    def _may_load(self, url: str) -> bool:
        return self._tab.policy.allows(url) and url.lower().startswith(("http:", "https:"))

    async def _fetch(
        self,
        paused: Params,
        exchange: Exchange,
        changes: RequestChanges,
        headers: tuple[tuple[str, str], ...],
        body: bytes | None,
    ) -> FetchDecision:
        request = Request(
            method=exchange.request["method"],
            url=changes.url or exchange.request["url"],
            headers=headers,
            body=body,
            proxy=changes.proxy,
            timeout=(self._tab.request_limit.seconds if changes.timeout is None else changes.timeout) or None,
        )

        async def accept(response: Response) -> bool:
            record_response(exchange, response)
            return await self.run_on_response_headers(exchange)

        return await self._own.make(paused, request, accept)

    async def _on_response_paused(self, paused: Params) -> FetchDecision:
        exchange = self._tab.network.current(paused.get("networkId", "")) or paused_exchange(paused)
        seen = paused_exchange(paused)
        seen.request, seen.request_headers = exchange.request, exchange.request_headers
        head = Response(
            url=paused["request"]["url"],
            status=paused["responseStatusCode"],
            reason=paused.get("responseStatusText", ""),
            headers=tuple((header["name"], header["value"]) for header in paused.get("responseHeaders", ())),
        )
        await self._tab.network.raw_headers(exchange)
        record_response(seen, head)
        # The headers of a paused response have no cookies; the raw headers have them.
        seen.response_headers = exchange.response_headers or seen.response_headers
        if await self.run_on_response_headers(seen):
            return "Fetch.continueRequest", {}
        exchange.respond(seen.response or {})
        self._own.break_off(paused, head.status)
        return "Fetch.failRequest", {"errorReason": "Aborted"}

    def _on_finished(self, exchange: Exchange) -> None:
        document = self._tab.network.current(exchange.loader_id)
        if document is not None and document is not exchange and document.finished is None:
            # As in Splash, the page comes before its pictures, even if they are read first.
            self._early.setdefault(exchange.loader_id, []).append(exchange)
            return
        for finished in (exchange, *self._early.pop(exchange.request_id, ())):
            if not finished.hidden:
                self._spawn(self._call_when_read(finished))

    async def _call_when_read(self, exchange: Exchange) -> None:
        await self._tab.network.bodies_read()
        if exchange.response is not None and exchange.awaits_raw_headers:
            await self._tab.network.raw_headers(exchange)
        self.call_on_response(exchange)


def _refuse_to_wait() -> None:
    raise LuaFailure("async methods can't be used while a request stands still for the callback")
