"""``python -m renderer``: the command-line options, and the server from its start to its end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import ipaddress
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

import uvloop
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from renderer.api.server import Server
from renderer.api.start_options import add_splash_options, existing_folder, log_meaningless, names
from renderer.chromium.disk_space import disk_space_fault
from renderer.chromium.process import Chromium, ChromiumMissing, find_chromium, remove_stale_profiles
from renderer.chromium.scheduling import work_in_batches
from renderer.egress.connector import Reach, normal_name
from renderer.lua.fork_server_client import LuaPolicy
from renderer.lua.process_pool import ProcessPool, ScriptsUnavailable
from renderer.network.adblock_filters import Filters
from renderer.pool.browser import Browser
from renderer.pool.memory_limit import watch
from renderer.render.options import ServerCapabilities
from renderer.tab.policy import TabPolicy

log = logging.getLogger("renderer")

# The number of new objects until Python's garbage collector runs: some 400 renders that fail, or 10,000 that succeed.
# With Python's default, the collector takes 2 % of the time of a light page.
GARBAGE_THRESHOLDS = (10_000, 10, 10)

MAX_LINE = 64 * 1024  # bytes of a request's first line, which may contain a script, and of a header


class BadStart(Exception):
    """The renderer cannot start with its options; the message says what to change."""


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m renderer",
        description="A server of Splash's HTTP API that renders with a current Chromium.",
    )
    parser.add_argument(
        "--host", "--ip", "-i", default="127.0.0.1", help="address to listen on (default %(default)s)"
    )
    parser.add_argument(
        "--port",
        "-p",
        type=int,
        default=8050,
        help="port to listen on, or 0 for any free port (default %(default)s)",
    )
    parser.add_argument(
        "--slots", "-s", type=int, default=4, help="number of pages at the same time (default %(default)s)"
    )
    parser.add_argument(
        "--max-timeout",
        type=float,
        default=90.0,
        help="largest timeout of a request, in seconds (default %(default)s)",
    )
    parser.add_argument(
        "--token",
        help="secret that clients have to send, required unless --host is loopback; better set RENDERER_TOKEN, "
        "which a list of processes does not show",
    )
    parser.add_argument("--chromium", help="the Chromium program to use")
    parser.add_argument("--disable-lua", action="store_true", help="turn off /execute and /run")
    parser.add_argument("--exit-with-stdin", action="store_true", help="exit when standard input ends")
    parser.add_argument(
        "--verbosity",
        "-v",
        type=int,
        nargs="?",
        const=2,
        default=1,
        help="0 quiet, 1 normal, 2 debug (default 1)",
    )
    parser.add_argument(
        "--forbid-private-addresses",
        action="store_true",
        help="let pages reach only addresses of the open internet",
    )
    parser.add_argument(
        "--allow-hosts",
        type=names,
        default=(),
        help="host names, separated by commas, that pages reach in spite of --forbid-private-addresses; "
        "also RENDERER_ALLOW_HOSTS",
    )
    parser.add_argument(
        "--images-last",
        action="store_true",
        help="start with the Chromium for renders with images=0; the other one starts when a render needs images",
    )
    add_splash_options(parser)
    options = parser.parse_args(arguments)
    if options.slots < 1:
        parser.error("--slots must be at least 1")
    if options.max_timeout <= 0:
        parser.error("--max-timeout must be positive")
    return options


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bind(host: str, port: int) -> socket.socket:
    """Bind the port before Chromium starts: an option tells Chromium never to connect to it.

    Raises:
        BadStart: the address or the port cannot be used.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise BadStart(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


async def serve(options: argparse.Namespace, environ: Mapping[str, str]) -> None:
    token = options.token or environ.get("RENDERER_TOKEN")
    if not is_loopback(options.host) and not token:
        raise BadStart(
            f"--host {options.host} is reachable from other machines: set a token, with RENDERER_TOKEN or --token"
        )
    allowed_hosts = options.allow_hosts or names(environ.get("RENDERER_ALLOW_HOSTS", ""))
    if allowed_hosts and not options.forbid_private_addresses:
        log.warning(
            "--allow-hosts has no effect without --forbid-private-addresses: pages can reach every host"
        )
    ended = asyncio.Event()
    watch_for_the_end(ended, with_stdin=options.exit_with_stdin)
    program = find_chromium(options.chromium, environ)
    if fault := disk_space_fault():
        raise BadStart(f"{fault}; free some space, or set TMPDIR to another folder")
    listener = bind(options.host, options.port)
    port = listener.getsockname()[1]
    remove_stale_profiles()
    if os.geteuid() == 0:
        log.warning("Chromium runs without its sandbox, because the renderer runs as root")
    log_meaningless(options)
    capabilities = ServerCapabilities(
        proxy_profiles=existing_folder(options.proxy_profiles_path, "--proxy-profiles-path"),
        script_profiles=existing_folder(options.js_profiles_path, "--js-profiles-path"),
        filters=Filters(existing_folder(options.filters_path, "--filters-path")),
        engines=options.browser_engines,
    )
    policy = TabPolicy(
        allowed_schemes=frozenset(scheme.lower() for scheme in options.allowed_schemes),
        caches=not options.disable_browser_caches,
        reach=Reach(
            public_only=options.forbid_private_addresses,
            allowed_hosts=frozenset(map(normal_name, allowed_hosts)),
            blocked_port=port,
        ),
    )
    chromium = Chromium(
        program=program,
        blocked_port=port,
        cross_domain_access=bool(options.js_cross_domain_access),
        loads_images=not options.images_last,
    )
    browser = Browser(chromium, options.slots, policy)
    scripts = None if options.disable_lua else ProcessPool(lua_policy(options))
    starting = asyncio.ensure_future(start(browser, scripts))
    ending = asyncio.ensure_future(ended.wait())
    try:
        await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        await starting
        server = Server(
            browser,
            max_timeout=options.max_timeout,
            token=token,
            lua=scripts,
            hosts=frozenset({"localhost", "127.0.0.1", "[::1]", options.host.lower()}),
            capabilities=capabilities,
            max_saved_arguments=options.argument_cache_max_entries,
            secret_arguments=frozenset(options.dont_log_args),
            start_page=not options.disable_ui,
        )
        runner = web.AppRunner(
            server.app(),
            handler_cancellation=True,
            access_log=None,
            shutdown_timeout=1,
            max_line_size=MAX_LINE,
            max_field_size=MAX_LINE,
        )
        await runner.setup()
        await web.SockSite(runner, listener).start()
        host = f"[{options.host}]" if ":" in options.host else options.host
        # The program that started the renderer reads the port in this line.
        sys.stdout.write(f"listening on http://{host}:{port}\n")
        sys.stdout.flush()
        watching = asyncio.ensure_future(watch(browser, options.maxrss, ended)) if options.maxrss else None
        await ending
        if watching is not None:
            watching.cancel()
        await runner.cleanup()
    finally:
        ending.cancel()
        if scripts is not None:
            scripts.end()
        await browser.end()


async def start(browser: Browser, scripts: ProcessPool | None) -> None:
    """Start Chromium and the Lua processes, so that the first request does not wait for them."""
    # One after the other: the start of Python's processes would only slow down the start of Chromium.
    await browser.start()
    if scripts is not None:
        await scripts.start()


def lua_policy(options: argparse.Namespace) -> LuaPolicy:
    return LuaPolicy(
        package_path=options.lua_package_path,
        allowed_modules=options.lua_sandbox_allowed_modules,
        sandboxed=not options.disable_lua_sandbox,
    )


def watch_for_the_end(ended: asyncio.Event, *, with_stdin: bool) -> None:
    """Set ``ended`` at SIGINT and SIGTERM, and if wanted at the end of standard input."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if not with_stdin:
        return
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            ended.set()

    try:
        loop.add_reader(descriptor, read)
    except PermissionError:  # a regular file or /dev/null: it has ended already
        ended.set()


def without_traceback(record: logging.LogRecord) -> bool:
    """Shorten aiohttp's log record of a malformed request: it is a fault of the client, and the answer describes it."""
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        message = record.exc_info[1].message.split("\n")[0]
        record.msg, record.args = "the server refused a malformed HTTP request: %s", (message,)
        record.exc_info = None
    return True


def main() -> int:
    options = read_options(sys.argv[1:])
    logging.basicConfig(
        **({"filename": options.logfile} if options.logfile else {"stream": sys.stderr}),
        level={0: logging.ERROR, 1: logging.WARNING}.get(options.verbosity, logging.INFO),
        format="renderer: %(message)s",
    )
    logging.getLogger("aiohttp.server").addFilter(without_traceback)
    work_in_batches()
    gc.freeze()  # the collector ignores modules from now on, because they are never garbage
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(options, os.environ))
    except BadStart as error:
        log.error("%s", error)
        return 1
    except ScriptsUnavailable as error:
        log.error("%s; start the renderer with --disable-lua to run it without scripts", error)
        return 1
    except ChromiumMissing as error:
        log.error("%s: %s", error, error.remedy)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
