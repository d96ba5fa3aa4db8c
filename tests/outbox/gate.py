"""Gate: a port before a broker. While it is closed, the broker is down for its clients; it counts their attempts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit, urlunsplit


class Gate(ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), Passage)
        parts = urlsplit(url)
        self.behind = parts.hostname or "", parts.port or 0
        before = parts.netloc.rpartition("@")[0]
        host = f"127.0.0.1:{self.server_address[1]}"
        self.url = urlunsplit(parts._replace(netloc=f"{before}@{host}" if before else host))
        self.attempts = 0
        self._is_open = True
        self._sockets: set[socket.socket] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """End all connections, and each new one at once."""
        with self._lock:
            self._is_open = False
            for one in self._sockets:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def open(self) -> None:
        self._is_open = True

    def enter(self, client: socket.socket) -> socket.socket | None:
        """Return a connection to the broker for a client, or None."""
        with self._lock:
            self.attempts += 1
            if not self._is_open:
                return None
            broker = socket.create_connection(self.behind)
            self._sockets |= {client, broker}
        return broker

    def leave(self, *sockets: socket.socket) -> None:
        with self._lock:
            self._sockets -= set(sockets)


class Passage(BaseRequestHandler):
    server: Gate

    def handle(self) -> None:
        broker = self.server.enter(self.request)
        if broker is None:
            return
        with broker:
            back = threading.Thread(target=carry, args=(broker, self.request), daemon=True)
            back.start()
            carry(self.request, broker)
            back.join()
            self.server.leave(self.request, broker)


def carry(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for one in (source, target):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def gate_before(url: str) -> Iterator[Gate]:
    """Run a gate during the block; it is open at first."""
    with Gate(url) as gate:
        threading.Thread(target=gate.serve_forever, args=[0.05], daemon=True).start()
        try:
            yield gate
        finally:
            gate.close()
            gate.shutdown()
