"""Builders for tests of the processes of scripts: a pool, scripts without a browser, and cancelled tasks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from typing import Any

import psutil

from renderer.lua.fork_server_client import LuaPolicy
from renderer.lua.lua_command import Command
from renderer.lua.process_pool import ProcessPool
from renderer.lua.runtime import Runtime

WAIT_TIMEOUT = 10.0  # seconds
MAX_WAITS = 200  # of a task


class Cancelled:
    """Awaits a coroutine and cancels its task at the waits with these numbers; the second is often a cleanup's."""

    def __init__(self, work: Coroutine[Any, Any, object], numbers: tuple[int, ...]) -> None:
        self.work, self.numbers = work, numbers
        self.waits = 0

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self.work.__await__()
        thrown: BaseException | None = None
        while True:
            try:
                future = steps.send(None) if thrown is None else steps.throw(thrown)
            except StopIteration:
                return
            thrown = None
            self.waits += 1
            if self.waits in self.numbers:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield future
            except BaseException as error:
                thrown = error


async def _await(cancelled: Cancelled) -> None:
    await cancelled


async def cancel_at_each_wait(
    make: Callable[[], Coroutine[Any, Any, object]], settled: Callable[[], Coroutine[Any, Any, None]]
) -> int:
    """Cancel a task at its first wait, another one at its second, and so on; return the number of waits.

    Repeat this with one and two further cancellations while the task cleans up. Await ``settled`` after each task.
    """
    for again in ((), (1,), (1, 2)):
        for number in range(1, MAX_WAITS):
            cancelled = Cancelled(make(), (number, *(number + more for more in again)))
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait_for(asyncio.ensure_future(_await(cancelled)), WAIT_TIMEOUT)
            await settled()
            if cancelled.waits < number:
                break
        else:
            raise AssertionError("the task never ends")
    return number


async def wait_until(condition: Callable[[], object], wanted: object = True) -> None:
    """Wait until the condition returns this value; fail with its last value after ``WAIT_TIMEOUT`` seconds."""
    found = None
    try:
        async with asyncio.timeout(WAIT_TIMEOUT):
            while (found := condition()) != wanted:  # noqa: ASYNC110 - processes have no event for it
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"{found!r}, not {wanted!r}") from None


def is_running(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def wait_for_end(pid: int) -> None:
    """Wait until the process has ended."""
    await wait_until(lambda: is_running(pid), False)


def children(pool: ProcessPool) -> list[psutil.Process]:
    """Return the processes of scripts."""
    assert pool.pid is not None
    return psutil.Process(pool.pid).children()


@asynccontextmanager
async def started_pool(policy: LuaPolicy | None = None) -> AsyncIterator[ProcessPool]:
    """Yield a pool that is started, and end it."""
    pool = ProcessPool(policy or LuaPolicy())
    await pool.start()
    try:
        yield pool
    finally:
        pool.end()


def run_with_pool(
    test: Callable[[ProcessPool], Coroutine[Any, Any, None]], policy: LuaPolicy | None = None
) -> None:
    """Run an asynchronous test with a pool of its own."""

    async def start() -> None:
        async with started_pool(policy) as pool:
            await test(pool)

    asyncio.run(start())


async def run_script(pool: ProcessPool, source: str, *commands: Callable[..., Any]) -> Any:
    """Run a script with these commands and without a browser; return the kind and the content of its body."""
    async with pool.process() as process:
        runtime = Runtime(process, pool)
        try:
            for command in commands:
                runtime.add(Command(command.__name__, command))
                runtime.host.call(b"add_method", command.__name__.encode())
            return await runtime.run_main(source, {})
        finally:
            runtime.end()


async def runs_scripts(pool: ProcessPool) -> bool:
    """Return whether the pool still runs scripts."""
    _, content = await run_script(pool, "function main() return 'fine' end")
    return bool(content == [b"fine"])
