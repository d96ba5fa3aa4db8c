"""The HTTP server of the demo site: its routes, its start and its end."""

from __future__ import annotations

import asyncio
import logging
import mimetypes
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from demo import account, echo, faulty_pages, index, listings
from demo.account import SESSIONS, Sessions
from demo.faulty_pages import CLOSING, FAILED_ONCE
from demo.pages import OLD_LAYOUT
from demo.request_parameters import LAYOUT, SHOP
from demo.shop import Shop

STATIC = Path(__file__).parent / "static"
LOG_FORMAT = '%a "%r" %s %b bytes %D us'
CLOSING_TIMEOUT = 2.0  # seconds that the server leaves to unfinished responses at its end


def make_app(shop: Shop, layout: str = OLD_LAYOUT) -> web.Application:
    app = web.Application()
    app[SHOP] = shop
    app[LAYOUT] = layout
    app[SESSIONS] = Sessions()
    app[FAILED_ONCE] = set()
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close)
    for module in (listings, account, faulty_pages, echo, index):
        app.add_routes(module.routes)
    for file in sorted(STATIC.iterdir()):
        app.router.add_get(f"/static/{file.name}", _static(file))
    return app


async def _close(app: web.Application) -> None:
    """End the responses of ``/slow-tail/pixel``."""
    app[CLOSING].set()


def _static(file: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Return a handler that sends the file. It is read only once, because every page of a crawl requests it."""
    body = file.read_bytes()
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"

    async def static(request: web.Request) -> web.Response:
        return web.Response(
            body=body, content_type=kind, charset="utf-8", headers={"Cache-Control": "max-age=60"}
        )

    return static


async def serve(
    app: web.Application, host: str, port: int, *, log_requests: bool, exit_with_stdin: bool
) -> None:
    """Serve until SIGTERM, SIGINT or, with ``exit_with_stdin``, the end of standard input.

    Raises:
        OSError: the server cannot listen on the address.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    runner = web.AppRunner(
        app,
        access_log=_request_log() if log_requests else None,
        access_log_format=LOG_FORMAT,
        handler_cancellation=True,  # a client that leaves the slow tail ends its handler, which waits for 120 s
        shutdown_timeout=CLOSING_TIMEOUT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{bound}", flush=True)  # noqa: T201 - the parent process reads it
        if exit_with_stdin:
            _call_at_end_of_stdin(loop, stop)
        await stop.wait()
    finally:
        await runner.cleanup()


def _request_log() -> logging.Logger:
    log = logging.getLogger("demo.requests")
    log.addHandler(logging.StreamHandler(sys.stderr))
    log.setLevel(logging.INFO)
    log.propagate = False
    return log


def _call_at_end_of_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    def read() -> None:
        # Not sys.stdin: this thread would hold its lock during a read, and the interpreter could not exit.
        try:
            while os.read(0, 65536):
                pass
        except OSError:
            pass  # standard input was closed before the start: the same as its end
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()
