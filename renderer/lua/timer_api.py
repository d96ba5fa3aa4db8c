"""Several coroutines of one script: main, the callbacks of call_later, and with_timeout."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from lupa.lua52 import lua_type

from renderer.errors import ScriptError
from renderer.lua.conversion import Timer
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime, Stopped


class _Callback:
    """One callback of call_later: waiting, running or over."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.has_started = False
        self.error: ScriptError | None = None


class TimerApi:
    """Owns every task of the script except main; ends them all with it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._callbacks: list[_Callback] = []
        self._stopped: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def add_to(self, runtime: Runtime) -> None:
        commands: dict[str, Callable[..., Any]] = {
            "call_later": self.call_later,
            "with_timeout": self.with_timeout,
            "stop": self.stop,
        }
        for name, function in commands.items():
            runtime.add(Command(name, function))
            runtime.host[b"add_method"](name.encode())
        runtime.add(Command("timer.cancel", self.cancel))
        runtime.add(Command("timer.is_pending", self.is_pending))
        runtime.add(Command("timer.reraise", self.reraise))

    async def run_main(self, main: Any) -> list[Any]:
        """Run main to its end, or until some callback stops the script."""
        running: asyncio.Future[Any] = asyncio.ensure_future(self._runtime.run(main))
        try:
            await asyncio.wait({running, self._stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                raise Stopped
            values: list[Any] = running.result()
            return values
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def end(self) -> None:
        tasks = [callback.task for callback in self._callbacks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- commands

    def stop(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)
        raise Stopped

    def call_later(self, callback: Any = None, delay: Any = 0) -> Timer:
        seconds = _seconds(delay, "delay", "splash:call_later delay")
        if lua_type(callback) != "function":
            raise LuaFailure("splash:call_later callback is not a function", argument="callback")
        number = len(self._callbacks)
        task = asyncio.create_task(self._run_later(number, callback, seconds))
        self._callbacks.append(_Callback(task))
        return Timer(number)

    async def _run_later(self, number: int, callback: Any, seconds: float) -> None:
        await asyncio.sleep(seconds)
        entry = self._callbacks[number]
        entry.has_started = True
        try:
            await self._runtime.run(callback)
        except Stopped:
            pass
        except ScriptError as error:
            entry.error = error

    def cancel(self, timer: int) -> None:
        entry = self._callbacks[timer]
        if not entry.has_started:
            entry.task.cancel()

    def is_pending(self, timer: int) -> bool:
        entry = self._callbacks[timer]
        return not (entry.has_started or entry.task.done() or entry.task.cancelling())

    def reraise(self, timer: int) -> None:
        error = self._callbacks[timer].error
        if error is not None:
            info = dict(error.info)
            message = info.pop("error", None) or info.pop("message", "error")
            info.pop("message", None)
            raise LuaFailure(str(message), **{**info, "timer_method": "reraise", "splash_method": None})

    async def with_timeout(self, func: Any = None, timeout: Any = None) -> Results:  # noqa: ASYNC109 (Splash's name)
        seconds = _seconds(timeout, "timeout", "splash:with_timeout timeout")
        if lua_type(func) != "function":
            raise LuaFailure("splash:with_timeout func is not a function", argument="func")
        try:
            async with asyncio.timeout(seconds):
                values = await self._runtime.run(func)
        except TimeoutError:
            return Results((None, "timeout_over"))
        except ScriptError as error:
            return Results((None, str(error.info.get("error", error.info.get("message")))))
        # As they are: the values may be functions, or tables that the script goes on using.
        return Results((True, *(self._runtime.converter.to_python(value) for value in values)))


def _seconds(value: Any, argument: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LuaFailure(f"{what} must be a number", argument=argument)
    if value < 0:
        raise LuaFailure(f"{what} must be >= 0", argument=argument)
    return float(value)
