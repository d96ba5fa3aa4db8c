"""A thin client of the Chrome DevTools Protocol over Chromium's debugging pipe: JSON messages that end with a NUL."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable
from typing import Any

import orjson

log = logging.getLogger(__name__)

Params = dict[str, Any]
Handler = Callable[[Params], None]

# A message of Chromium's larger than this is no page that anybody wants; it would only eat our memory.
MAX_MESSAGE = 256 * 1024 * 1024
# What a pipe holds. For a larger buffer Python would have to ask the system for memory, each time.
READ_SIZE = 64 * 1024


class CommandFailed(Exception):
    """Chromium refused a command; it and the tab are otherwise well."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(method, message)
        self.method, self.message = method, message


class TargetGone(Exception):
    """The tab crashed or was closed; another tab may do."""


class ChromiumGone(TargetGone):
    """The whole browser went away; only a new one helps."""


class Session:
    """One target's side of the connection. The session without an id is the browser itself."""

    def __init__(self, connection: Connection, session_id: str = "") -> None:
        self.session_id = session_id
        self._connection = connection
        self._pending: dict[int, tuple[str, asyncio.Future[Params]]] = {}
        self._handlers: dict[str, Handler] = {}
        self._gone: TargetGone | None = None

    @property
    def is_gone(self) -> bool:
        return self._gone is not None

    def on(self, event: str, handler: Handler | None) -> None:
        """Call this for each such event; an event has one handler at most."""
        if handler is None:
            self._handlers.pop(event, None)
        else:
            self._handlers[event] = handler

    def send(self, method: str, params: Params | None = None) -> asyncio.Future[Params]:
        """Send a command now; its answer may be awaited, or not."""
        future: asyncio.Future[Params] = asyncio.get_running_loop().create_future()
        if self._gone is not None:
            _fail(future, self._gone)
            return future
        number = self._connection.write(method, params or {}, self.session_id)
        self._pending[number] = (method, future)
        return future

    async def call(self, method: str, params: Params | None = None) -> Params:
        return await self.send(method, params)

    def receive(self, message: Params) -> None:
        if "id" not in message:
            handler = self._handlers.get(message["method"])
            if handler is not None:
                handler(message["params"])
            return
        method, future = self._pending.pop(message["id"], ("", None))
        if future is None or future.done():
            return
        if "error" in message:
            _fail(future, CommandFailed(method, str(message["error"].get("message"))))
        else:
            future.set_result(message["result"])

    def lose(self, reason: TargetGone) -> None:
        """Fail everything that still waits for an answer of this target."""
        if self._gone is not None:
            return
        self._gone = reason
        pending, self._pending = self._pending, {}
        for _, future in pending.values():
            if not future.done():
                _fail(future, reason)
        handler = self._handlers.get("gone")
        if handler is not None:
            handler({})


def _encode(message: Params) -> bytes:
    try:
        return orjson.dumps(message)
    except TypeError:  # half a character, which a text of JavaScript or Lua may well contain
        return json.dumps(message).encode("ascii")


def _decode(data: bytearray) -> Params:
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        message = json.loads(data.decode("utf-8", "replace"))
    assert isinstance(message, dict)
    return message


async def answers(*sent: asyncio.Future[Params]) -> list[Params]:
    """What commands that have been sent are answered, in their order; raises what the last failed one raises.

    Chromium answers most of the time in the order in which it is asked. Whoever waits for the last answer first has the
    others by then, and is not woken up for each.
    """
    return [await future for future in reversed(sent)][::-1]


def _fail(future: asyncio.Future[Params], reason: Exception) -> None:
    future.set_exception(reason)
    # Looked at: whoever does not await the answer does not want to hear of its failure either.
    future.exception()


class Connection:
    """Both ends of the pipe. Closing it makes Chromium exit."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self._loop = asyncio.get_running_loop()
        self._last_id = 0
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._flushing = self._is_full = False
        self._open = True
        self._sessions: dict[str, Session] = {}
        self.product = ""  # name and version of the Chromium at the other end, as NAME/VERSION
        self.browser = self.session("")
        self.browser.on("Target.detachedFromTarget", lambda event: self.drop(event["sessionId"]))
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)
        self._loop.add_reader(reads, self._read)

    def session(self, session_id: str) -> Session:
        return self._sessions.setdefault(session_id, Session(self, session_id))

    def drop(self, session_id: str) -> None:
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.lose(TargetGone("the tab was closed"))

    def write(self, method: str, params: Params, session_id: str) -> int:
        self._last_id += 1
        message: Params = {"id": self._last_id, "method": method, "params": params}
        if session_id:
            message["sessionId"] = session_id
        self._outgoing += _encode(message)
        self._outgoing.append(0)
        if not self._flushing:
            # Commands that are sent together go together: to wake Chromium up costs more than most of them.
            self._flushing = True
            self._loop.call_soon(self._flush)
        return self._last_id

    def _flush(self) -> None:
        self._flushing = False
        if not self._open:
            return
        try:
            sent = os.write(self._writes, self._outgoing)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.close()
            return
        del self._outgoing[:sent]
        if bool(self._outgoing) == self._is_full:
            return
        self._is_full = bool(self._outgoing)
        if self._is_full:
            self._loop.add_writer(self._writes, self._flush)
        else:
            self._loop.remove_writer(self._writes)

    def _read(self) -> None:
        try:
            data = os.read(self._reads, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        end = data.rfind(b"\0")
        if end < 0:
            self._incoming += data
            if len(self._incoming) > MAX_MESSAGE:
                log.error("Chromium sent a message above %d bytes", MAX_MESSAGE)
                self.close()
            return
        messages, self._incoming = self._incoming + data[:end], bytearray(data[end + 1 :])
        for message in messages.split(b"\0"):
            self._deliver(message)

    def _deliver(self, data: bytearray) -> None:
        message = _decode(data)
        session = self._sessions.get(message.get("sessionId", ""))
        if session is None:
            return
        try:
            session.receive(message)
        except Exception:
            log.exception("a handler of %s failed", message.get("method"))

    def close(self) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._reads)
        self._loop.remove_writer(self._writes)
        for descriptor in (self._reads, self._writes):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        for session in list(self._sessions.values()):
            session.lose(ChromiumGone("Chromium went away"))
