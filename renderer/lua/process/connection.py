"""The connection of a script's process to the server; it carries one message after another."""

from __future__ import annotations

import os

from renderer.lua.process.messages import LENGTH

CHUNK = 64 * 1024
LARGE_CHUNK = 1024 * 1024


class Connection:
    """A blocking connection: the process has nothing else to do."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._received = b""

    def receive(self) -> bytes | None:
        """Return the next message, or None at the end of the connection."""
        data = self._received
        while len(data) < LENGTH.size:
            part = os.read(self._descriptor, CHUNK)
            if not part:
                return None
            data += part
        end = LENGTH.size + LENGTH.unpack_from(data)[0]
        if len(data) < end:
            parts, missing = [data], end - len(data)
            while missing:
                part = os.read(self._descriptor, min(missing, LARGE_CHUNK))
                if not part:
                    return None
                parts.append(part)
                missing -= len(part)
            data = b"".join(parts)
        self._received = data[end:]
        return data[LENGTH.size : end]

    def send(self, message: bytes) -> None:
        """Send a message; raise ConnectionError if the server has closed the connection."""
        rest = memoryview(LENGTH.pack(len(message)) + message)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
