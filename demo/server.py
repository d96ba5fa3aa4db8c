"""The demo site's HTTP server: its routes put together, and its life from the first request to a clean end."""

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

from demo import account, broken, echo, index, listings
from demo.account import SESSIONS, Sessions
from demo.asked import LAYOUT, SHOP
from demo.broken import CLOSING, FAILED_ONCE
from demo.pages import OLD_LAYOUT
from demo.shop import Shop

STATIC = Path(__file__).parent / "static"
LOG_FORMAT = '%a "%r" %s %b bytes %D us'
CLOSING_TIMEOUT = 2.0  # seconds that answers under way get when the server ends


def make_app(shop: Shop, layout: str = OLD_LAYOUT) -> web.Application:
    app = web.Application()
    app[SHOP] = shop
    app[LAYOUT] = layout
    app[SESSIONS] = Sessions()
    app[FAILED_ONCE] = set()
    app[CLOSING] = asyncio.Event()
    app.on_shutdown.append(_close)
    for family in (listings, account, broken, echo, index):
        app.add_routes(family.routes)
    for file in sorted(STATIC.iterdir()):
        app.router.add_get(f"/static/{file.name}", _static(file))
    return app


async def _close(app: web.Application) -> None:
    """Ends the answers that wait for nothing."""
    app[CLOSING].set()


def _static(file: Path) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Answers with the file as it was at the start: a crawl asks for it with every page."""
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
    """Serves until SIGTERM, SIGINT or the end of standard input.

    Raises:
        OSError: the address cannot be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    runner = web.AppRunner(
        app,
        access_log=_request_log() if log_requests else None,
        access_log_format=LOG_FORMAT,
        handler_cancellation=True,  # who has left the slow tail is not answered for the rest of its two minutes
        shutdown_timeout=CLOSING_TIMEOUT,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        bound = runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        print(f"listening on http://{shown}:{bound}", flush=True)  # noqa: T201 - whoever started us reads it
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
        # Not sys.stdin: its lock, held by a thread in the middle of a read, would break the interpreter's exit.
        try:
            while os.read(0, 65536):
                pass
        except OSError:
            pass  # it was closed before we began, which is an end too
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=read, name="stdin", daemon=True).start()
