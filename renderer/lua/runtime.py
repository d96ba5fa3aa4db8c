"""The server's side of a script: its Lua runs in another process, and the runtime carries out its commands."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.errors import InternalError, ScriptError, describe_reason
from renderer.lua.codec import Codec
from renderer.lua.fork_server_client import LuaPolicy
from renderer.lua.lua_command import Command, LuaFailure, Results, as_number, text_argument
from renderer.lua.lua_values import Function, NotConvertible
from renderer.lua.process.messages import NextCommand, Reply, Request, Wanted
from renderer.lua.process_pool import ProcessPool
from renderer.lua.script_process import ScriptProcess

log = logging.getLogger(__name__)

# Commands that may take long. During WAITING ones the page may navigate.
WAITING = frozenset({"wait", "wait_for", "scroll_to_end", "wait_for_resume", "http_get", "http_post"})
SLOW = WAITING | {"go", "set_content", "with_timeout", "autoload"}
# So many failures are remembered, because a script may catch one and throw it again.
MAX_FAILURES = 100
_POSITION = re.compile(r'^(\[string ".*?"\]):(\d+):\s+(.*)$', re.DOTALL)


class Host:
    """Records the API of a script as calls of functions of splash.lua: ``call(b"add_method", b"go")`` adds ``go``."""

    def __init__(self) -> None:
        self.api: list[tuple[bytes, ...]] = []

    def call(self, *definition: bytes) -> None:
        """Record a call of a function of splash.lua: its name and its arguments, which are names, too."""
        self.api.append(definition)


class Runtime:
    """Runs one script. Its coroutines take turns; none of them runs between two commands of another.

    A task that is cancelled while Lua runs ends at once. The process may still work, without effect, until the pool
    kills it.
    """

    def __init__(self, process: ScriptProcess, pool: ProcessPool) -> None:
        self._process, self._pool = process, pool
        self._codec = Codec()
        self.host = Host()
        self.commands: dict[str, Command] = {}
        self._failures: deque[LuaFailure] = deque(maxlen=MAX_FAILURES)
        # A context that is entered while the script waits.
        self.waiting: Callable[[], AbstractContextManager[None]] = nullcontext
        # Called before and after each command, with its name; before it, also with its first argument.
        self.before: Callable[[str, Any], Awaitable[None]] = _nothing
        self.after: Callable[[str], None] = lambda _: None
        # Called after a command that succeeded, with its name: a command that may come next, and its result.
        self.following: Callable[[str], NextCommand | None] = lambda _: None

    def end(self) -> None:
        """Release the script's objects; the runtime cannot run anything after that."""
        # Reference cycles would keep them until the next garbage collection.
        self.commands.clear()
        self._failures.clear()
        del self._codec, self.waiting, self.before, self.after, self.following

    def add(self, command: Command) -> None:
        """Let the script use the command."""
        self.commands[command.name] = command

    async def run_main(self, source: str, arguments: dict[str, Any]) -> tuple[int, list[Any]]:
        """Compile the script and run its main function to its end; return the answer's kind of body and its content.

        Raises:
            ScriptError: the script does not compile, has no main function, or failed.
            NotConvertible: the result of main cannot be an answer.
        """
        api_version = self._pool.define_api(self.host.api)
        api = None if self._process.api_version == api_version else self.host.api
        code = source.encode("utf-8", "surrogateescape")
        reply = await self._ask(Request.START, code, arguments, api)
        if reply[0] == Reply.REFUSED:
            raise script_error(reply[1], _readable(reply[2]))
        try:
            kind, content = await self._finish(reply, None)
        except (ScriptError, NotConvertible):
            self._process.is_finished = True
            raise
        self._process.is_finished = True
        return kind, content

    async def call(self, function: Function, *arguments: Any) -> list[Any]:
        """Run a Lua function as a coroutine to its end; return its results."""
        values: list[Any] = await self._run(function.number, Wanted.VALUES, arguments, None)
        return values

    async def run(
        self, function: Function, *arguments: Any, on_wait: Callable[[], None] | None = None
    ) -> None:
        """Run a Lua function as a coroutine to its end.

        The runtime calls ``on_wait`` before each command that may take long; a LuaFailure of it refuses the command.
        """
        await self._run(function.number, Wanted.NOTHING, arguments, on_wait)

    async def _run(
        self, function: int, wanted: Wanted, arguments: Sequence[Any], on_wait: Callable[[], None] | None
    ) -> Any:
        reply = await self._ask(Request.RUN, function, wanted, list(arguments))
        return await self._finish(reply, on_wait)

    async def _finish(self, reply: list[Any], on_wait: Callable[[], None] | None) -> Any:
        """Carry out the commands of a coroutine, from the reply with its first step to its end; return its results."""
        kind, *content = reply
        while True:
            following = None
            match kind:
                case Reply.COMMAND:
                    thread, name, values = content
                    ok, results = await self._answer(name, values, on_wait)
                    following = self.following(name) if ok else None
                case Reply.BAD_ARGUMENTS:
                    thread, name, problem = content
                    ok, results = await self._answer(name, NotConvertible(problem), on_wait)
                case Reply.BAD_RESULTS:
                    thread, problem = content
                    ok, results = self._failed(LuaFailure(problem, splash_method=_method(name)))
                case Reply.RETURNED:
                    return content[0]
                case Reply.BAD_RETURN:
                    raise NotConvertible(content[0])
                case _:
                    raise self._error_of(_readable(content[0]))
            try:
                kind, *content = await self._ask(Request.RESUME, thread, ok, results, following)
            except NotConvertible as error:
                ok, results = self._failed(LuaFailure(str(error), splash_method=_method(name)))
                kind, *content = await self._ask(Request.RESUME, thread, ok, results, None)

    async def _ask(self, request: Request, *content: Any) -> list[Any]:
        codec = self._codec
        message = codec.pack([request, codec.take_forgotten(), codec.wants_collection(), *content])
        reply = codec.unpack(await self._process.ask(message))
        kind, released, failures, *content_of_reply = reply
        codec.release(released)
        for name, text in failures:
            self._failures.append(LuaFailure(text, splash_method=_method(name)))
        if kind == Reply.BROKEN:
            log.error("the process of a script failed:\n%s", content_of_reply[0])
            raise InternalError("ScriptProcess")
        return [kind, *content_of_reply]

    async def _answer(
        self, name: str, arguments: list[Any] | NotConvertible, on_wait: Callable[[], None] | None
    ) -> tuple[bool, list[Any]]:
        command = self.commands[name]
        try:
            if on_wait is not None and name in SLOW:
                on_wait()
            if isinstance(arguments, NotConvertible):
                raise LuaFailure(str(arguments), splash_method=_method(name))
            await self.before(name, arguments[0] if arguments else None)
            with self.waiting() if name in WAITING else nullcontext():
                result = await command(arguments)
            self.after(name)
            return True, list(result) if isinstance(result, Results) else [result]
        except NotConvertible as error:
            return self._failed(LuaFailure(str(error), splash_method=_method(name)))
        except CommandFailed as error:
            text = f"Chromium refused {_method(name)}(): {error.message}"
            return self._failed(LuaFailure(text, splash_method=_method(name)))
        except LuaFailure as failure:
            return self._failed(failure)

    def _failed(self, failure: LuaFailure) -> tuple[bool, list[Any]]:
        self._failures.append(failure)
        return False, [failure.message]

    def _error_of(self, text: str) -> ScriptError:
        info = parse_position(text)
        # A script that caught the error of a command may throw it again, and then it has two positions.
        thrown_again = parse_position(info.get("error", ""))
        error = thrown_again.get("error", info.get("error", text))
        for failure in reversed(self._failures):
            if error == failure.message and failure.bare:
                return ScriptError(error)
            if error == failure.message:
                where = text.removesuffix(info["error"]) if info else ""
                if failure.info["type"] == "LUA_ERROR":
                    where = f"Lua error: {where}"
                return ScriptError(failure.info | info | {"error": error, "message": f"{where}{error}"})
        return script_error("LUA_ERROR", text)


async def _nothing(_: str, __: Any) -> None:
    pass


def _method(command: str) -> str:
    return command.rpartition(".")[2]


def _readable(text: str) -> str:
    """Return Lua's text as valid Unicode, whatever bytes it had."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def parse_position(text: str) -> dict[str, Any]:
    """Split ``[string "..."]:3: error`` into its parts; return an empty dict for a text of another form."""
    found = _POSITION.match(text)
    if found is None:
        return {}
    return {"source": found[1], "line_number": int(found[2]), "error": found[3]}


def script_error(kind: str, text: str) -> ScriptError:
    """Return the error of this kind in Splash's form."""
    if kind in ("MAIN_NOT_FOUND_ERROR", "BAD_MAIN_ERROR"):
        return ScriptError({"type": kind, "message": text})
    # As in Splash: only errors of a running script begin with "Lua error".
    message = text if kind == "LUA_INIT_ERROR" else f"Lua error: {text}"
    info = {"type": kind, "message": message} | parse_position(text)
    if words := describe_reason(info.get("error", "")):
        info["text"] = words  # the reason in words, because "network1" says little
    return ScriptError(info)


__all__ = [
    "Command",
    "Host",
    "LuaFailure",
    "LuaPolicy",
    "Results",
    "Runtime",
    "as_number",
    "parse_position",
    "script_error",
    "text_argument",
]
