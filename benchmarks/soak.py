"""Thousands of renders, half of them failing in every way that a site can think of: ``python -m benchmarks.soak``.

Says whether a render saw anything of another, whether memory grew, whether a process was left behind, and how long
``/_ping`` took at most. A page shows its own number, and what it finds of earlier ones in cookies and every storage; it
says its number in errors and on the console, and asks for itself until it is gone. No answer may have another number.
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
TIMEOUT = 6  # seconds, of a page that should come
SHORT = 1.0  # of one that never will
FIRST = 500  # renders, after which memory is measured for the first time
SETTLING = 8  # seconds until what was given up is gone

# Every other page stores nothing, and is then not left for a blank one but replaced.
GOOD = """<!doctype html><title>{n}</title><p id=p></p><script>
  const n = {n}, length = history.length, seen = [document.cookie, window.name, length > 2, typeof own];
  if (n % 2) {{
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
)  # what a page sees, by its number

NUMBERS = re.compile(r"/good/(\d+)|page (\d+) |\bk(?:=|\W+value\W+)(\d+)")  # in URLs, texts, cookies

EVERYTHING = """function main(splash, args)
  splash:go(args.url)
  splash:wait(0.02)
  return {splash:html(), splash:har(), splash:history(), splash:get_cookies()}
end"""
# How a good page is asked for, in turn.
READY: dict[str, Any] = {"wait_for": "//p[text()]"}
TOLD = dict.fromkeys(("html", "har", "history", "console", "script_errors"), 1)
QUESTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/render.html", READY),
    ("/render.json", READY | TOLD | {"js_source": "console.log(p.textContent)"}),
    ("/render.html", READY),
    ("/execute", {"lua_source": EVERYTHING}),
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
    """A page of 500 MB, as fast as it is taken."""
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):
        for _ in range(500):
            await response.write(b"<p>" + b"x" * (1024 * 1024))
    return response


async def serve_site(started: Callable[[str], None], over: asyncio.Event) -> None:
    async def good(request: web.Request) -> web.Response:
        return web.Response(text=GOOD.format(n=request.match_info["n"]), content_type="text/html")

    async def bad(request: web.Request) -> web.Response:
        return web.Response(text=BAD_PAGES[request.match_info["kind"]], content_type="text/html")

    async def round_and_round(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"/redirect/{random.random()}")

    async def wait(request: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response(text="late")

    app = web.Application()
    app.router.add_get("/good/{n}", good)
    app.router.add_get("/bad/{kind}", bad)
    app.router.add_get("/redirect/{n}", round_and_round)
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
    """What came of asking ``/_ping`` again and again; ``slowest`` is in seconds."""

    number: int
    failed: int
    slowest: float


def ping(url: str, over: Event, result: Connection) -> None:
    """In a process of its own: this one is busy with being a site that sends 500 MB."""
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


def family(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def memory_of(process: psutil.Process) -> dict[str, float]:
    """MiB by kind of process, each shared page counted in shares."""
    found: dict[str, float] = {}
    for one in family(process):
        try:
            kinds = [word for word in one.cmdline() if word.startswith("--type=")]
            kind = "python" if one == process else kinds[0][7:] if kinds else "browser"
            found[kind] = found.get(kind, 0.0) + one.memory_full_info().pss / 2**20
        except psutil.Error:
            continue
    return found


class Soak:
    def __init__(self, renderer: str, site: str, process: psutil.Process, seed: int) -> None:
        self.renderer, self.site, self.process = renderer, site, process
        self.dice = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self.leaks: list[str] = []
        self.wrong: list[str] = []

    async def good(self, session: aiohttp.ClientSession, number: int) -> None:
        path, arguments = QUESTIONS[number // 2 % len(QUESTIONS)]
        status, text = await self._get(
            session, path, url=f"{self.site}/good/{number}", timeout=TIMEOUT, **arguments
        )
        self.outcomes[f"good, {path}: {status}"] += 1
        if status == 200:
            seen = {found for groups in NUMBERS.findall(text) for found in groups if found}
            plain = text.replace('\\"', '"')  # of HTML in JSON
            if seen != {str(number)} or f"page {number} saw {FRESH[number % 2]}<" not in plain:
                self.leaks.append(f"{number} has {sorted(seen)}: {text[text.find('<p') :][:200]}")
        if status not in (200, 503):
            self.wrong.append(f"{number}: {status} {text[:200]}")

    async def bad(self, session: aiohttp.ClientSession, number: int) -> None:
        kind = self.dice.choice([*BAD_PAGES, *SCRIPTS, "redirects", "500 MB", "refused", "never", "left"])
        if kind in SCRIPTS:
            arguments: dict[str, Any] = {"lua_source": SCRIPTS[kind], "url": f"{self.site}/good/{number}"}
            status, _ = await self._get(session, "/execute", timeout=SHORT, **arguments)
        elif kind == "left":  # the client goes away
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
            status, _ = await self._get(session, url=url, timeout=SHORT, wait=0.3)
        self.outcomes[f"{kind}: {status}"] += 1

    def _kill_a_tab(self) -> None:
        tabs = []
        for one in family(self.process):
            try:
                if "--type=renderer" in one.cmdline():
                    tabs.append(one)
            except psutil.Error:
                continue
        if tabs:
            self.dice.choice(tabs).kill()

    async def _get(
        self, session: aiohttp.ClientSession, path: str = "/render.html", **arguments: Any
    ) -> tuple[int, str]:
        for _ in range(20):
            async with session.post(f"{self.renderer}{path}", json=arguments) as answer:
                text = await answer.text()
                if answer.status != 503:
                    return answer.status, text
            self.outcomes["503, asked again"] += 1
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
        for numbers in (range(first), range(first, options.renders)):
            shared = iter(numbers)
            await asyncio.gather(*(client(session, shared) for _ in range(CLIENTS)))
            await asyncio.sleep(SETTLING)
            memory[numbers.stop] = await asyncio.to_thread(memory_of, run.process)
    pinged.set()
    pings: Pings = await asyncio.to_thread(pinging[0].recv)
    everybody = family(run.process)
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
    _, left = psutil.wait_procs(everybody, timeout=5)
    over.set()
    await site
    for outcome, number in sorted(run.outcomes.items()):
        print(f"{number:6d}  {outcome}")
    for number, kinds in memory.items():
        parts = ", ".join(f"{kind} {size:.0f}" for kind, size in sorted(kinds.items()))
        print(f"MiB after {number}: {parts}")
    before, after = (sum(memory[number].values()) for number in (first, options.renders))
    print(f"leaks: {len(run.leaks)} {run.leaks[:2]}")
    print(f"wrong answers to good pages: {len(run.wrong)} {run.wrong[:3]}")
    print(f"memory: {before:.0f} MiB after {first}, {after:.0f} MiB at the end ({after / before:.2f})")
    print(f"/_ping: {pings.number} times, {pings.failed} failed, at most {pings.slowest:.2f} s")
    print(f"processes left behind: {len(left)}")
    return int(
        bool(run.leaks or run.wrong or left or pings.failed or pings.slowest > 1 or after > before * 1.2)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--renders", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(asyncio.run(soak(parser.parse_args())))
