"""A Lua of its own for one script: coroutines that suspend on every command, within limits of CPU and memory."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lupa.lua52 import LuaError, LuaMemoryError, LuaRuntime, lua_type

from renderer.errors import ScriptError
from renderer.lua.conversion import Converter, NotConvertible

MAX_MEMORY = 100_000 * 1024
OUT_OF_MEMORY = "script uses too much memory"
# What takes its time, and of that what leaves the page to itself meanwhile.
SLOW = frozenset(
    {"go", "wait", "set_content", "wait_for_resume", "with_timeout", "http_get", "http_post", "autoload"}
)
WAITING = frozenset({"wait", "wait_for_resume", "http_get", "http_post"})
_HERE = Path(__file__).parent
_SANDBOX = (_HERE / "sandbox.lua").read_bytes()
_SPLASH = (_HERE / "splash.lua").read_bytes()
# Lua lets Python go on while it runs. More scripts than slots never run.
_WORKERS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="lua")
_POSITION = re.compile(r'^(\[string ".*?"\]):(\d+):\s+(.*)$', re.DOTALL)


class LuaFailure(Exception):
    """A command was used wrongly or failed; the script may catch it with pcall."""

    def __init__(self, message: str, **info: Any) -> None:
        super().__init__(message)
        self.message = message
        self.info = {"type": "SPLASH_LUA_ERROR", "message": message} | info


class Stopped(Exception):
    """The script asked to end by splash:stop()."""


@dataclass(frozen=True, kw_only=True)
class LuaPolicy:
    """What whoever runs the server lets scripts use."""

    package_path: str = ""  # as in Lua: /folder/?.lua;/another/?.lua
    allowed_modules: tuple[str, ...] = ()
    sandboxed: bool = True


class Command:
    """A Python function behind a Lua name; a lone table argument carries its arguments by name, as in Splash."""

    def __init__(
        self, name: str, function: Callable[..., Any], *, takes_table: bool = False, bound: int = 0
    ) -> None:
        self.name, self._function, self._takes_table = name, function, takes_table
        self._bound = bound  # so many first arguments say on which object the method is called
        self._parameters = [
            parameter
            for parameter in inspect.signature(function).parameters.values()
            if parameter.kind is not inspect.Parameter.VAR_POSITIONAL
        ]
        self._takes_rest = len(self._parameters) < len(inspect.signature(function).parameters)

    async def __call__(self, arguments: Sequence[Any]) -> Any:
        bound, positional, named = list(arguments[: self._bound]), list(arguments[self._bound :]), {}
        lone_table = len(positional) == 1 and isinstance(positional[0], dict)
        if lone_table and not self._takes_table and not self._takes_rest:
            table = positional[0]
            last = max((key for key in table if isinstance(key, int)), default=0)
            if last > len(self._parameters):
                raise LuaFailure(f"{self.name}() takes at most {len(self._parameters)} arguments")
            positional = [table.get(number) for number in range(1, last + 1)]
            named = {str(key): value for key, value in table.items() if not isinstance(key, int)}
        positional = bound + positional
        if not self._takes_rest:
            self._check(positional, named)
        try:
            result = self._function(*positional, **named)
            return await result if inspect.isawaitable(result) else result
        except LuaFailure as failure:
            failure.info.setdefault("splash_method", self.name.rpartition(".")[2])
            raise

    def _check(self, positional: Sequence[Any], named: Mapping[str, Any]) -> None:
        names = [parameter.name for parameter in self._parameters]
        method = self.name.rpartition(".")[2]
        for name in named:
            if name in names[: len(positional)]:
                raise LuaFailure(
                    f"{method}() got multiple values for argument '{name}'", splash_method=method
                )
            if name not in names:
                raise LuaFailure(f"{method}() got an unexpected argument '{name}'", splash_method=method)
        if len(positional) > len(names):
            raise LuaFailure(f"{method}() takes at most {len(names)} arguments", splash_method=method)
        missing = [
            parameter.name
            for parameter in self._parameters[len(positional) :]
            if parameter.default is inspect.Parameter.empty and parameter.name not in named
        ]
        if missing:
            arguments = "argument" if len(missing) == 1 else "arguments"
            raise LuaFailure(
                f"{method}() missing {len(missing)} required positional {arguments}: {', '.join(missing)}",
                splash_method=method,
                argument=missing[0],
            )


class Runtime:
    """Runs one script. Its coroutines take turns, on threads; none of them runs between two commands of another."""

    def __init__(self, policy: LuaPolicy) -> None:
        self._lua = LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
            max_memory=MAX_MEMORY if policy.sandboxed else None,
        )
        self._sandbox = self._lua.execute(_SANDBOX)
        self.host = self._lua.compile(_SPLASH)(self._sandbox)
        self._sandbox[b"set_modules"](policy.package_path.encode(), ";".join(policy.allowed_modules).encode())
        if not policy.sandboxed:
            self._sandbox[b"open"]()
        self.converter = Converter(self._lua, self.host)
        self.commands: dict[str, Command] = {}
        self._failures: list[LuaFailure] = []
        # Entered for as long as the script waits.
        self.waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        self._out_of_memory = False
        # Only one coroutine runs at a time, and nobody looks into Lua meanwhile.
        self._turn = asyncio.Lock()

    def end(self) -> None:
        """Give the script's memory back; nothing can be run after it."""
        # What is in a circle with it would keep it until Python next looks for circles, and each may have 100 MB.
        self.commands.clear()
        self._failures.clear()
        lua = self._lua
        del self._lua, self._sandbox, self.host, self.converter, self.waiting
        lua.gccollect()

    def add(self, command: Command) -> None:
        self.commands[command.name] = command

    async def load(self, source: str) -> Any:
        """Compile the script, run its outermost level and return its main function."""
        try:
            loaded = self._sandbox[b"load"](source.encode("utf-8", "surrogateescape"))
        except LuaError as error:
            raise script_error("LUA_INIT_ERROR", _text(error)) from error
        if isinstance(loaded, tuple):
            raise script_error("LUA_INIT_ERROR", _text(loaded[1]))
        status, ok, *rest = await self._step(self._sandbox[b"start"](loaded))
        if status != b"dead":
            raise script_error("LUA_INIT_ERROR", "commands can be used only inside of main")
        if not ok:
            raise script_error("LUA_INIT_ERROR", _text(rest[0] if rest else None))
        main = self._sandbox[b"main"]()
        if main is None:
            raise ScriptError({"type": "MAIN_NOT_FOUND_ERROR", "message": "'main' function is not found"})
        if lua_type(main) != "function":
            raise ScriptError({"type": "BAD_MAIN_ERROR", "message": "'main' is not a function"})
        return self.host[b"script_main"](main)

    async def run(
        self, function: Any, *arguments: Any, on_wait: Callable[[], None] | None = None
    ) -> list[Any]:
        """Run a Lua function as a coroutine to its end; returns its results as Lua has them.

        Before each command that takes its time ``on_wait`` is called, and may refuse by a LuaFailure.
        """
        async with self._turn:
            thread = self._sandbox[b"start"](function)
            values: Sequence[Any] = [self.converter.to_lua(argument) for argument in arguments]
        while True:
            status, ok, *rest = await self._step(thread, *values)
            if status == b"dead":
                if ok:
                    return rest
                raise self._error_of(rest[0] if rest else None)
            values = await self._answer(rest, on_wait)

    async def _step(self, thread: int, *values: Any) -> tuple[Any, ...]:
        """Run a coroutine up to its next command, on a thread: it may compute, and fill its memory, all the while."""
        async with self._turn:
            running = asyncio.get_running_loop().run_in_executor(_WORKERS, self._resume, thread, values)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                # Its own limits end it; nothing else may touch this Lua before that.
                await asyncio.wait({running})
                raise

    def _resume(self, thread: int, values: Sequence[Any]) -> tuple[Any, ...]:
        # One coroutine that eats all memory ends the script, even if another one would go on.
        if self._out_of_memory:
            return b"dead", False, OUT_OF_MEMORY.encode()
        try:
            status, ok, *rest = self._sandbox[b"resume"](thread, *values)
        except LuaMemoryError:
            status, ok, rest = b"dead", False, [b"not enough memory"]
        except LuaError as error:
            status, ok, rest = b"dead", False, [_text(error).encode()]
        if not ok and rest and rest[0] == b"not enough memory":
            self._out_of_memory = True
            rest = [OUT_OF_MEMORY.encode()]
        return status, ok, *rest

    async def _answer(self, request: Sequence[Any], on_wait: Callable[[], None] | None) -> list[Any]:
        name, *arguments = request
        command = self.commands[name.decode()]
        try:
            try:
                if on_wait is not None and command.name in SLOW:
                    on_wait()
                async with self._turn:
                    python = [self.converter.to_python(argument, functions=True) for argument in arguments]
                with self.waiting() if command.name in WAITING else nullcontext():
                    result = await command(python)
                results = result if isinstance(result, Results) else (result,)
                async with self._turn:
                    return [True, *(self.converter.to_lua(value) for value in results)]
            except NotConvertible as error:
                raise LuaFailure(str(error), splash_method=command.name.rpartition(".")[2]) from error
        except LuaFailure as failure:
            self._failures.append(failure)
            return [False, failure.message.encode("utf-8", "surrogateescape")]

    def _error_of(self, thrown: Any) -> ScriptError:
        text = _text(thrown)
        info = parse_position(text)
        # A script that caught the error of a command may throw it again, and then it has two positions.
        thrown_again = parse_position(info.get("error", ""))
        error = thrown_again.get("error", info.get("error", text))
        for failure in reversed(self._failures):
            if error == failure.message:
                where = text.removesuffix(info["error"]) if info else ""
                return ScriptError(failure.info | info | {"error": error, "message": f"{where}{error}"})
        return script_error("LUA_ERROR", text)


class Results(tuple[Any, ...]):
    """Several results of one command."""


def as_number(value: Any) -> float:
    """A number, or text that is one, as Lua itself takes it; ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _no_attributes(obj: Any, name: Any, is_setting: bool) -> Any:
    raise AttributeError("access denied")


def _text(thrown: Any) -> str:
    if isinstance(thrown, bytes):
        return thrown.decode("utf-8", "replace")
    if isinstance(thrown, LuaMemoryError):
        return OUT_OF_MEMORY
    if isinstance(thrown, Exception):
        first = thrown.args[0] if thrown.args else ""
        text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
        return text.partition("\nstack traceback:")[0].removeprefix("error loading code: ")
    return "nil" if thrown is None else f"(error object is a {lua_type(thrown) or 'number'} value)"


def parse_position(text: str) -> dict[str, Any]:
    """Take ``[string "..."]:3: what`` apart; empty if the text has another form."""
    found = _POSITION.match(text)
    if found is None:
        return {}
    return {"source": found[1], "line_number": int(found[2]), "error": found[3]}


def script_error(kind: str, text: str) -> ScriptError:
    # Splash has these words only for scripts that got as far as to run.
    message = text if kind == "LUA_INIT_ERROR" else f"Lua error: {text}"
    return ScriptError({"type": kind, "message": message} | parse_position(text))
