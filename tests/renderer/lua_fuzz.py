"""Send many hostile scripts to a renderer: it must answer or end each in time, and keep nothing of them.

    python -m tests.renderer.lua_fuzz --scripts 5000 --seed 1

Some clients disconnect before their answer. Meanwhile /_ping must answer. At the end the renderer must have the
processes and the memory of the beginning and free slots, and it must end on SIGTERM.

If other programs keep the machine busy, the measured times do not count the time in which the renderer and this program
were ready to run but had no processor.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from bisect import bisect
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import aiohttp
import psutil

from tests.renderer.hostile_lua import script

ROOT = Path(__file__).parent.parent.parent
FINE = "function main(splash) splash:set_content('<p>fine') return splash:html() end"
# 503: something else ended the script's process, for example the kernel for lack of memory.
EXPECTED = frozenset({200, 400, 503, 504})
PING_INTERVAL = 0.05
SETTLING_TIME = 20.0  # seconds in which the renderer closes and frees everything after the last answer
GROWTH = 60 * 1024 * 1024  # bytes that the renderer may have more after the last render


@dataclass(kw_only=True)
class Limits:
    """The renderer's limits in seconds."""

    timeout: float = 2.0
    late: float = 1.0  # an answer after its timeout
    ping: float = 1.0
    end: float = 5.0


@dataclass
class Findings:
    """The measured times, the statuses and the faults."""

    limits: Limits
    statuses: Counter[str] = field(default_factory=Counter)
    slowest: list[tuple[float, int]] = field(
        default_factory=list
    )  # seconds after the timeout, number of the script
    pings: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, number: int, status: str, late: float) -> None:
        """Add an answer; ``late`` is the time after the script's timeout in seconds."""
        self.statuses[status] += 1
        self.slowest = sorted([*self.slowest, (late, number)], reverse=True)[:5]
        if late > self.limits.late:
            self.faults.append(f"script {number} was answered {late:.2f} s after its timeout")


class Queue:
    """The time that the renderer and this program have waited for a processor (proc(5), schedstat)."""

    def __init__(self, pid: int) -> None:
        # A process's file is that of its first thread, which runs the event loop.
        self._files = [Path(f"/proc/{number}/schedstat") for number in (pid, os.getpid())]
        self._times: list[float] = []
        self._waited: list[float] = []

    def note(self) -> None:
        """Record the waited seconds up to now."""
        waited = sum(int(file.read_text().split()[1]) for file in self._files) / 1e9
        self._times.append(time.monotonic())
        self._waited.append(waited)

    async def watch(self) -> None:
        """Record them all the time."""
        while True:
            self.note()
            await asyncio.sleep(0.02)

    def between(self, begin: float, end: float) -> float:
        """Return the seconds waited from the last record before ``begin`` to ``end``, which is now."""
        self.note()
        first = max(bisect(self._times, begin) - 1, 0)
        return self._waited[-1] - self._waited[first]


class Renderer:
    """A renderer process, and the resources that it uses."""

    def __init__(self, slots: int) -> None:
        self._slots = slots

    async def __aenter__(self) -> Renderer:
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "renderer", "--port", "0", "--slots", str(self._slots)),
            *("--exit-with-stdin", "--verbosity", "0"),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = (await self.process.stdout.readline()).decode()
        assert line.startswith("listening on "), line
        self.url = line.split()[-1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    def family(self) -> list[psutil.Process]:
        """Return the processes that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def use(self) -> tuple[int, int]:
        """Return the number of its processes, and the memory in bytes of those that are not Chromium."""
        us = [psutil.Process(self.process.pid)]
        count = 1
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                count += 1
                us += [process] if process.name().startswith("lua") else []
        memory = 0
        for process in us:
            with contextlib.suppress(psutil.NoSuchProcess):
                memory += process.memory_full_info().uss
        return count, memory

    async def end(self) -> float:
        """End it by SIGTERM; return the seconds that this took, or infinity if it did not end."""
        family = self.family()
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), 30)
            _, alive = psutil.wait_procs(family, timeout=10)
            if not alive:
                return time.monotonic() - began
        return float("inf")


def case(seed: int, number: int, limits: Limits) -> tuple[str, float | None]:
    """Return a script, and the seconds after which its client disconnects, or None."""
    random = Random(f"{seed} {number}")
    patience = random.uniform(0, limits.timeout + 0.5) if random.random() < 0.25 else None
    return script(random), patience


async def send(
    session: aiohttp.ClientSession, url: str, source: str, seconds: float, patience: float | None
) -> str:
    """Send a script; return the status, or that the client disconnected."""
    limit = aiohttp.ClientTimeout(total=patience if patience is not None else 60)
    try:
        body = {"lua_source": source, "timeout": seconds}
        async with session.post(f"{url}/execute", json=body, timeout=limit) as answer:
            await answer.read()
            return str(answer.status)
    except TimeoutError:
        return "disconnected" if patience is not None else "no answer"
    except aiohttp.ClientError as error:
        return type(error).__name__


async def ping(session: aiohttp.ClientSession, url: str, findings: Findings, queue: Queue) -> None:
    """Send /_ping again and again, and record how long each answer took."""
    while True:
        queue.note()
        began = time.monotonic()
        with contextlib.suppress(TimeoutError, aiohttp.ClientError):
            async with session.get(f"{url}/_ping", timeout=aiohttp.ClientTimeout(total=30)) as answer:
                await answer.read()
        now = time.monotonic()
        findings.pings.append(now - began - queue.between(began, now))
        await asyncio.sleep(PING_INTERVAL)


async def all_slots(session: aiohttp.ClientSession, url: str, slots: int) -> list[str]:
    """Run a script in every slot at the same time; return the statuses."""
    return await asyncio.gather(*(send(session, url, FINE, 20, None) for _ in range(slots)))


async def settled(renderer: Renderer, start: tuple[int, int]) -> tuple[int, int]:
    """Wait until the renderer uses no more than at the start, or ``SETTLING_TIME`` is over; return what it uses."""
    deadline = time.monotonic() + SETTLING_TIME
    while True:
        now = renderer.use()
        if (now[0] <= start[0] and now[1] <= start[1] + GROWTH) or time.monotonic() > deadline:
            return now
        await asyncio.sleep(0.2)


async def fuzz(scripts: int, seed: int, slots: int, limits: Limits, *, progress: bool = False) -> Findings:
    """Send the scripts, one per slot at a time, and return the findings."""
    findings = Findings(limits)
    numbers = iter(range(scripts))
    connector = aiohttp.TCPConnector(limit=0)
    async with Renderer(slots) as renderer, aiohttp.ClientSession(connector=connector) as session:

        async def client() -> None:
            for number in numbers:
                source, patience = case(seed, number, limits)
                began = time.monotonic()
                status = await send(session, renderer.url, source, limits.timeout, patience)
                now, deadline = time.monotonic(), began + limits.timeout
                late = now - deadline
                if late > 0:
                    late -= queue.between(deadline, now)
                findings.add(number, status, late)
                if progress and number % 100 == 0:
                    sys.stderr.write(
                        f"{number} {dict(findings.statuses)} ping {max(findings.pings, default=0):.3f}\n"
                    )

        for _ in range(3):
            await all_slots(session, renderer.url, slots)
        start = await settled(renderer, (0, 0)) if scripts > 500 else renderer.use()
        queue = Queue(renderer.process.pid)
        watching = [
            asyncio.create_task(queue.watch()),
            asyncio.create_task(ping(session, renderer.url, findings, queue)),
        ]
        await asyncio.gather(*(client() for _ in range(slots)))
        for task in watching:
            task.cancel()
        last = await all_slots(session, renderer.url, slots)
        end = await settled(renderer, start)
        ended = await renderer.end()
    judge(findings, last, start, end, ended)
    return findings


def judge(
    findings: Findings, last: list[str], start: tuple[int, int], end: tuple[int, int], ended: float
) -> None:
    """Add the faults to the findings, and print a summary."""
    limits, faults = findings.limits, findings.faults
    for status, count in findings.statuses.items():
        if status != "disconnected" and (not status.isdigit() or int(status) not in EXPECTED):
            faults.append(f"{count} answers were {status}")
    slow = [seconds for seconds in findings.pings if seconds > limits.ping]
    if slow:
        faults.append(f"{len(slow)} of {len(findings.pings)} pings took too long, up to {max(slow):.2f} s")
    if set(last) != {"200"}:
        faults.append(f"afterwards, the answers to a script in every slot were {last}")
    if end[0] > start[0]:
        faults.append(f"{start[0]} processes became {end[0]}")
    if end[1] > start[1] + GROWTH:
        faults.append(f"{start[1] >> 20} MB became {end[1] >> 20}")
    if ended > limits.end:
        faults.append(f"the end took {ended:.1f} s")
    pings = sorted(findings.pings)
    sys.stdout.write(
        f"statuses {dict(findings.statuses)}\n"
        f"slowest answers, seconds after the timeout: "
        f"{', '.join(f'{late:.2f} (script {number})' for late, number in findings.slowest)}\n"
        f"{len(pings)} pings: median {pings[len(pings) // 2] * 1000:.0f} ms, slowest "
        f"{', '.join(f'{seconds:.3f}' for seconds in pings[-5:])} s\n"
        f"processes {start[0]} -> {end[0]}, memory without Chromium {start[1] >> 20} -> {end[1] >> 20} MB\n"
        f"ended after SIGTERM within {ended:.2f} s; load of the machine {os.getloadavg()[0]:.1f}\n"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Send hostile Lua scripts to a renderer.")
    parser.add_argument("--scripts", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 10**6)
    parser.add_argument(
        "--slots", type=int, default=8, help="slots, and scripts at a time (default %(default)s)"
    )
    parser.add_argument("--show", type=int, help="only print the script with this number")
    options = parser.parse_args()
    if options.show is not None:
        sys.stdout.write(f"{case(options.seed, options.show, Limits())[0]}\n")
        return 0
    sys.stdout.write(f"seed {options.seed}\n")
    findings = asyncio.run(fuzz(options.scripts, options.seed, options.slots, Limits(), progress=True))
    for fault in findings.faults:
        sys.stdout.write(f"FAULT: {fault}\n")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
