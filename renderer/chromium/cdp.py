"""A client of the Chrome DevTools Protocol over Chromium's debugging pipe: JSON messages that end with a NUL."""

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

# Bytes. No page needs a larger message of Chromium's, which would only use memory.
MAX_MESSAGE = 256 * 1024 * 1024
# Bytes: the capacity of a pipe. For a larger buffer, Python would request memory from the system at each read.
READ_SIZE = 64 * 1024


class CommandFailed(Exception):
    """Chromium refused a command; Chromium and the tab still work."""

    def __init__(self, method: str, message: str) -> None:
        super().__init__(method, message)
        self.method, self.message = method, message


class TargetGone(Exception):
    """The tab crashed or was closed; the caller may use another tab."""


class TabCrashed(TargetGone):
    """The process of the tab crashed, because of the page or because it had not enough memory."""


class ChromiumGone(TargetGone):
    """The Chromium process ended; the caller needs a new one."""


class Session:
    """The commands and events of one target. The session without an id belongs to the browser itself."""

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
        """Call the handler for each such event; an event has at most one handler. None removes the handler."""
        if handler is None:
            self._handlers.pop(event, None)
        else:
            self._handlers[event] = handler

    def send(self, method: str, params: Params | None = None) -> asyncio.Future[Params]:
        """Send a command; return its answer, which the caller may await or ignore."""
        future: asyncio.Future[Params] = self._connection.loop.create_future()
        if self._gone is not None:
            _fail(future, self._gone)
            return future
        number = self._connection.write(method, params or {}, self.session_id)
        self._pending[number] = (method, future)
        return future

    async def call(self, method: str, params: Params | None = None) -> Params:
        return await self.send(method, params)

    async def create(self, method: str, params: Params, dispose: Callable[[Params], object]) -> Params:
        """Send a command that creates something, and return its answer.

        If the caller is cancelled before the answer comes, ``dispose`` is called with the answer.
        """
        created = self.send(method, params)
        try:
            return await asyncio.shield(created)
        except asyncio.CancelledError:
            created.add_done_callback(lambda done: None if done.exception() else dispose(done.result()))
            raise

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
        """Raise this reason in every call that waits for an answer of this target."""
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


async def answers(*sent: asyncio.Future[Params]) -> list[Params]:
    """Return the answers of commands that were sent, in their order; raise the error of the last command that failed.

    Chromium answers mostly in the order of the commands. So this waits for the last answer first: the others are there
    then, and the task wakes up once and not for each answer.
    """
    return [await future for future in reversed(sent)][::-1]


def _fail(future: asyncio.Future[Params], reason: Exception) -> None:
    future.set_exception(reason)
    # This marks the error as retrieved: asyncio logs no error of an answer that the caller ignores.
    future.exception()


class Connection:
    """The connection to Chromium over a pair of pipes. Chromium exits when the connection closes."""

    def __init__(self, reads: int, writes: int) -> None:
        self._reads, self._writes = reads, writes
        self.loop = asyncio.get_running_loop()
        self._last_id = 0
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self._flushing = self._is_full = False
        self._open = True
        # The time of the last activity of Chromium: bytes came, or a full pipe accepted bytes again.
        self.alive_at = self.loop.time()
        self._sessions: dict[str, Session] = {}
        self.product = ""  # Chromium's name and version, as NAME/VERSION
        self.browser = self.session("")
        self.browser.on("Target.detachedFromTarget", lambda event: self.drop(event["sessionId"]))
        os.set_blocking(reads, False)
        os.set_blocking(writes, False)
        self.loop.add_reader(reads, self._read)

    @property
    def is_open(self) -> bool:
        return self._open

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
        try:
            self._outgoing += orjson.dumps(message)
        except TypeError:  # a lone surrogate, which a text of JavaScript or Lua may contain
            self._outgoing += json.dumps(message).encode("ascii")
        self._outgoing.append(0)
        if not self._flushing:
            # Commands of one turn of the event loop are written together: a wake-up of Chromium costs more than most
            # commands.
            self._flushing = True
            self.loop.call_soon(self._flush)
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
        if self._is_full and sent:
            self.alive_at = self.loop.time()
        if bool(self._outgoing) == self._is_full:
            return
        self._is_full = bool(self._outgoing)
        if self._is_full:
            self.loop.add_writer(self._writes, self._flush)
        else:
            self.loop.remove_writer(self._writes)

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
        self.alive_at = self.loop.time()
        end = data.rfind(b"\0")
        if end < 0:
            self._incoming += data
            if len(self._incoming) > MAX_MESSAGE:
                log.error(
                    "Chromium sent a message of more than %d bytes; its connection is closed", MAX_MESSAGE
                )
                self.close()
            return
        messages, self._incoming = self._incoming + data[:end], bytearray(data[end + 1 :])
        for message in messages.split(b"\0"):
            self._deliver(message)

    def _deliver(self, data: bytearray) -> None:
        message: Params
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError:  # a lone surrogate
            message = json.loads(data.decode("utf-8", "replace"))
        session = self._sessions.get(message.get("sessionId", ""))
        if session is None:
            return
        try:
            session.receive(message)
        except Exception:
            log.exception("the handler of Chromium's event %s failed", message.get("method"))

    def close(self, reason: str = "Chromium exited") -> None:
        """Close the pipes; raise ChromiumGone with this reason in every call that waits for an answer."""
        if not self._open:
            return
        self._open = False
        self.loop.remove_reader(self._reads)
        self.loop.remove_writer(self._writes)
        for descriptor in (self._reads, self._writes):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        for session in list(self._sessions.values()):
            session.lose(ChromiumGone(reason))
