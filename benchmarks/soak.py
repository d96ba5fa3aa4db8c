"""Thousands of renders, half of them with a fault, and half of them by scripts: ``python -m benchmarks.soak``.

It reports whether a render saw data of another render, whether memory grew, whether a process remained at the end,
and the longest time of ``/_ping``. Each good page has a number. The page shows its number and all data of earlier
pages that it finds in cookies and storage; it writes its number in errors and to the console, and requests itself
until its end. A result with the number of another page is a leak. Before each measurement of memory, each tab renders
a good page: a tab that has ended uses no memory, and one with a large page uses some hundred MiB.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from aiohttp import web

ROOT = Path(__file__).parent.parent
SLOTS = 4
CLIENTS = 8
TIMEOUT = 6  # seconds, for a good page
SHORT = 1.0  # seconds, for a bad page
SCRIPT_SHARE = 0.385  # of the bad pages that are no bad scripts; so half of all renders are scripts
FIRST = 500  # renders before the first measurement of memory
EACH = 500  # renders between two measurements after it
FILLING = 1.0  # seconds for which each tab renders a page before a measurement
SETTLING = 8  # seconds until abandoned work has ended

# Every other good page stores nothing; then the renderer goes to the next page without an empty page between.
GOOD = """<!doctype html><title>{n}</title><p id=p></p><script>
  const n = {n}, length = history.length, seen = [document.cookie, window.name, length > 2, typeof own];
  if (n % 4 === 1) {{
    seen.push(localStorage.getItem('k'), sessionStorage.getItem('k'));
    document.cookie = `k=${{n}}; path=/`; localStorage.setItem('k', n); sessionStorage.setItem('k', n);
    window.name = n;
  }}
  var own = n;
  setInterval(() => fetch(location), 1);
  setInterval(() => {{ console.log('page {n} logs'); throw new Error('page {n} throws'); }}, 5);
  addEventListener('pagehide', () => {{ document.cookie = `hidden=${{n}}; path=/`; }});
  p.textContent = 'page {n} saw ' + JSON.stringify(seen);
</script>"""
FRESH = (
    '["","",false,"undefined"]',
    '["","",false,"undefined",null,null]',
)  # the text of a page that sees no other: of pages that store nothing, and of those that do

NUMBERS = re.compile(r"/good/(\d+)|page (\d+) |\bk(?:=|\W+value\W+)(\d+)")  # in URLs, texts, cookies

EVERYTHING = """function main(splash, args)
  splash:go(args.url)
  splash:wait(0.02)
  return {splash:html(), splash:har(), splash:history(), splash:get_cookies()}
end"""
READ = """function main(splash, args)
  splash:go(args.url)
  assert(splash:wait_for{'//p[text()]', timeout=5})
  return splash:html()
end"""
READ_AT_ONCE = """function main(splash, args)
  assert(splash:go{args.url, wait_for='//p[text()]'})
  return splash:html()
end"""
DRAWN = 0.12  # seconds of wait with which a page is drawn
READ_DRAWN = f"function main(splash, args) splash:go(args.url) splash:wait({DRAWN}) return splash:html() end"
# For pages with a fault.
STAY = "function main(splash, args) splash:go(args.url) splash:wait(0.3) return splash:html() end"
# The requests for good pages, in turn.
READY: dict[str, Any] = {"wait_for": "//p[text()]"}
PARTS = dict.fromkeys(("html", "har", "history", "console", "script_errors"), 1)
RENDER_REQUESTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/render.html", READY),
    ("/execute", {"lua_source": READ}),
    ("/render.json", READY | PARTS | {"js_source": "console.log(p.textContent)"}),
    ("/execute", {"lua_source": EVERYTHING}),
    ("/render.html", READY),
    ("/execute", {"lua_source": READ_AT_ONCE}),
    # Without wait, the renderer does not hold the page's redirects at first; with DRAWN it draws the page.
    ("/render.html", {}),
    ("/execute", {"lua_source": READ_DRAWN}),
    ("/render.html", {"wait": DRAWN}),
    ("/execute", {"lua_source": READ}),
)

BAD_PAGES = {
    "dialogs": "<script>for (let i = 0; i < 500; i++) { alert(i); confirm(i); prompt(i); }"
    "onbeforeunload = () => 'stay'</script><p>dialogs",
    "closes": "<script>window.close(); setInterval(() => window.close(), 5)</script><p>closes",
    "popups": "<script>for (let i = 0; i < 30; i++) window.open(location.href + '?' + i)</script><p>popups",
    "loop": "<script>setTimeout(() => { while (true) {} }, 20)</script><p>loop",
    "busy": "<script>const grow = []; setInterval(() => { for (let i = 0; i < 1e5; i++) grow.push({i}) }, 1)</script>",
    "prints": "<script>print(); navigator.geolocation.getCurrentPosition(() => {}); Notification.requestPermission()"
    "</script><a download href=/endless id=a></a><script>a.click()</script>",
    "frames": "<script>for (let i = 0; i < 50; i++) document.body.append(document.createElement('iframe'))</script>",
    "crashes": "<title>crashes</title><script>setTimeout(() => location = '/wait', 400)</script><p>crashes",
    "elsewhere": "<script>setTimeout(() => { location = 'http://127.0.0.1:9/' }, 10)</script>",
}
SCRIPTS = {
    "lua loop": "function main() while true do end end",
    "lua error": "function main() error('no') end",
    "lua memory": "function main() local s = 'x' while true do s = s .. s end end",
    "lua page loop": "function main(splash) splash:go(splash.args.url) splash:evaljs('while (true) {}') end",
}


async def endless(request: web.Request) -> web.StreamResponse:
    """Send a page of 500 MB, as fast as the client reads it."""
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    with contextlib.suppress(ConnectionError):
        await response.prepare(request)
        for _ in range(500):
            await response.write(b"<p>" + b"x" * (1024 * 1024))
    return response


async def serve_site(started: Callable[[str], None], over: asyncio.Event) -> None:
    async def good(request: web.Request) -> web.Response:
        return web.Response(text=GOOD.format(n=request.match_info["n"]), content_type="text/html")

    async def bad(request: web.Request) -> web.Response:
        return web.Response(text=BAD_PAGES[request.match_info["kind"]], content_type="text/html")

    async def redirect_forever(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/redirect/{random.random()}")

    async def wait(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response(text="late")

    app = web.Application()
    app.router.add_get("/good/{n}", good)
    app.router.add_get("/bad/{kind}", bad)
    app.router.add_get("/redirect/{n}", redirect_forever)
    app.router.add_get("/endless", endless)
    app.router.add_get("/wait", wait)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    started(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}")  # type: ignore[union-attr]
    await over.wait()
    await runner.cleanup()


@dataclass(frozen=True)
class Pings:
    """The results of many requests of ``/_ping``; ``slowest`` is in seconds."""

    number: int
    failed: int
    slowest: float


def ping(url: str, over: Event, result: Connection) -> None:
    """Request ``/_ping`` until ``over`` is set. Runs in a process of its own, because this one serves 500 MB pages."""
    number, failed, slowest = 0, 0, 0.0
    while not over.wait(0.1):
        began = time.monotonic()
        try:
            with urllib.request.urlopen(f"{url}/_ping", timeout=10) as answer:
                answer.read()
        except OSError:
            failed += 1
        number += 1
        slowest = max(slowest, time.monotonic() - began)
    result.send(Pings(number, failed, slowest))


def process_tree(process: psutil.Process) -> list[psutil.Process]:
    """Return the process and all its descendants."""
    return [process, *process.children(recursive=True)]


def memory_of(process: psutil.Process) -> dict[str, float]:
    """Return the memory in MiB by kind of process; each shared page counts once over all processes."""
    found: dict[str, float] = {}
    for one in process_tree(process):
        try:
            kinds = [word for word in one.cmdline() if word.startswith("--type=")]
            kind = "python" if one == process else kinds[0][7:] if kinds else "browser"
            found[kind] = found.get(kind, 0.0) + one.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return found


class Soak:
    """The renders of one run, and the faults that they found."""

    def __init__(self, renderer: str, site: str, process: psutil.Process, seed: int) -> None:
        self.renderer, self.site, self.process = renderer, site, process
        self.dice = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.leaks: list[str] = []
        self.wrong: list[str] = []

    async def fill(self, session: aiohttp.ClientSession) -> None:
        """Render a good page in one tab, for as long as the others need to get theirs."""
        arguments = {"url": f"{self.site}/good/0", "wait": FILLING, "timeout": TIMEOUT}
        status, text = await self._get(session, **arguments)
        if status != 200:
            self.wrong.append(f"before a measurement: {status} {text[:200]}")

    async def good(self, session: aiohttp.ClientSession, number: int) -> None:
        path, arguments = RENDER_REQUESTS[number // 4 % len(RENDER_REQUESTS)]
        status, text = await self._get(
            session, path, url=f"{self.site}/good/{number}", timeout=TIMEOUT, **arguments
        )
        self.outcomes[f"good, {path}: {status}"] += 1
        if status == 200:
            seen = {found for groups in NUMBERS.findall(text) for found in groups if found}
            plain = text.replace('\\"', '"')  # HTML in JSON has backslashes before its quotes
            saw = f"page {number} saw "
            if seen - {str(number)} or (saw in plain and f"{saw}{FRESH[number % 4 == 1]}<" not in plain):
                self.leaks.append(f"{number} has {sorted(seen)}: {text[text.find('<p') :][:200]}")
            # A script that does not wait for the page may return it without its text.
            elif saw not in plain and arguments.get("lua_source") == EVERYTHING:
                self.outcomes[f"good, {path}: without the page's text"] += 1
            elif saw not in plain:
                self.wrong.append(f"{number}: without the page's text: {text[:200]}")
        if status not in (200, 503):
            self.wrong.append(f"{number}: {status} {text[:200]}")

    async def bad(self, session: aiohttp.ClientSession, number: int) -> None:
        kind = self.dice.choice([*BAD_PAGES, *SCRIPTS, "redirects", "500 MB", "refused", "never", "left"])
        if kind in SCRIPTS:
            arguments: dict[str, Any] = {"lua_source": SCRIPTS[kind], "url": f"{self.site}/good/{number}"}
            status, _ = await self._get(session, "/execute", timeout=SHORT, **arguments)
        elif kind == "left":  # the client disconnects
            try:
                async with asyncio.timeout(0.2):
                    await self._get(session, url=f"{self.site}/wait", timeout=TIMEOUT)
                status = 0
            except TimeoutError:
                status = 0
        else:
            path = {
                "redirects": f"/redirect/{number}",
                "500 MB": "/endless",
                "refused": "http://127.0.0.1:9/",
                "never": "/wait",
            }.get(kind, f"/bad/{kind}")
            url = path if path.startswith("http") else self.site + path
            if kind == "crashes":
                asyncio.get_running_loop().call_later(0.3, self._kill_a_tab)
            if self.dice.random() < SCRIPT_SHARE:
                status, _ = await self._get(session, "/execute", url=url, timeout=SHORT, lua_source=STAY)
            else:
                status, _ = await self._get(session, url=url, timeout=SHORT, wait=0.3)
        self.outcomes[f"{kind}: {status}"] += 1

    def _kill_a_tab(self) -> None:
        tabs = []
        for one in process_tree(self.process):
            try:
                if "--type=renderer" in one.cmdline():
                    tabs.append(one)
            except psutil.Error:
                continue
        if tabs:
            with contextlib.suppress(psutil.Error):  # it has ended
                self.dice.choice(tabs).kill()

    async def _get(
        self, session: aiohttp.ClientSession, path: str = "/render.html", **arguments: Any
    ) -> tuple[int, str]:
        for _ in range(20):
            async with session.post(f"{self.renderer}{path}", json=arguments) as answer:
                text = await answer.text()
                if answer.status != 503:
                    return answer.status, text
            self.outcomes["503, sent again"] += 1
            await asyncio.sleep(0.2)
        return 503, text


def start_renderer() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "renderer",
            "--port",
            "0",
            "--slots",
            str(SLOTS),
            "--exit-with-stdin",
            "--verbosity",
            "0",
        ],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


async def soak(options: argparse.Namespace) -> int:
    over = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    site = asyncio.create_task(serve_site(url.set_result, over))
    process = start_renderer()
    assert process.stdout is not None
    renderer = process.stdout.readline().removeprefix("listening on ").strip()
    run = Soak(renderer, await url, psutil.Process(process.pid), options.seed)
    spawning = multiprocessing.get_context("spawn")
    pinged, pinging = spawning.Event(), spawning.Pipe(duplex=False)
    spawning.Process(target=ping, args=(renderer, pinged, pinging[1]), daemon=True).start()
    memory: dict[int, dict[str, float]] = {}
    began = time.monotonic()

    async def client(session: aiohttp.ClientSession, numbers: Iterator[int]) -> None:
        for number in numbers:
            work: Callable[..., Awaitable[None]] = run.good if number % 2 else run.bad
            try:
                await work(session, number)
            except aiohttp.ClientError as error:
                run.wrong.append(f"{number}: {type(error).__name__} {error}")
            if number % 500 == 0:
                print(f"{number} renders, {time.monotonic() - began:.0f} s", flush=True)

    first = min(FIRST, options.renders)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        for numbers in (
            range(first),
            *(
                range(start, min(start + EACH, options.renders))
                for start in range(first, options.renders, EACH)
            ),
        ):
            shared = iter(numbers)
            await asyncio.gather(*(client(session, shared) for _ in range(CLIENTS)))
            await asyncio.sleep(SETTLING)
            await asyncio.gather(*(run.fill(session) for _ in range(SLOTS)))
            memory[numbers.stop] = await asyncio.to_thread(memory_of, run.process)
            parts = ", ".join(f"{kind} {size:.0f}" for kind, size in sorted(memory[numbers.stop].items()))
            print(f"MiB after {numbers.stop}: {parts}", flush=True)
    pinged.set()
    pings: Pings = await asyncio.to_thread(pinging[0].recv)
    processes = process_tree(run.process)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
    _, left = psutil.wait_procs(processes, timeout=5)
    over.set()
    await site
    for outcome, number in sorted(run.outcomes.items()):
        print(f"{number:6d}  {outcome}")
    before, after = (sum(memory[number].values()) for number in (first, options.renders))
    print(f"leaks: {len(run.leaks)} {run.leaks[:2]}")
    print(f"wrong responses for good pages: {len(run.wrong)} {run.wrong[:3]}")
    print(f"memory: {before:.0f} MiB after {first}, {after:.0f} MiB at the end ({after / before:.2f})")
    print(f"/_ping: {pings.number} requests, {pings.failed} failed, the slowest took {pings.slowest:.2f} s")
    print(f"processes that did not end: {len(left)}")
    return int(
        bool(run.leaks or run.wrong or left or pings.failed or pings.slowest > 1 or after > before * 1.2)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(soak(parser.parse_args())))
