"""The interpreter: the Lua of one script. Its coroutines run to their next command, with limits of CPU and memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lupa.lua52 import LuaError, LuaMemoryError, LuaRuntime, lua_type

from renderer.lua.process.converter import Converter
from renderer.lua.process.library import Forward, LibraryError, body_of, library_of
from renderer.lua.process.messages import (
    OUT_OF_MEMORY,
    ApiDefinition,
    NotConvertible,
    Reply,
    Request,
    Wanted,
)

MAX_MEMORY = 100_000 * 1024
_LUA_OUT_OF_MEMORY = b"not enough memory"
_FOLDER = Path(__file__).parent.parent
# Lua's name of our two files in errors.
_CHUNK = b"<python>"
_COMPILE = b"local code, name = ... return string.dump(assert(load(code, name)))"


def _compiled(name: str) -> bytes:
    """Return a file as bytecode: each script has a new Lua, and to compile both files takes it half a millisecond."""
    lua = LuaRuntime(encoding=None)
    code: bytes = lua.execute(_COMPILE, (_FOLDER / name).read_bytes(), _CHUNK)
    return code


_SANDBOX, _SPLASH = _compiled("sandbox.lua"), _compiled("splash.lua")


def compile_api(api: ApiDefinition) -> bytes:
    """Return the definition of the commands as bytecode: each script has a new Lua, and needs a third of the time.

    The definition consists of calls of functions of splash.lua, whose arguments are names.
    """
    calls = [f"host.{name}({', '.join(map(_quoted, names))})" for name, *names in _texts(api)]
    code: bytes = LuaRuntime(encoding=None).execute(
        _COMPILE, ("local host = ...\n" + "\n".join(calls)).encode(), b"api"
    )
    return code


def _texts(api: ApiDefinition) -> list[list[str]]:
    return [[part.decode("ascii") for part in call] for call in api]


def _quoted(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"not the name of a command: {name!r}")
    return f'"{name}"'


class Interpreter:
    """Answers the server's requests. Call ``define_api`` first: it adds the commands."""

    def __init__(self, package_path: str, allowed_modules: Sequence[str], *, sandboxed: bool) -> None:
        self._lua = LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
            max_memory=MAX_MEMORY if sandboxed else None,
        )
        self._sandbox = self._lua.execute(_SANDBOX)
        self._host = self._lua.compile(_SPLASH)(self._sandbox)
        self._sandbox[b"set_modules"](package_path.encode(), ";".join(allowed_modules).encode())
        if not sandboxed:
            self._sandbox[b"open"]()
        self._resume, self._released = self._sandbox[b"resume"], self._host[b"released"]
        self.converter = Converter(self._lua, self._host)
        self._library = library_of(self.converter)
        self._wanted: dict[int, Wanted] = {}  # by thread
        self._failures: list[list[bytes]] = []  # of library functions, since the last reply
        self._out_of_memory = False

    def define_api(self, code: bytes) -> None:
        """Add commands for scripts, by the code of ``compile_api``."""
        self._lua.execute(code, self._host)

    def seed(self, number: int) -> None:
        """Seed the script's random numbers."""
        self._lua.globals()[b"math"][b"randomseed"](number)

    def answer(self, data: bytes) -> bytes:
        """Return the reply to a request of the server."""
        try:
            reply = self._answer(self.converter.unpack(data))
            packed = self._pack(reply)
        except NotConvertible as error:
            packed = self._pack([Reply.FAILED, str(error)])
        except MemoryError:
            self._out_of_memory = True
            packed = self._pack([Reply.FAILED, OUT_OF_MEMORY])
        return packed

    def _pack(self, reply: list[Any]) -> bytes:
        kind, *content = reply
        released = self._released()
        numbers = [] if released is None else list(released.values())
        packed = self.converter.pack([kind, numbers, self._failures, *content])
        self._failures = []
        return packed

    def _answer(self, request: list[Any]) -> list[Any]:
        operation, forgotten, collect, *content = request
        self.converter.forget(forgotten)
        if collect:
            self._lua.gccollect()
        if operation == Request.RESUME:
            thread, ok, results, following = content
            try:
                values = [self.converter.to_lua(result) for result in results]
            except NotConvertible as error:
                return [Reply.BAD_RESULTS, thread, str(error)]
            return self._resume_thread(thread, ok, *values, following=following)
        if operation == Request.RUN:
            return self._run(*content)
        return self._start(*content)

    # -- the script

    def _start(self, source: bytes, arguments: Any, api: ApiDefinition | None) -> list[Any]:
        """Compile the script, run its top level, and run its main function to its first command."""
        if api is not None:
            self.define_api(compile_api(api))
        try:
            loaded = self._sandbox[b"load"](source)
        except LuaError as error:
            return [Reply.REFUSED, "LUA_INIT_ERROR", _text(error)]
        if isinstance(loaded, tuple):
            return [Reply.REFUSED, "LUA_INIT_ERROR", _text(loaded[1])]
        status, ok, *rest = self._step(self._sandbox[b"start"](loaded))
        if status != b"dead":
            return [Reply.REFUSED, "LUA_INIT_ERROR", "commands can be used only inside of main"]
        if not ok:
            return [Reply.REFUSED, "LUA_INIT_ERROR", _text(rest[0] if rest else None)]
        main = self._sandbox[b"main"]()
        if main is None:
            return [Reply.REFUSED, "MAIN_NOT_FOUND_ERROR", "'main' function is not found"]
        if lua_type(main) != "function":
            return [Reply.REFUSED, "BAD_MAIN_ERROR", "'main' is not a function"]
        try:
            self._host[b"set_args"](self.converter.to_lua(arguments))
        except NotConvertible as error:
            return [Reply.REFUSED, "LUA_INIT_ERROR", str(error)]
        return self._run_function(self._host[b"script_main"](main), Wanted.ANSWER, [])

    def _run(self, function: int, wanted: int, arguments: list[Any]) -> list[Any]:
        return self._run_function(self.converter.function(function), Wanted(wanted), arguments)

    def _run_function(self, function: Any, wanted: Wanted, arguments: list[Any]) -> list[Any]:
        """Run a Lua function as a coroutine until it needs the server or ends; return the reply."""
        thread = self._sandbox[b"start"](function)
        self._wanted[thread] = wanted
        return self._resume_thread(thread, *(self.converter.to_lua(argument) for argument in arguments))

    def _resume_thread(self, thread: int, *values: Any, following: list[Any] | None = None) -> list[Any]:
        """Resume a coroutine until it needs the server or ends; return the reply.

        ``following`` is a ``NextCommand``: a command without arguments that may come next, and its result.
        """
        while True:
            status, ok, *rest = self._step(thread, *values)
            if status == b"dead":
                wanted = self._wanted.pop(thread, Wanted.NOTHING)
                return (
                    self._returned(wanted, rest) if ok else [Reply.FAILED, _text(rest[0] if rest else None)]
                )
            name, *arguments = rest
            if following is not None and name == following[0] and not arguments:
                values, following = (True, self.converter.to_lua(following[1])), None
                continue
            if name not in self._library:
                return self._command(thread, name, arguments)
            try:
                result = self._library[name](*arguments)
            except (LibraryError, NotConvertible) as error:
                message = str(error).encode("utf-8", "surrogatepass")
                self._failures.append([name, message])
                values = (False, message)
                continue
            if isinstance(result, Forward):
                return [Reply.COMMAND, thread, name, result.arguments]
            values = (True, result)

    def _step(self, thread: int, *values: Any) -> tuple[Any, ...]:
        # A coroutine that uses up all memory ends the script, even if another one could continue.
        if self._out_of_memory:
            return b"dead", False, OUT_OF_MEMORY.encode()
        try:
            status, ok, *rest = self._resume(thread, *values)
        except LuaMemoryError:
            status, ok, rest = b"dead", False, [_LUA_OUT_OF_MEMORY]
        except LuaError as error:
            status, ok, rest = b"dead", False, [_text(error)]
        if not ok and rest and rest[0] == _LUA_OUT_OF_MEMORY:
            self._out_of_memory = True
            rest = [OUT_OF_MEMORY.encode()]
        return status, ok, *rest

    def _command(self, thread: int, name: bytes, arguments: list[Any]) -> list[Any]:
        try:
            return [Reply.COMMAND, thread, name, self.converter.to_arguments(arguments)]
        except NotConvertible as error:
            return [Reply.BAD_ARGUMENTS, thread, name, str(error)]

    def _returned(self, wanted: Wanted, values: list[Any]) -> list[Any]:
        try:
            if wanted == Wanted.ANSWER:
                return [Reply.RETURNED, body_of(self.converter, values)]
            if wanted == Wanted.VALUES:
                return [Reply.RETURNED, self.converter.to_values(values)]
        except NotConvertible as error:
            return [Reply.BAD_RETURN, str(error)]
        return [Reply.RETURNED, None]


def _no_attributes(obj: Any, name: Any, is_setting: bool) -> Any:
    raise AttributeError("access denied")


def _text(thrown: Any) -> bytes:
    """Return a thrown value as the text of an error."""
    if isinstance(thrown, bytes):
        return thrown
    if isinstance(thrown, LuaMemoryError):
        return OUT_OF_MEMORY.encode()
    if isinstance(thrown, Exception):
        first = thrown.args[0] if thrown.args else ""
        text = first if isinstance(first, bytes) else str(first).encode("utf-8", "surrogatepass")
        return text.partition(b"\nstack traceback:")[0].removeprefix(b"error loading code: ")
    return b"nil" if thrown is None else f"(error object is a {lua_type(thrown) or 'number'} value)".encode()
