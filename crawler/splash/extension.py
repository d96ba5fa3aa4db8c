"""Makes sure that a renderer answers before the first request: one at SPLASH_URL, or our own, which this starts."""

from __future__ import annotations

import logging
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.project import CODE, PACKAGE
from crawler.run.extension import RunExtension
from crawler.run.stopping import CannotStart, stop_crawl
from crawler.splash.ping import ADVICE, NoAnswer, ping
from crawler.splash.server_list import DEFAULT_PATIENCE, Servers

logger = logging.getLogger("splashdown.renderer")

START_SECONDS = 40.0
RETRY_SECONDS = 0.5  # between two pings, or two starts, of a renderer that does not answer yet
SHORT_LIFE = 10.0  # seconds; a renderer that ends sooner is started again only after RETRY_SECONDS


class RendererProcess:
    """Our renderer as a child process.

    It ends by itself when this process ends for any reason, because its standard input closes.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.options = options
        # A site may redirect the crawl's plain requests to any address, also to the renderer's. They have no token.
        self.token = secrets.token_urlsafe(24)
        self.process: subprocess.Popen[str] | None = None
        self.last_log_lines: deque[str] = deque(maxlen=20)
        self.stopping = False

    def start(self, port: int = 0) -> str:
        """Start the renderer and return its URL.

        Args:
            port: 0 for any free port.
        Raises:
            CannotStart: the renderer did not start; the message has its last log line, which says what to do.
        """
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"{PACKAGE}renderer",
                "--port",
                str(port),
                "--exit-with-stdin",
                *self.options,
            ],
            cwd=CODE,
            env=os.environ | {"RENDERER_TOKEN": self.token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C must not end the renderer: the crawl still renders pages
        )
        assert self.process.stdout is not None
        reader = threading.Thread(target=self._read_log, args=(self.process,), daemon=True)
        reader.start()
        watchdog = threading.Timer(START_SECONDS, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line.startswith("listening on "):
            self.process.wait()
            reader.join(2)
            reason = (
                self.last_log_lines[-1] if self.last_log_lines else f"no answer within {START_SECONDS:g} s"
            )
            raise CannotStart(f"our renderer did not start: {reason}")
        return line.removeprefix("listening on ").strip()

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.last_log_lines.append(line.strip())
            logger.debug("%s", line.rstrip())

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait()

    def stop(self) -> None:
        self.stopping = True
        if self.process is None or self.process.poll() is not None:
            return
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def wait_for_a_renderer(servers: Servers) -> None:
    """Return when one of the servers answers. Mark the servers that do not answer as failed.

    Blocks the thread: the crawl has not begun, and a signal still ends the process at once.

    Raises:
        CannotStart: no server answered within the servers' patience, or a URL or its credentials are wrong.
    """
    until = time.monotonic() + servers.patience
    logged = False
    with ThreadPoolExecutor(len(servers.all)) as pool:
        while True:
            pings = {server: pool.submit(ping, server.url, server.auth) for server in servers.all}
            wait(pings.values())
            for server, pinged in pings.items():
                error = pinged.exception()
                if isinstance(error, NoAnswer):
                    servers.failed(server, str(error))
                elif error is not None:
                    raise error
                else:
                    server.additions = pinged.result()
                    servers.mark_healthy(server)
            if servers.all_failed_since is None:
                break
            if time.monotonic() >= until:
                raise CannotStart(f"no renderer answers at {servers}. {ADVICE}")
            if not logged:
                logger.warning("no renderer answers at %s; waiting for up to %g s", servers, servers.patience)
                logged = True
            time.sleep(min(RETRY_SECONDS, max(0.0, until - time.monotonic())))
    for server in servers.all:
        if not server.is_healthy:
            logger.warning("the renderer at %s does not answer (%s); backing off", server.url, server.reason)


class RendererExtension:
    """With SPLASH_URL, waits until a server answers. Without, starts our own renderer and ends it with the crawl.

    A spider that renders nothing turns this off: ``custom_settings = {"RENDERER_ENABLED": False}``.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        settings = crawler.settings
        if not settings.getbool("RENDERER_ENABLED", True):
            raise NotConfigured
        self.url: str = settings.get("SPLASH_URL") or ""
        self.patience = settings.getfloat("RENDERER_PATIENCE", DEFAULT_PATIENCE)
        self.process: RendererProcess | None = None
        if self.url:
            wait_for_a_renderer(Servers.of(crawler))
            return
        self.process = RendererProcess(
            ["--slots", str(settings.getint("RENDERER_SLOTS", 4)), "--images-last"]  # as render() asks
        )
        self.url = self.process.start()
        # scrapy-splash reads the settings later, when its middleware is made.
        settings.set("SPLASH_URL", self.url, priority="cmdline")
        settings.set("SPLASH_USER", "splashdown", priority="cmdline")
        settings.set("SPLASH_PASS", self.process.token, priority="cmdline")
        server = Servers.of(crawler).all[0]
        server.additions = ping(server.url, server.auth)
        threading.Thread(target=self._keep_running, name="renderer-watch", daemon=True).start()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.engine_stopped, signals.engine_stopped)
        return extension

    def engine_stopped(self) -> None:
        if self.process is not None:
            self.process.stop()

    def _keep_running(self) -> None:
        """Start the renderer again, at the same port, each time it has ended. Its pages wait for it.

        If it ends many times without rendering a page, crawler.splash.failover ends the crawl.
        """
        assert self.process is not None
        port = int(self.url.rsplit(":", 1)[1].rstrip("/"))
        while True:
            started = time.monotonic()
            code = self.process.wait()
            if self.process.stopping:
                return
            logger.warning("our renderer ended (exit code %s); starting it again", code)
            if time.monotonic() - started < SHORT_LIFE:
                time.sleep(RETRY_SECONDS)
            until = time.monotonic() + self.patience
            while not self._started_again(port, until):
                if self.process.stopping:
                    return

    def _started_again(self, port: int, until: float) -> bool:
        assert self.process is not None
        try:
            self.process.start(port)
        except CannotStart as error:
            if time.monotonic() >= until and not self._is_paused:
                self.process.stopping = True
                self._give_up(str(error))
            time.sleep(RETRY_SECONDS)
            return False
        return True

    @property
    def _is_paused(self) -> bool:
        run = RunExtension.of(self.crawler)
        return run is not None and run.is_paused

    def _give_up(self, message: str) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(stop_crawl, self.crawler, "renderer_lost", message)
