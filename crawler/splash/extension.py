"""A renderer is there before the first page is asked for: one at SPLASH_URL, or our own, started here."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.splash.ping import ADVICE, NoAnswer, ping
from crawler.splash.servers import DEFAULT_PATIENCE, Servers
from crawler.stopping import CannotStart, stop_crawl

logger = logging.getLogger("splashdown.renderer")

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 40.0
LOOK_SECONDS = 0.5  # between two looks at a renderer that is not there yet
SHORT_LIFE = 10.0


class RendererProcess:
    """Our renderer as a child process. It ends by itself when this process is gone, however that came about:
    its standard input, whose other end is here, closes.
    """

    def __init__(self, options: Sequence[str]) -> None:
        self.options = options
        self.process: subprocess.Popen[str] | None = None
        self.last_words: deque[str] = deque(maxlen=20)
        self.stopping = False

    def start(self, port: int = 0) -> str:
        """Start it and give its URL.

        Raises:
            CannotStart: it did not come up; with its own last line, which says what to do.
        """
        self.process = subprocess.Popen(
            [sys.executable, "-m", "renderer", "--port", str(port), "--exit-with-stdin", *self.options],
            cwd=ROOT,
            # A token is for renderers that others can reach; ours asks for none.
            env={name: value for name, value in os.environ.items() if name != "RENDERER_TOKEN"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the crawl, which still has pages in flight
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
            reason = self.last_words[-1] if self.last_words else f"no answer within {START_SECONDS:g} s"
            raise CannotStart(f"our renderer did not start: {reason}")
        return line.removeprefix("listening on ").strip()

    def _read_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.last_words.append(line.strip())
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
    """Return when one of the servers answers; those that do not by then are noted as failed.

    Blocks: nothing of the crawl has begun yet, and a signal ends it at once.

    Raises:
        CannotStart: none came up within the servers' patience, or one is wrong by itself.
    """
    until = time.monotonic() + servers.patience
    told = False
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
                    servers.is_there(server)
            if servers.none_since is None:
                break
            if time.monotonic() >= until:
                raise CannotStart(f"no renderer answers at {servers}. {ADVICE}")
            if not told:
                logger.warning("no renderer answers at %s; waiting for up to %g s", servers, servers.patience)
                told = True
            time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
    for server in servers.all:
        if not server.is_well:
            logger.warning("the renderer at %s does not answer (%s); it rests", server.url, server.reason)


class RendererExtension:
    """With SPLASH_URL, waits until a server answers; without, starts our own renderer and ends it with the crawl.

    A spider that renders nothing does without both: ``custom_settings = {"RENDERER_ENABLED": False}``.
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
        self.process = RendererProcess(["--slots", str(settings.getint("RENDERER_SLOTS", 4))])
        self.url = self.process.start()
        # scrapy-splash reads the setting when it is made, which comes later.
        settings.set("SPLASH_URL", self.url, priority="cmdline")
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
        """Start the renderer again, at the same port, whenever it has died; its pages wait for it meanwhile.

        If it dies again and again without rendering anything, crawler.splash.failover ends the crawl.
        """
        assert self.process is not None
        port = int(self.url.rsplit(":", 1)[1].rstrip("/"))
        while True:
            started = time.monotonic()
            code = self.process.wait()
            if self.process.stopping:
                return
            logger.warning("our renderer ended (exit code %s) and is started again", code)
            if time.monotonic() - started < SHORT_LIFE:
                time.sleep(LOOK_SECONDS)
            until = time.monotonic() + self.patience
            while not self._started_again(port, until):
                if self.process.stopping:
                    return

    def _started_again(self, port: int, until: float) -> bool:
        assert self.process is not None
        try:
            self.process.start(port)
        except CannotStart as error:
            if time.monotonic() >= until:
                self.process.stopping = True
                self._give_up(str(error))
            time.sleep(LOOK_SECONDS)
            return False
        return True

    def _give_up(self, message: str) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(stop_crawl, self.crawler, "renderer_lost", message)
