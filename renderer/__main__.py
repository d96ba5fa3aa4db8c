"""``python -m renderer``: start-up options, and the life of the server from its first line to its end."""

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

from renderer.browser import Browser
from renderer.chromium import Chromium, ChromiumMissing, find_chromium, remove_stale_profiles
from renderer.filters import Filters
from renderer.lua.runtime import LuaPolicy
from renderer.memory import watch
from renderer.options import Offer
from renderer.scheduling import work_in_batches
from renderer.server import Server
from renderer.start_options import add_splash_options, existing_folder, log_meaningless
from renderer.tab import TabPolicy

log = logging.getLogger("renderer")

# New objects until Python looks for circles among them: some 400 renders that fail, or 10,000 that do not. As often as
# is usual, it takes 2 % of the time of a light page.
GARBAGE_THRESHOLDS = (10_000, 10, 10)

ADVICE = "install the package chromium-headless-shell, or run scripts/setup, or set CHROMIUM to its program"


class BadStart(Exception):
    """The options do not go together; the message says what to change."""


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m renderer", description="Answers Splash's HTTP API with a current Chromium."
    )
    parser.add_argument(
        "--host", "--ip", "-i", default="127.0.0.1", help="address to listen on (default %(default)s)"
    )
    parser.add_argument(
        "--port", "-p", type=int, default=8050, help="0 takes a free one (default %(default)s)"
    )
    parser.add_argument("--slots", "-s", type=int, default=4, help="pages at a time (default %(default)s)")
    parser.add_argument(
        "--max-timeout", type=float, default=90.0, help="largest timeout (default %(default)s)"
    )
    parser.add_argument(
        "--token",
        help="secret that clients have to send, needed for other than loopback hosts; better in RENDERER_TOKEN, "
        "which a list of processes does not show",
    )
    parser.add_argument("--chromium", help="the Chromium program to use")
    parser.add_argument("--disable-lua", action="store_true", help="no /execute and no /run")
    parser.add_argument("--exit-with-stdin", action="store_true", help="end when standard input ends")
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
        help="pages reach only addresses of the open internet",
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
    """Take the port before Chromium starts, because Chromium is told never to connect to it."""
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
            f"--host {options.host} is reachable from other machines: give a token as well, in RENDERER_TOKEN or "
            "with --token"
        )
    ended = asyncio.Event()
    watch_for_the_end(ended, with_stdin=options.exit_with_stdin)
    program = find_chromium(options.chromium, environ)
    listener = bind(options.host, options.port)
    port = listener.getsockname()[1]
    remove_stale_profiles()
    if os.geteuid() == 0:
        log.warning("running as root: Chromium runs without its sandbox")
    log_meaningless(options)
    offer = Offer(
        proxy_profiles=existing_folder(options.proxy_profiles_path, "--proxy-profiles-path"),
        script_profiles=existing_folder(options.js_profiles_path, "--js-profiles-path"),
        filters=Filters(existing_folder(options.filters_path, "--filters-path")),
        engines=options.browser_engines,
    )
    policy = TabPolicy(
        allowed_schemes=frozenset(scheme.lower() for scheme in options.allowed_schemes),
        caches=not options.disable_browser_caches,
        public_only=options.forbid_private_addresses,
        blocked_port=port,
    )
    chromium = Chromium(
        program=program, blocked_port=port, cross_domain_access=bool(options.js_cross_domain_access)
    )
    browser = Browser(chromium, options.slots, policy, public_only=options.forbid_private_addresses)
    starting = asyncio.ensure_future(browser.start())
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
            lua=None if options.disable_lua else lua_policy(options),
            hosts=frozenset({"localhost", "127.0.0.1", "[::1]", options.host.lower()}),
            offer=offer,
            max_saved_arguments=options.argument_cache_max_entries,
            secret_arguments=frozenset(options.dont_log_args),
            start_page=not options.disable_ui,
        )
        runner = web.AppRunner(server.app(), handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.SockSite(runner, listener).start()
        host = f"[{options.host}]" if ":" in options.host else options.host
        # Whoever started us reads this line to learn the port.
        sys.stdout.write(f"listening on http://{host}:{port}\n")
        sys.stdout.flush()
        watching = asyncio.ensure_future(watch(browser, options.maxrss, ended)) if options.maxrss else None
        await ending
        if watching is not None:
            watching.cancel()
        await runner.cleanup()
    finally:
        ending.cancel()
        await browser.end()


def lua_policy(options: argparse.Namespace) -> LuaPolicy:
    return LuaPolicy(
        package_path=options.lua_package_path,
        allowed_modules=options.lua_sandbox_allowed_modules,
        sandboxed=not options.disable_lua_sandbox,
    )


def watch_for_the_end(ended: asyncio.Event, *, with_stdin: bool) -> None:
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
    except PermissionError:  # a plain file or /dev/null, which has ended already
        ended.set()


def main() -> int:
    options = read_options(sys.argv[1:])
    logging.basicConfig(
        **({"filename": options.logfile} if options.logfile else {"stream": sys.stderr}),
        level={0: logging.ERROR, 1: logging.WARNING}.get(options.verbosity, logging.INFO),
        format="renderer: %(message)s",
    )
    work_in_batches()
    gc.freeze()  # modules are there for good
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(options, os.environ))
    except BadStart as error:
        log.error("%s", error)
        return 1
    except ChromiumMissing as error:
        log.error("%s: %s", error, ADVICE)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
