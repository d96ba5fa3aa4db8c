"""The server of the console: gunicorn, one process with a thread for each request and each open event stream."""

from __future__ import annotations

from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from console.live import KEY, MOST_VIEWERS

PAGE_THREADS = 16  # besides those of event streams
STOP_SECONDS = 5


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings and this application.

    One process: the event streams of a topic share one look into the database. Threads that wait cost little.
    """

    def __init__(self, app: Flask, *, address: str, port: int, ready: Any) -> None:
        self.app, self.address, self.port, self.ready = app, address, port, ready
        super().__init__()

    def load_config(self) -> None:
        host = f"[{self.address}]" if ":" in self.address else self.address
        settings = {
            "bind": f"{host}:{self.port}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": MOST_VIEWERS + PAGE_THREADS,
            "worker_connections": 2 * (MOST_VIEWERS + PAGE_THREADS),
            "graceful_timeout": STOP_SECONDS,
            "timeout": 60,
            "keepalive": 15,
            "accesslog": None,
            "loglevel": "warning",
            "limit_request_line": 8190,
            "limit_request_fields": 60,
            "forwarded_allow_ips": "",  # werkzeug's ProxyFix reads these headers, if PROXIES says how many proxies
            "control_socket_disable": True,
            "when_ready": lambda _: self.ready(),
            "worker_int": lambda _: self.app.extensions[KEY].stop(),
            "worker_exit": lambda _arbiter, _worker: self.app.extensions[KEY].stop(),
        }
        known = self.cfg.settings
        for name, value in settings.items():
            if name in known:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.app
