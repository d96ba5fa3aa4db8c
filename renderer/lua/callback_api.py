"""The script's callbacks: asked about requests and responses while they stand still, told of what is over."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from lupa.lua52 import lua_type

from renderer.cdp import CommandFailed, Params, TargetGone
from renderer.errors import ScriptError
from renderer.first_request import body_of
from renderer.har import request_to_har, response_to_har
from renderer.http_client import Request, Response
from renderer.interception import Verdict, Watcher
from renderer.lua.conversion import Binary, Exposed
from renderer.lua.runtime import Command, LuaFailure, Runtime, Stopped
from renderer.network import Exchange
from renderer.own_requests import OwnRequests
from renderer.proxy import Proxy
from renderer.tab import Tab

log = logging.getLogger(__name__)

EVENTS = ("on_request", "on_response_headers", "on_response", "on_navigation_locked")
PROXY_TYPES = {"HTTP": "http", "SOCKS5": "socks5"}
# Seconds that a page waits for the callbacks of its responses: one of them may itself wait for something.
TELLING_TIMEOUT = 0.05


@dataclass(kw_only=True)
class Changes:
    """What callbacks want of a request."""

    abort: bool = False
    keep_body: bool = False
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    proxy: Proxy | None = None
    timeout: float | None = None
    http2: bool | None = None  # None if the script does not say

    def apply_to(self, headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """The headers to send."""
        new = {name.lower() for name in self.headers}
        kept = [(name, value) for name, value in headers if name.lower() not in new]
        return (*kept, *self.headers.items())


class CallbackApi:
    """Callbacks run one after another, so that a script need not think of two at a time; on_response may wait."""

    def __init__(self, tab: Tab, runtime: Runtime, own: OwnRequests) -> None:
        self._tab, self._runtime, self._own = tab, runtime, own
        self._callbacks: dict[str, list[Any]] = {event: [] for event in EVENTS}
        self._turn = asyncio.Lock()
        self._last_number = 0
        self._requests: dict[int, Changes] = {}  # those that a callback may change now
        self._responses: dict[int, asyncio.Event] = {}  # the same; set if aborted
        self._early: dict[str, list[Exchange]] = {}  # responses whose document is still being read
        self._tasks: set[asyncio.Task[None]] = set()

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
            runtime.host[b"add_exposed_method"](b"request", function.__name__.encode())
        runtime.add(Command("response.abort", self.abort_response, bound=1))
        runtime.host[b"add_exposed_method"](b"response", b"abort")

    def _add_event(self, runtime: Runtime, event: str) -> None:
        async def register(callback: Any = None) -> None:
            if lua_type(callback) != "function":
                raise LuaFailure(f"splash:{event} callback is not a function", type="LUA_ERROR")
            self._callbacks[event].append(callback)
            await self._watch()

        async def reset() -> None:
            self._callbacks[event].clear()
            await self._watch()

        for name, function in ((event, register), (f"{event}_reset", reset)):
            runtime.add(Command(name, function))
            runtime.host[b"add_method"](name.encode())

    async def _watch(self) -> None:
        self._tab.network.on_over = self._over if self._callbacks["on_response"] else None
        await self._tab.interception.watch(
            Watcher(
                request=self._request_paused if self._callbacks["on_request"] else None,
                response=self._response_paused if self._callbacks["on_response_headers"] else None,
                locked=self._locked if self._callbacks["on_navigation_locked"] else None,
            )
        )

    async def end(self) -> None:
        """No callback runs any more."""
        for callbacks in self._callbacks.values():
            callbacks.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- what callbacks do with a request or response

    def _changes_of(self, request: int) -> Changes:
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
        if any(character in name + value for character in "\r\n\0"):
            raise LuaFailure("header names and values must not have line ends")
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
        self._changes_of(request).timeout = seconds or None

    def set_http2_enabled(self, request: int, value: Any) -> None:
        self._changes_of(request).http2 = bool(value)

    def enable_response_body(self, request: int) -> None:
        self._changes_of(request).keep_body = True

    def abort_response(self, response: int) -> None:
        if response not in self._responses:
            raise LuaFailure("response is used outside a callback")
        self._responses[response].set()

    # -- asking and telling

    async def ask_request(self, exchange: Exchange) -> Changes:
        """What the script wants of a request that is about to leave."""
        changes = Changes()
        async with self._turn:
            self._last_number = number = self._last_number + 1
            self._requests[number] = changes
            exposed = Exposed("request", number, _request_fields(exchange))
            await self._run_all("on_request", exposed)
            del self._requests[number]
        return changes

    async def ask_response(self, exchange: Exchange) -> bool:
        """Whether the script wants the body of a response whose head is here."""
        aborted = asyncio.Event()
        async with self._turn:
            exposed = self.exposed_response(exchange)
            self._responses[exposed.number] = aborted
            await self._run_all("on_response_headers", exposed)
            del self._responses[exposed.number]
        return not aborted.is_set()

    def tell(self, exchange: Exchange) -> None:
        """A response is here, with its body."""
        for callback in self._callbacks["on_response"]:
            self._spawn(self._run("on_response", callback, self.exposed_response(exchange)))

    def exposed_response(self, exchange: Exchange) -> Exposed:
        self._last_number += 2
        info = response_to_har(exchange)
        fields: Params = {
            "url": info["url"],
            "status": info["status"],
            "ok": info["ok"],
            "info": info,
            "headers": dict(exchange.response_headers),
            "request": Exposed("request", self._last_number - 1, _request_fields(exchange)),
        }
        if exchange.response_body is not None:
            fields["body"] = Binary(exchange.response_body, info["content"]["mimeType"])
        return Exposed("response", self._last_number, fields)

    async def settled(self) -> None:
        """Let a script hear of the responses that were a page's before it has the page; none of them waits for long."""
        if self._callbacks["on_response"]:
            await self._tab.network.settled()
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=TELLING_TIMEOUT)

    async def _run_all(self, event: str, exposed: Exposed) -> None:
        for callback in tuple(self._callbacks[event]):
            await self._run(event, callback, exposed, _refuse_to_wait)

    async def _run(
        self, event: str, callback: Any, exposed: Exposed, on_wait: Callable[[], None] | None = None
    ) -> None:
        try:
            await self._runtime.run(callback, exposed, on_wait=on_wait)
        except (Stopped, TargetGone):
            pass
        except CommandFailed as error:  # the request has to go on
            log.info("a callback of splash:%s failed: %s", event, error)
        except ScriptError as error:
            log.info("a callback of splash:%s failed: %s", event, error.info)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- Chromium's requests

    async def _locked(self, paused: Params) -> None:
        async with self._turn:
            self._last_number += 1
            exposed = Exposed("request", self._last_number, _request_fields(_exchange_of(paused)))
            await self._run_all("on_navigation_locked", exposed)

    async def _request_paused(self, paused: Params, planned: Params) -> Verdict:
        exchange = _exchange_of(paused)
        if "headers" in planned:
            exchange.request["method"] = planned["method"]
            exchange.request_headers = {item["name"]: item["value"] for item in planned["headers"]}
        body = base64.b64decode(planned["postData"]) if "postData" in planned else body_of(paused)
        if self._tab.network.keeps_requests:
            exchange.request_body = body
        changes = await self.ask_request(exchange)
        network_id = paused.get("networkId", "")
        if changes.abort or (changes.url is not None and not self._tab.policy.allows(changes.url)):
            self._tab.network.hide(network_id)
            return "Fetch.failRequest", {"errorReason": "AccessDenied"}
        if changes.keep_body:
            self._tab.network.keep_body(network_id)
        headers = changes.apply_to(list(exchange.request_headers.items()))
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

    async def _fetch(
        self,
        paused: Params,
        exchange: Exchange,
        changes: Changes,
        headers: tuple[tuple[str, str], ...],
        body: bytes | None,
    ) -> Verdict:
        request = Request(
            method=exchange.request["method"],
            url=changes.url or exchange.request["url"],
            headers=headers,
            body=body,
            proxy=changes.proxy,
            timeout=changes.timeout,
        )

        async def accept(response: Response) -> bool:
            receive(exchange, response)
            return await self.ask_response(exchange)

        return await self._own.make(paused, request, accept)

    async def _response_paused(self, paused: Params) -> Verdict:
        exchange = self._tab.network.current(paused.get("networkId", "")) or _exchange_of(paused)
        seen = _exchange_of(paused)
        seen.request, seen.request_headers = exchange.request, exchange.request_headers
        head = Response(
            url=paused["request"]["url"],
            status=paused["responseStatusCode"],
            reason=paused.get("responseStatusText", ""),
            headers=tuple((header["name"], header["value"]) for header in paused.get("responseHeaders", ())),
        )
        receive(seen, head)
        if await self.ask_response(seen):
            return "Fetch.continueRequest", {}
        self._own.break_off(paused)
        return "Fetch.failRequest", {"errorReason": "Aborted"}

    def _over(self, exchange: Exchange) -> None:
        document = self._tab.network.current(exchange.loader_id)
        if document is not None and document is not exchange and document.finished is None:
            # As in Splash, a page comes before its pictures, though they may be read first.
            self._early.setdefault(exchange.loader_id, []).append(exchange)
            return
        for over in (exchange, *self._early.pop(exchange.request_id, ())):
            if over.response is not None:
                self._spawn(self._tell_later(over))

    async def _tell_later(self, exchange: Exchange) -> None:
        await self._tab.network.bodies_read()
        self.tell(exchange)


def _refuse_to_wait() -> None:
    raise LuaFailure("async methods can't be used while a request stands still for the callback")


def receive(exchange: Exchange, response: Response) -> None:
    """Note what came back."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    exchange.respond(
        {"url": response.url, "status": response.status, "statusText": response.reason, "headers": headers}
    )


def _request_fields(exchange: Exchange) -> Params:
    info = request_to_har(exchange)
    return {
        "url": info["url"],
        "method": info["method"],
        "headers": dict(exchange.request_headers),
        "info": info,
    }


def _exchange_of(paused: Params) -> Exchange:
    return Exchange(
        {
            "request": dict(paused["request"]),
            "requestId": paused.get("networkId", ""),
            "wallTime": time.time(),
            "timestamp": time.monotonic(),
        }
    )
