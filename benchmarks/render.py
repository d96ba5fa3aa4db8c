"""Pages per second, CPU and memory of several renderers: ours, Splash, scrapy-playwright, raw CDP.

python -m benchmarks.render [--seconds 2] [--rounds 5] [--quick] [--splash URL] [--playwright-python PROGRAM]
    [--earlier FOLDER] [--script | --no-arguments] [--script-cost]

All renderers run all the time and take turns in each round, so that changes in the speed of the machine affect all of
them. Figures are medians of the rounds; ratios are medians of the ratios of each round, and the range of the middle
half of these ratios shows their spread. The peak of memory is measured in a turn of its own, because the measurement
stops the processes.

Splash must run on this machine, because its processes are measured. scrapy-playwright is no dependency of the
project. To measure it, make an environment for it and name its Python:

    python -m venv /tmp/playwright && /tmp/playwright/bin/pip install scrapy-playwright
    python -m benchmarks.render --playwright-python /tmp/playwright/bin/python

To compare the renderer with that of an earlier commit, check the commit out and name its folder. It runs in the same
Python environment. With --script both load their pages by a Lua script (/execute) and not by render.html. With
--no-arguments they load pages as a SplashRequest without arguments does, up to the load event: that is too early for
the kinds "data" and "tail".

    git worktree add /tmp/earlier COMMIT
    python -m benchmarks.render --earlier /tmp/earlier --only "ours|earlier" --rounds 20
    python -m benchmarks.render --earlier /tmp/earlier --only "ours|earlier" --no-arguments --kinds light heavy app

With --script-cost only our renderer is measured, with pages that it loads in different ways, in turns: by render.html
with wait_for, by render.page as ``render()`` of a spider asks for a page, by a script whose ``go`` waits for the
element, by one that goes and then waits for it, and by the latter as a script that is not plain. The last columns are
the figures of the other ways divided by those of render.html.

    python -m benchmarks.render --script-cost --concurrency 4 --rounds 10

Compare only figures of one run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, cast
from urllib.parse import urlsplit

import psutil
import uvloop

from renderer.chromium.process import find_chromium

KINDS = ("light", "heavy", "data", "tail", "app")
OURS, EARLIER, LIMIT, PLAYWRIGHT = "ours", "earlier", "raw CDP", "scrapy-playwright"
ROOT = Path(__file__).parent.parent
SAMPLE_EVERY = 0.5  # seconds
WARM_UP_PAGES = 6  # times the concurrency
BATCH_TIMEOUT = 120  # seconds; a batch that takes longer hangs

# The shortest wait that a Splash script can have: no event wakes it, so it polls every 10 ms.
TIGHT_SCRIPT = """
function main(splash, args)
  splash:go(args.url)
  for i = 1, 500 do
    if splash:select("#ready") then break end
    splash:wait(0.01)
  end
  return splash:html()
end
"""


WAIT_FOR = {"wait_for": "#ready"}
READY = re.compile(rb'id=\\?"ready\\?"')  # in JSON with backslashes
_READ = "function main(splash, args) %s return splash:html() end"
_GO_AND_WAIT = "splash:go(args.url) assert(splash:wait_for{'#ready', timeout=5})"
# The ways of --script-cost to load a page: a path and its arguments by name.
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "ours": ("render.html", WAIT_FOR),
    "render() of a spider": (
        "render.page",
        {**WAIT_FOR, "images": 0, "cookies": [], "headers": {"User-Agent": "Splashdown"}},
    ),
    "go{wait_for=}": ("execute", {"lua_source": _READ % "assert(splash:go{args.url, wait_for='#ready'})"}),
    "go, wait_for": ("execute", {"lua_source": _READ % _GO_AND_WAIT}),
    "go, wait_for, not plain": ("execute", {"lua_source": _READ % f"local same = splash {_GO_AND_WAIT}"}),
}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One contender in one round on one kind of page."""

    pages_per_second: float
    cpu_ms: float  # for each page, of all processes of the contender
    bad: int  # pages without #ready


class Usage(threading.Thread):
    """CPU and memory of a process and its children during a ``with`` block, also of children that end in it."""

    def __init__(self, root: int, *, memory: bool = False) -> None:
        super().__init__(daemon=True)
        self._root, self._memory = psutil.Process(root), memory
        self._ended = threading.Event()
        self._first: dict[tuple[int, float], float] = {}
        self._last: dict[tuple[int, float], float] = {}
        self.peak_mb = 0.0

    def __enter__(self) -> Usage:
        self._sample()
        self._first = dict(self._last)
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()
        self._sample()

    @property
    def cpu_seconds(self) -> float:
        return sum(self._last.values()) - sum(self._first.values())

    def run(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY):
            self._sample()

    def _sample(self) -> None:
        memory = 0
        for process in [self._root, *self._root.children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                self._last[process.pid, process.create_time()] = times.user + times.system
                if self._memory:
                    # The proportional set size (PSS) counts each shared page once over all processes.
                    memory += getattr(process.memory_full_info(), "pss", 0) or process.memory_info().rss
        self.peak_mb = max(self.peak_mb, memory / 1e6)


@contextlib.contextmanager
def started(*command: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Yield a process. At the end its standard input is closed; if it runs 10 s later, it is killed."""
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True, **options
    )
    assert process.stdin is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


# Loads a batch of URLs; returns the number of good pages.
Load = Callable[[Sequence[str]], int]


@contextlib.contextmanager
def worker(*command: str) -> Iterator[tuple[Load, int]]:
    """Yield a contender that has its own client: it reads URLs as a line and prints the number of good pages."""
    with started(*command) as process:
        assert process.stdin is not None and process.stdout is not None
        to, answers = process.stdin, process.stdout
        if answers.readline() != "ready\n":
            raise SystemExit(f"{' '.join(command)} did not start: see its error above")

        def load(urls: Sequence[str]) -> int:
            print(json.dumps(urls), file=to, flush=True)
            watchdog = threading.Timer(BATCH_TIMEOUT, process.kill)
            watchdog.start()
            try:
                return int(answers.readline() or 0)
            finally:
                watchdog.cancel()

        yield load, process.pid


class Client(asyncio.Protocol):
    """A client that requests one page after the other, with little work, because the server shares its machine."""

    def __init__(self, head: str, arguments: dict[str, Any], waiting: Iterator[str]) -> None:
        self._head, self._arguments, self._waiting = head, arguments, waiting
        self._answer = bytearray()
        self.good = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(
            asyncio.Transport, transport
        )  # uvloop's class does not derive from asyncio.Transport
        self._ask()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        url = next(self._waiting, None)
        if url is None:
            self._transport.close()
            return
        body = json.dumps(self._arguments | {"url": url})
        self._transport.write(f"{self._head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head = self._answer.find(b"\r\n\r\n")
        if head < 0:
            return
        length = re.search(rb"(?i)\r\nContent-Length: *(\d+)", self._answer[:head])
        if len(self._answer) < head + 4 + int(length[1]) if length else not data.endswith(b"\r\n0\r\n\r\n"):
            return
        self.good += READY.search(self._answer) is not None
        self._answer.clear()
        self._ask()


def over_http(server: str, path: str, arguments: dict[str, Any], concurrency: int) -> Load:
    """Return the function that loads a batch from a server with ``concurrency`` clients."""
    address = urlsplit(server)
    host, port = address.hostname or "", address.port or 80
    head = f"POST /{path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: application/json\r\n"

    async def ask_all(urls: Sequence[str]) -> int:
        loop, waiting = asyncio.get_running_loop(), iter(urls)
        make = functools.partial(Client, head, arguments, waiting)
        clients = [(await loop.create_connection(make, host, port))[1] for _ in range(concurrency)]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BATCH_TIMEOUT):
                await asyncio.gather(*(client.done for client in clients))
        return sum(client.good for client in clients)

    return lambda urls: uvloop.run(ask_all(urls))


@contextlib.contextmanager
def our_renderer(
    concurrency: int, checkout: Path, path: str, arguments: dict[str, Any]
) -> Iterator[tuple[Load, int]]:
    """Yield the renderer of a checkout of this project."""
    command = (sys.executable, "-m", "renderer", "--port", "0", "--slots", str(concurrency))
    # Python finds the package in the working directory before the installed one.
    with started(*command, "--exit-with-stdin", cwd=checkout) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        if not url:
            raise SystemExit(f"the renderer of {checkout} did not start: see its error above")
        yield over_http(url, path, arguments, concurrency), process.pid


def listener(url: str) -> int:
    """Return the pid of the process that listens at this URL."""
    port = urlsplit(url).port
    for connection in psutil.net_connections("tcp"):
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            return int(connection.pid)
    raise SystemExit(f"no process of this user listens at {url}: start Splash on this machine")


Contender = Callable[[int], contextlib.AbstractContextManager[tuple[Load, int]]]


def splash(url: str, path: str, arguments: dict[str, Any]) -> Contender:
    pid = listener(url)
    return lambda concurrency: contextlib.nullcontext((over_http(url, path, arguments, concurrency), pid))


def contenders(options: argparse.Namespace) -> dict[str, Contender]:
    """Return the contenders by name: always raw CDP and ours, the others if the options name them."""
    if options.script_cost:
        return {
            name: functools.partial(our_renderer, checkout=ROOT, path=path, arguments=arguments)
            for name, (path, arguments) in WAYS.items()
        }
    way: tuple[str, dict[str, Any]] = WAYS[OURS]
    if options.script:
        way = "execute", {"lua_source": TIGHT_SCRIPT}
    elif options.no_arguments:
        way = "render.html", {}
    found: dict[str, Contender] = {
        LIMIT: lambda slots: worker(sys.executable, "-m", "benchmarks.lean_cdp", str(slots)),
        OURS: lambda slots: our_renderer(slots, ROOT, *way),
    }
    if options.earlier:
        found[EARLIER] = lambda slots: our_renderer(slots, options.earlier, *way)
    if options.splash:
        found["Splash wait=0.5"] = splash(options.splash, "render.html", {"wait": 0.5})
        found["Splash tight"] = splash(options.splash, "execute", {"lua_source": TIGHT_SCRIPT})
    else:
        print("Splash is not measured: name one with --splash or TEST_SPLASH_URL")
    if options.playwright_python:
        python, chromium = options.playwright_python, find_chromium(None, os.environ)
        spider = str(Path(__file__).parent / "playwright_spider.py")
        found[PLAYWRIGHT] = lambda slots: worker(python, spider, str(slots), chromium)
    else:
        print("scrapy-playwright is not measured: name a Python that has it with --playwright-python")
    only = re.compile(options.only)
    return {name: contender for name, contender in found.items() if only.search(name)}


def checkout(name: str) -> Path:
    """Return the folder of this name; it must have a renderer."""
    folder = Path(name).resolve()
    if not (folder / "renderer" / "__main__.py").is_file():
        raise argparse.ArgumentTypeError(f"{name} is no checkout of this project: it has no renderer")
    return folder


def warm_up(load: Load, site: str, kind: str, concurrency: int) -> float:
    """Load the first pages; return the pages per second."""
    pages = WARM_UP_PAGES * concurrency
    began = time.perf_counter()
    load([f"{site}/{kind}?warm{n}" for n in range(pages)])
    return pages / (time.perf_counter() - began)


def urls_of(site: str, kind: str, pages: int) -> list[str]:
    return [f"{site}/{kind}?{n}" for n in range(pages)]


def measure(load: Load, pid: int, urls: Sequence[str]) -> Measured:
    with Usage(pid) as usage:
        began = time.perf_counter()
        good = load(urls)
        seconds = time.perf_counter() - began
    return Measured(
        pages_per_second=len(urls) / seconds,
        cpu_ms=1000 * usage.cpu_seconds / len(urls),
        bad=len(urls) - good,
    )


def peak_mb(load: Load, pid: int, urls: Sequence[str]) -> float:
    with Usage(pid, memory=True) as usage:
        load(urls)
    return usage.peak_mb


Rounds = dict[str, list[Measured]]


def measure_all(
    runners: dict[str, Contender],
    concurrency: int,
    site: str,
    kinds: Sequence[str],
    seconds: float,
    rounds: int,
) -> Iterator[tuple[str, Rounds, dict[str, float]]]:
    """Yield each kind of page with the rounds and the peak memory (MB) of every contender."""
    with contextlib.ExitStack() as stack:
        running = {name: stack.enter_context(contender(concurrency)) for name, contender in runners.items()}
        for kind in kinds:
            urls = {
                # The same number for each client: otherwise some clients would wait at the end.
                name: urls_of(site, kind, concurrency * max(1, round(seconds / concurrency * speed)))
                for name, speed in (
                    (n, warm_up(load, site, kind, concurrency)) for n, (load, _) in running.items()
                )
            }
            results: Rounds = {name: [] for name in running}
            for _ in range(rounds):
                for name in random.sample(list(running), len(running)):
                    load, pid = running[name]
                    results[name].append(measure(load, pid, urls[name]))
            yield kind, results, {name: peak_mb(*running[name], urls[name]) for name in running}


def report(
    concurrency: int, kind: str, results: Rounds, peaks: dict[str, float], *, theirs_by_ours: bool = False
) -> None:
    """Print one line for each contender: its figures, and our figures divided by them, or the other way round."""
    mine = results.get(OURS)
    head = "theirs" if theirs_by_ours else "ours"
    print(
        f"\n{kind}, concurrency {concurrency:<12} pages/s   CPU ms   peak MB   {head}: speed    CPU (middle half)"
    )
    for name, rounds in results.items():
        speed, cpu = median(r.pages_per_second for r in rounds), median(r.cpu_ms for r in rounds)
        line = f"  {name:<26} {speed:9.1f} {cpu:8.1f} {peaks[name]:9.0f}"
        if mine is not None and name != OURS:
            pairs = [(r, m) if theirs_by_ours else (m, r) for m, r in zip(mine, rounds, strict=True)]
            speed = median(one.pages_per_second / other.pages_per_second for one, other in pairs)
            ratios = [one.cpu_ms / other.cpu_ms for one, other in pairs]
            low, middle, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
            line += f"   {speed:10.3f}x {middle:6.3f}x ({low:.3f}-{high:.3f})"
        bad = sum(r.bad for r in rounds)
        print(line + (f"   {bad} bad pages" if bad else ""), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=2,
        help="seconds that a contender's turn in a round takes, about (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: %(default)s)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--concurrency", nargs="+", type=int, default=[1, 4, 8])
    parser.add_argument("--quick", action="store_true", help="concurrency 4 and one round")
    parser.add_argument(
        "--only", default="", metavar="REGEX", help="measure only contenders whose name matches"
    )
    parser.add_argument(
        "--earlier", type=checkout, metavar="FOLDER", help="measure the renderer of this checkout too"
    )
    parser.add_argument(
        "--script", action="store_true", help="ours and the earlier renderer load pages by a Lua script"
    )
    parser.add_argument(
        "--no-arguments",
        action="store_true",
        help="ours and the earlier renderer load pages by render.html with nothing but their URL",
    )
    parser.add_argument(
        "--script-cost",
        action="store_true",
        help="measure only ours: scripts beside render.html with wait_for",
    )
    parser.add_argument("--splash", default=os.environ.get("TEST_SPLASH_URL"), metavar="URL")
    parser.add_argument("--playwright-python", metavar="PROGRAM")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.concurrency = 1, [4]
    runners = contenders(options)
    with started(sys.executable, "-m", "benchmarks.render_site") as process:
        assert process.stdout is not None
        site = f"http://127.0.0.1:{int(process.stdout.readline())}"
        for concurrency in options.concurrency:
            for kind, results, peaks in measure_all(
                runners, concurrency, site, options.kinds, options.seconds, options.rounds
            ):
                report(concurrency, kind, results, peaks, theirs_by_ours=options.script_cost)


if __name__ == "__main__":
    main()
