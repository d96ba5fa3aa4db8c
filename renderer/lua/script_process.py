"""The server's side of a script's process: it sends messages, receives replies, and can kill the process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path

from renderer.errors import Overloaded
from renderer.lua.process.messages import LENGTH, MAX_MESSAGE

CHUNK = 256 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")  # bytes


class ScriptProcess:
    """A process that answers each message once, in their order. Its end needs no await."""

    def __init__(self, pid: int, descriptor: int, connection: socket.socket, api_version: int = 0) -> None:
        self.pid = pid
        self.api_version = api_version  # of the commands in its Lua; 0: none yet
        self._descriptor = descriptor  # of pidfd_open(2): so a kill never hits another process
        self._connection = connection
        self._received, self._unsent = bytearray(), bytearray()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._is_writing = False
        self.is_gone = False
        self.is_finished = False  # its script has ended
        self.on_gone: Callable[[ScriptProcess], None] | None = None
        self._loop = asyncio.get_running_loop()
        connection.setblocking(False)
        self._loop.add_reader(connection, self._read)

    def ask(self, message: bytes) -> asyncio.Future[bytes]:
        """Send a message; return the future reply. If its task is cancelled, the reply is dropped."""
        future: asyncio.Future[bytes] = self._loop.create_future()
        if self.is_gone:
            future.set_exception(_lost())
            return future
        self._waiting.append(future)
        self._write(LENGTH.pack(len(message)) + message)
        return future

    @property
    def is_clean(self) -> bool:
        """Return whether it can run another script: the last one has ended, and no reply is missing."""
        return self.is_finished and not self.is_gone and not self._waiting

    def memory(self) -> int:
        """Return the bytes of memory without mapped files, but with those that it shares with the fork server."""
        try:
            pages = Path(f"/proc/{self.pid}/statm").read_text().split()
        except OSError:
            return 0
        return (int(pages[1]) - int(pages[2])) * PAGE

    def kill(self) -> None:
        """Kill the process, whatever it does."""
        if not self.is_gone:
            self._close()

    def _close(self) -> None:
        self.is_gone = True
        self._loop.remove_reader(self._connection)
        if self._is_writing:
            self._loop.remove_writer(self._connection)
        self._connection.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
        os.close(self._descriptor)
        self._received, self._unsent = bytearray(), bytearray()
        for future in self._waiting:
            if not future.done():
                future.set_exception(_lost())
        self._waiting.clear()
        if self.on_gone is not None:
            self.on_gone(self)

    def _read(self) -> None:
        try:
            data = self._connection.recv(CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._close()
            return
        self._received += data
        while not self.is_gone and len(self._received) >= LENGTH.size:
            size = LENGTH.unpack_from(self._received)[0]
            if size > MAX_MESSAGE or not self._waiting:
                self._close()  # our processes never send this
                return
            end = LENGTH.size + size
            if len(self._received) < end:
                return
            reply = bytes(memoryview(self._received)[LENGTH.size : end])
            del self._received[:end]
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(reply)

    def _write(self, data: bytes) -> None:
        if self._is_writing:
            self._unsent += data
            return
        sent = self._send(data)
        if sent < len(data) and not self.is_gone:
            self._unsent += memoryview(data)[sent:]
            self._is_writing = True
            self._loop.add_writer(self._connection, self._continue_write)

    def _continue_write(self) -> None:
        sent = self._send(memoryview(self._unsent)[:CHUNK])
        if self.is_gone:
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._is_writing = False
            self._loop.remove_writer(self._connection)

    def _send(self, data: bytes | memoryview) -> int:
        try:
            return self._connection.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._close()
            return 0


def _lost() -> Overloaded:
    return Overloaded({"type": "script_process_lost", "description": "The process of the script ended"})
