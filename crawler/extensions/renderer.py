"""A renderer is there before the first page is asked for: the one at SPLASH_URL, or our own, started here."""

from __future__ import annotations

import base64
import json
import logging
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from crawler.stopping import CannotStart, stop_crawl

logger = logging.getLogger("splashdown.renderer")

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 40.0
PING_SECONDS = 5.0


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


def ping(url: str, user: str, password: str) -> None:
    """Ask a Splash whether it is there.

    Raises:
        CannotStart: it does not answer as Splash does.
    """
    advice = "Start it, correct SPLASH_URL, or leave SPLASH_URL empty to use our own renderer"
    try:
        request = urllib.request.Request(f"{url.rstrip('/')}/_ping")  # noqa: S310 - http is checked below
    except ValueError:
        raise CannotStart(f"SPLASH_URL={url!r} is not a URL; write it like http://127.0.0.1:8050") from None
    if request.type not in ("http", "https"):
        raise CannotStart(f"SPLASH_URL={url!r} is not a URL; write it like http://127.0.0.1:8050")
    if user or password:
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        request.add_header("Authorization", f"Basic {token}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PING_SECONDS) as response:
            answer = json.load(response)
        if not isinstance(answer, dict) or "status" not in answer:
            raise ValueError
    except urllib.error.HTTPError as error:
        hint = "check SPLASH_USER and SPLASH_PASS" if error.code in (401, 403) else advice
        raise CannotStart(f"the renderer at {url} answered {error.code} {error.reason}. {hint}") from None
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise CannotStart(f"no renderer answers at {url} ({reason}). {advice}") from None
    except ValueError:
        raise CannotStart(f"what answers at {url} is not Splash. {advice}") from None


class RendererExtension:
    """With SPLASH_URL, makes sure that it answers; without, starts our own renderer and ends it with the crawl.

    A spider that renders nothing does without both: ``custom_settings = {"RENDERER_ENABLED": False}``.
    """

    RESTARTS = 5

    def __init__(self, crawler: Crawler) -> None:
        self.crawler = crawler
        settings = crawler.settings
        if not settings.getbool("RENDERER_ENABLED", True):
            raise NotConfigured
        self.url: str = settings.get("SPLASH_URL") or ""
        self.process: RendererProcess | None = None
        if self.url:
            ping(self.url, settings.get("SPLASH_USER") or "", settings.get("SPLASH_PASS") or "")
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
        """Start the renderer again, at the same port, when it has died; Scrapy's retries bridge the gap."""
        assert self.process is not None
        port = int(self.url.rsplit(":", 1)[1].rstrip("/"))
        for _ in range(self.RESTARTS):
            code = self.process.wait()
            if self.process.stopping:
                return
            logger.warning("our renderer ended (exit code %s) and is started again", code)
            try:
                self.process.start(port)
            except CannotStart as error:
                self._give_up(str(error))
                return
        self.process.wait()
        if not self.process.stopping:
            self._give_up(f"our renderer died {self.RESTARTS + 1} times")

    def _give_up(self, message: str) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - importing it installs one

        reactor.callFromThread(stop_crawl, self.crawler, "renderer_lost", message)
