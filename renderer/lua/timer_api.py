"""The commands call_later and with_timeout: they run more coroutines of the script beside main."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from renderer.chromium.cdp import TargetGone
from renderer.errors import ScriptError, SplashError
from renderer.lua.lua_values import Function, Timer
from renderer.lua.runtime import Command, LuaFailure, Results, Runtime

log = logging.getLogger(__name__)

# The most callbacks of one script, with those that have ended: the script's end cancels all of them.
MAX_CALLBACKS = 5000


class _Callback:
    """One callback of call_later: waiting, running or ended."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self.task = task
        self.has_started = False
        self.error: ScriptError | None = None


class TimerApi:
    """The commands of timers. It owns their tasks, and cancels them when the script ends."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._callbacks: list[_Callback] = []

    def add_to(self, runtime: Runtime) -> None:
        commands: dict[str, Callable[..., Any]] = {
            "call_later": self.call_later,
            "with_timeout": self.with_timeout,
        }
        for name, function in commands.items():
            runtime.add(Command(name, function))
            runtime.host.call(b"add_method", name.encode())
        runtime.add(Command("timer.cancel", self.cancel))
        runtime.add(Command("timer.is_pending", self.is_pending))
        runtime.add(Command("timer.reraise", self.reraise))

    def end(self) -> set[asyncio.Task[None]]:
        """Cancel the tasks that have not ended, and return them."""
        tasks = {callback.task for callback in self._callbacks if not callback.task.done()}
        for task in tasks:
            task.cancel()
        return tasks

    # -- commands

    def call_later(self, callback: Any = None, delay: Any = 0) -> Timer:
        seconds = _seconds(delay, "delay", "splash:call_later delay")
        if not isinstance(callback, Function):
            raise LuaFailure("splash:call_later callback is not a function", argument="callback")
        number = len(self._callbacks)
        if number >= MAX_CALLBACKS:
            raise LuaFailure(f"splash:call_later is limited to {MAX_CALLBACKS} callbacks")
        task = asyncio.create_task(self._run_later(number, callback, seconds))
        self._callbacks.append(_Callback(task))
        return Timer(number)

    async def _run_later(self, number: int, callback: Any, seconds: float) -> None:
        await asyncio.sleep(seconds)
        entry = self._callbacks[number]
        entry.has_started = True
        try:
            await self._runtime.run(callback)
        except TargetGone:
            pass  # main gets the same error
        except ScriptError as error:
            entry.error = error
        except SplashError as error:
            log.info("a callback of splash:call_later failed: %s", error.info)

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
        if not isinstance(func, Function):
            raise LuaFailure("splash:with_timeout func is not a function", argument="func")
        try:
            async with asyncio.timeout(seconds):
                values = await self._runtime.call(func)
        except TimeoutError:
            return Results((None, "timeout_over"))
        except ScriptError as error:
            return Results((None, str(error.info.get("error", error.info.get("message")))))
        return Results((True, *values))


def _seconds(value: Any, argument: str, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise LuaFailure(f"{what} must be a number", argument=argument)
    if value < 0:
        raise LuaFailure(f"{what} must be >= 0", argument=argument)
    return float(value)
