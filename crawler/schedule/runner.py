"""Runner: cron for a container. It starts each spider at its time, logs its exit code, and ends its crawls."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from tzlocal import get_localzone

from crawler.run.verdict import ALREADY_RUNNING, WORDS
from crawler.schedule.expression import CronExpression

logger = logging.getLogger("splashdown.schedule")

LONGEST_SLEEP = 30.0  # seconds; someone may set the clock, and the machine may sleep


def local_now() -> datetime:
    return datetime.now(get_localzone())


class Runner:
    """Starts crawls until SIGTERM or SIGINT; then it sends SIGTERM to its crawls and waits for them.

    A spider never has two crawls with the same arguments at a time: a time that comes while its last crawl still runs
    is left out.

    Args:
        schedules: the schedule of each spider that has one; ``plan`` changes them.
        command: returns the command of a spider's crawl.
        cwd: the working directory of the crawls.
        spiders: the spiders that may get a schedule later.
        interrupted: the spiders that start at once, since they have an unfinished run.
        lease: seconds in which a crawl that has died may still look alive.
        now: the clock.
    """

    def __init__(
        self,
        schedules: Mapping[str, CronExpression],
        command: Callable[[str], Sequence[str]],
        *,
        cwd: Path,
        spiders: Collection[str] = (),
        interrupted: Collection[str] = (),
        lease: float = 30.0,
        now: Callable[[], datetime] = local_now,
    ) -> None:
        self.spiders = dict.fromkeys([*schedules, *spiders])
        self.command = command
        self.cwd = cwd
        self.interrupted = interrupted
        self.lease = lease
        self.now = now
        self.stopping = asyncio.Event()
        self.children: dict[tuple[str, str], asyncio.subprocess.Process | None] = {}
        self.next_times: dict[str, datetime | None] = dict.fromkeys(self.spiders)
        self._plans: dict[str, CronExpression | None] = {name: schedules.get(name) for name in self.spiders}
        self._changed = {name: asyncio.Event() for name in self.spiders}

    @property
    def planned(self) -> list[str]:
        """The spiders that have a schedule now."""
        return [name for name, expression in self._plans.items() if expression is not None]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        async with asyncio.TaskGroup() as group:
            for name in self.spiders:
                group.create_task(self._run_spider(name))

    def stop(self) -> None:
        """Start no more crawls and send SIGTERM to the running ones; a second SIGTERM ends a crawl at once."""
        waiting_for = ", ".join(sorted(map(named, self.children))) or "nothing"
        logger.info("the schedule stops; it waits for %s", waiting_for)
        self.stopping.set()
        for event in self._changed.values():
            event.set()
        for child in self.children.values():
            if child is not None:
                child.terminate()

    def plan(self, name: str, expression: CronExpression | None) -> None:
        """Set the schedule of a spider from now on; None: it has none. A crawl that runs is not ended."""
        if self._plans[name] != expression:
            self._plans[name] = expression
            self._changed[name].set()

    async def _run_spider(self, name: str) -> None:
        if name in self.interrupted:
            logger.info("%s was interrupted and is resumed", name)
            code = await self.crawl(name, self.command(name))
            # A process that died on another host or in another container owns the run until its lease is over.
            if code == ALREADY_RUNNING and not await self.stops_within(self.lease + 1):
                await self.crawl(name, self.command(name))
        while not self.stopping.is_set():
            self._changed[name].clear()
            expression = self._plans[name]
            if expression is None:
                if self.next_times[name] is not None:
                    logger.info("%s has no schedule any more", name)
                    self.next_times[name] = None
                await self._changed[name].wait()
                continue
            due = expression.after(self.now())
            logger.info("%s runs at %s, next at %s", name, expression, shown(due))
            await self._follow(name, expression, due)

    async def _follow(self, name: str, expression: CronExpression, due: datetime) -> None:
        """Crawl at the times of the expression, until it is changed or the runner stops."""
        while True:
            self.next_times[name] = due
            if not await self._comes(name, due):
                return
            code = await self.crawl(name, self.command(name))
            now = self.now()
            if code is None or expression.after(due) <= now:
                logger.warning("%s still ran at its next time, which is left out", name)
            due = expression.after(now)
            if not self.stopping.is_set():
                logger.info("%s runs next at %s", name, shown(due))

    async def crawl(
        self,
        name: str,
        command: Sequence[str],
        *,
        arguments: Mapping[str, str] | None = None,
        stderr: IO[bytes] | None = None,
        beside: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> int | None:
        """Run a crawl and return its exit code; if a signal ended it, 128 and the signal's number, as a shell does.

        Returns None, and starts nothing, if the spider crawls with these arguments now.

        Args:
            stderr: where the crawl writes; None: where this process writes.
            beside: runs until the crawl has ended, and is cancelled then.
        """
        if self.stopping.is_set():
            return 0
        key = name, " ".join(f"{one}={value}" for one, value in sorted((arguments or {}).items()))
        if key in self.children:
            return None
        self.children[key] = None
        started = time.monotonic()
        copying: asyncio.Task[None] | None = None
        try:
            # In a session of its own: Ctrl-C reaches only this process, which passes it on once.
            child = await asyncio.create_subprocess_exec(
                *command,
                cwd=self.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
            self.children[key] = child
            logger.info("%s begins, process %d", named(key), child.pid)
            if self.stopping.is_set():
                child.terminate()
            if beside is not None:
                copying = asyncio.create_task(beside())
            code = await child.wait()
        finally:
            del self.children[key]
            if copying is not None:
                copying.cancel()
                await asyncio.wait([copying])
        code = 128 - code if code < 0 else code
        logger.log(
            logging.WARNING if code else logging.INFO,
            "%s ended with exit code %d (%s) after %.0f s",
            named(key),
            code,
            WORDS.get(code, "ended by something else"),
            time.monotonic() - started,
        )
        return code

    async def _comes(self, name: str, due: datetime) -> bool:
        """Wait until ``due``; return False if the schedule of the spider changes before, or the runner stops."""
        while (seconds := (due - self.now()).total_seconds()) > 0:
            if await within(self._changed[name], min(seconds, LONGEST_SLEEP)):
                return False
        return not self.stopping.is_set() and not self._changed[name].is_set()

    async def stops_within(self, seconds: float) -> bool:
        """Wait so many seconds; return True at once if the runner stops."""
        return await within(self.stopping, seconds)


async def within(event: asyncio.Event, seconds: float) -> bool:
    """Return whether the event is set within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def named(key: tuple[str, str]) -> str:
    """Return the spider and its arguments for a line of the log."""
    return " ".join(filter(None, key))


def shown(due: datetime) -> str:
    return f"{due:%F %H:%M %Z}".rstrip()
