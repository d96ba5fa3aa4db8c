"""The routes of Splash's HTTP API: they read the request, pass it to a tab and write the answer."""

from __future__ import annotations

import asyncio
import base64
import gc
import hmac
import json
import logging
import resource
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from renderer.api import request_json
from renderer.api.access_control import RequestHead, media_type, reason_to_refuse
from renderer.api.arguments_cache import ArgumentsCache
from renderer.api.start_page import start_page
from renderer.errors import (
    BadOption,
    ExpiredArguments,
    GlobalTimeoutError,
    InternalError,
    Overloaded,
    SplashError,
    UnsupportedContentType,
)
from renderer.lua.process_pool import ProcessPool
from renderer.lua.script import Script, execute
from renderer.network.blocking_rules import Rules
from renderer.pool.browser import Browser
from renderer.render import options as opt
from renderer.render.needs import needs_images
from renderer.render.render import Result, render
from renderer.render.unheld_page import NavigatingSites
from renderer.tab.document_html import ResultTooLarge
from renderer.tab.tab import Tab

log = logging.getLogger(__name__)

MAX_REQUEST = 25 * 1024 * 1024
MAX_RESULT = 64 * 1024 * 1024
BROWSER_LOST = {
    "type": "browser_lost",
    "description": "Chromium crashed or hung and the time was over before another one was there; ask again",
}
SUPPORTED_TYPES = ("application/javascript", "application/json")

# The endpoints that Splash does not have; a client chooses its arguments by them.
ADDITIONS = ["render.page"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one request makes the renderer do in a tab, and whether Chromium has to load images for it."""

    work: Callable[[Tab], Awaitable[Result]]
    images: bool = True


class Server:
    """The HTTP server: the routes and the objects that they share."""

    def __init__(
        self,
        browser: Browser,
        *,
        max_timeout: float,
        token: str | None,
        lua: ProcessPool | None,  # None without scripts
        hosts: frozenset[str],
        capabilities: opt.ServerCapabilities,
        max_saved_arguments: int,
        secret_arguments: frozenset[str],
        start_page: bool,
    ) -> None:
        self._browser = browser
        self._max_timeout = max_timeout
        self._token = token
        self._lua = lua
        self._hosts = hosts
        self._capabilities = capabilities
        self._secret_arguments = secret_arguments
        self._start_page = start_page
        self._cache = ArgumentsCache(max_saved_arguments)
        self._sites = NavigatingSites()
        self._last_uid = 0
        self._rendered = 0  # pages and scripts that were answered

    def app(self) -> web.Application:
        """Return the aiohttp application with all routes."""
        app = web.Application(client_max_size=MAX_REQUEST, middlewares=[self._guard, self._answer_errors])
        for kind in ("html", "json", "png", "jpeg", "har"):
            self._add_render(app, f"/render.{kind}", self._render_work(kind, opt.read_render))
        self._add_render(app, "/render.page", self._render_work("page", opt.read_page))
        if self._lua is not None:
            self._add_render(app, "/execute", self._script_work(self._lua, wrap=False))
            self._add_render(app, "/run", self._script_work(self._lua, wrap=True))
        if self._start_page:
            app.router.add_get("/", self._show_start_page)
        app.router.add_get("/_ping", self._ping)
        app.router.add_get("/_debug", self._debug)
        app.router.add_post("/_gc", self._collect)
        return app

    def _add_render(self, app: web.Application, path: str, make_job: Callable[[dict[str, Any]], Job]) -> None:
        async def handle(request: web.Request) -> web.Response:
            return await self._serve(request, make_job)

        app.router.add_get(path, handle)
        app.router.add_post(path, handle)

    # -- access control and errors

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        if self._token is not None and not _is_token(_given_token(request), self._token):
            return web.Response(
                status=401, text="token required\n", headers={"WWW-Authenticate": 'Basic realm="renderer"'}
            )
        head = RequestHead(
            method=request.method, target=request.raw_path, headers=tuple(request.headers.items())
        )
        reason = reason_to_refuse(head, self._hosts, has_token=self._token is not None)
        if reason is not None:
            log.info("%s %s: 403 %s", request.method, request.path, reason)
            return web.Response(status=403, text=f"{reason}\n")
        return await handler(request)

    @web.middleware
    async def _answer_errors(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            return await handler(request)
        except SplashError as error:
            log.info("%s %s: %d %s", request.method, request.path, error.status, self._loggable(error.info))
            response = _json_response(error.answer(), status=error.status)
            if error.status == 503:
                response.headers["Retry-After"] = "1"
            return response
        except web.HTTPException as error:
            if error.status != 413:
                raise
            too_large = BadOption(
                {"type": "request_too_large", "description": f"Requests are limited to {MAX_REQUEST} bytes"}
            )
            return _json_response(too_large.answer(), status=400)
        except Exception as error:
            log.exception("%s %s failed", request.method, request.path)
            return _json_response(InternalError(type(error).__name__).answer(), status=500)

    def _loggable(self, info: Any) -> Any:
        if isinstance(info, dict) and info.get("argument") in self._secret_arguments:
            return {name: info[name] for name in ("type", "argument") if name in info}
        return info

    # -- render.* and scripts

    async def _serve(self, request: web.Request, make_job: Callable[[dict[str, Any]], Job]) -> web.Response:
        started = time.monotonic()
        arguments = await _read_arguments(request)
        opt.check_arguments(arguments)
        self._last_uid += 1
        arguments["uid"] = self._last_uid
        headers = self._exchange_arguments(arguments)
        timeout = opt.read_timeout(arguments, self._max_timeout)
        opt.check_engine(arguments, self._capabilities.engines)
        proxy = opt.read_proxy_rules(arguments, self._capabilities)
        job = make_job(arguments)
        deadline = asyncio.get_running_loop().time() + timeout - (time.monotonic() - started)
        losses = self._browser.losses
        try:
            async with asyncio.timeout_at(deadline) as limit:
                result = await self._browser.render(job.work, proxy, images=job.images)
        except TimeoutError as error:
            if not limit.expired():
                raise
            if await self._browser.may_explain_timeout(losses):
                raise Overloaded(BROWSER_LOST) from error
            remaining = deadline - asyncio.get_running_loop().time()
            raise GlobalTimeoutError({"remaining": remaining, "timeout": timeout}) from error
        except ResultTooLarge as error:
            raise _too_large() from error
        if len(result.body) > MAX_RESULT:
            raise _too_large()
        self._rendered += 1
        response = web.Response(body=result.body, status=result.status)
        response.headers["Content-Type"] = result.content_type
        # Without this, a result that is opened in a browser has our origin, and its scripts may send us requests.
        response.headers["Content-Security-Policy"] = "sandbox"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers.update(headers)
        response.headers.update(result.headers)
        return response

    def _exchange_arguments(self, arguments: dict[str, Any]) -> dict[str, str]:
        """Load and save arguments; return the header with the hashes of the saved ones.

        Raises:
            ExpiredArguments: the cache does not have a wanted argument any more.
        """
        wanted = opt.read_load_args(arguments)
        if missing := self._cache.missing(wanted):
            raise ExpiredArguments({"expired": missing})
        saved = [(name, self._cache.add(arguments.get(name))) for name in opt.read_save_args(arguments)]
        arguments.update(self._cache.load(wanted))
        if not saved:
            return {}
        return {"X-Splash-Saved-Arguments": ";".join(f"{name}={key}" for name, key in saved)}

    async def _show_start_page(self, request: web.Request) -> web.Response:
        page, headers = start_page(lua=self._lua is not None)
        return web.Response(text=page, content_type="text/html", headers=headers)

    def _render_work(self, kind: str, read: opt.ReadRender) -> Callable[[dict[str, Any]], Job]:
        def make(arguments: dict[str, Any]) -> Job:
            options = read(arguments, self._max_timeout, self._capabilities)

            async def work(tab: Tab) -> Result:
                content, content_type, headers = await render(tab, kind, options, self._sites)
                return Result(body=encode(content), content_type=content_type, headers=headers)

            return Job(work=work, images=needs_images(kind, options))

        return make

    def _script_work(self, processes: ProcessPool, *, wrap: bool) -> Callable[[dict[str, Any]], Job]:
        def make(arguments: dict[str, Any]) -> Job:
            rules = opt.read_rules(arguments, self._capabilities)
            source = arguments.get("lua_source")
            if source is None:
                opt.bad_argument(
                    "lua_source", "Required argument is missing: lua_source", "argument_required"
                )
            if not isinstance(source, str):
                opt.bad_argument("lua_source", "'lua_source' must be a string")
            script = Script(
                source=source,
                arguments=arguments,
                processes=processes,
                is_body=wrap,
                sites=self._sites,
                may_be_plain=rules == Rules(),
            )

            async def work(tab: Tab) -> Result:
                if rules != Rules():
                    await tab.interception.set_rules(rules)
                return await execute(tab, script)

            return Job(work=work)

        return make

    # -- the state of the server

    async def _ping(self, request: web.Request) -> web.Response:
        if not await self._browser.is_healthy():
            raise Overloaded({"type": "browser_unavailable", "description": "Chromium does not answer"})
        return _json_response({"status": "ok", "maxrss": _max_rss(), "additions": ADDITIONS})

    async def _debug(self, request: web.Request) -> web.Response:
        return _json_response(
            {
                "active": self._browser.active,
                "argcache": len(self._cache),
                "fds": _open_files(),
                "leaks": {},
                "maxrss": _max_rss(),
                "qsize": self._browser.queued,
                "url": None,
                # Splash does not have these.
                "slots": self._browser.slots,
                "rendered": self._rendered,
                "product": self._browser.product,
            }
        )

    async def _collect(self, request: web.Request) -> web.Response:
        removed = self._cache.clear()
        gc.unfreeze()  # also the objects from before the first request
        collected = gc.collect()
        gc.freeze()
        return _json_response(
            {"status": "ok", "pyobjects_collected": collected, "cached_args_removed": removed}
        )


def _json_response(content: Any, status: int = 200) -> web.Response:
    # Not aiohttp's json_response: it adds a charset, and Splash's answers have none.
    headers = {"Content-Type": "application/json"}
    return web.Response(body=encode(content), status=status, headers=headers)


def _too_large() -> SplashError:
    return InternalError(
        {"type": "result_too_large", "description": f"Results are limited to {MAX_RESULT} bytes"}
    )


def encode(content: Any) -> bytes:
    """Return a result as the bytes that Splash sends."""
    if isinstance(content, bytes):
        return content
    if isinstance(content, str):
        return content.encode("utf-8", "replace")
    return json.dumps(content).encode("ascii")


async def _read_arguments(request: web.Request) -> dict[str, Any]:
    # If an argument comes twice, the first value counts.
    arguments: dict[str, Any] = {}
    for name, value in request.query.items():
        arguments.setdefault(name, value)
    if request.method != "POST":
        return arguments
    content_type = request.headers.get("Content-Type", "")
    kind = media_type(content_type)
    if kind == "application/json":
        arguments.update(_read_json(await request.read()))
    elif kind == "application/javascript":
        arguments["js_source"] = (await request.read()).decode("utf-8", "replace")
    else:
        raise UnsupportedContentType({"supported": list(SUPPORTED_TYPES), "received": content_type})
    return arguments


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        return request_json.read(body)
    except (ValueError, RecursionError) as error:
        raise BadOption(
            {"type": "invalid_json", "description": "Can't decode JSON", "message": str(error)}
        ) from error


def _is_token(given: str, token: str) -> bool:
    # Headers that are not UTF-8 have surrogates, and so cannot be encoded strictly.
    return hmac.compare_digest(
        given.encode("utf-8", "surrogateescape"), token.encode("utf-8", "surrogateescape")
    )


def _given_token(request: web.Request) -> str:
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8").partition(":")[2]
        except ValueError:  # also raised for characters that are not ASCII
            return ""
    return ""


def _open_files() -> int:
    folder = Path("/proc/self/fd")
    return sum(1 for _ in folder.iterdir()) if folder.exists() else 0


def _max_rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
