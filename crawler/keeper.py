"""Keeper: the thread that writes a crawl's pages which could not be read, has them drawn, and forgets the oldest."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from pathlib import Path

from crawler.kept_page import (
    PICTURE,
    KeptPage,
    UnreadablePage,
    pages_of,
    read_page,
    remove_page,
    write_page,
    write_whole,
)
from crawler.splash.draw import CannotDraw, Drawer

logger = logging.getLogger("splashdown.kept_pages")

PAUSE = 0.25  # seconds between two drawings while the crawl goes on: the renderer's time is the crawl's
PATIENCE = 3  # drawings that may fail, one after the other, before the renderer is left alone


class Keeper(threading.Thread):
    """Takes pages at any pace, and is at most ``most`` pages of each reason behind.

    Args:
        folder: KEPT_PAGES_FOLDER; made when the first page comes.
        most: pages that are kept of each reason, of one run.
        limit: bytes of a page, and of a picture, beyond which there is none.
        drawer: makes the pictures; None for no pictures.
    """

    def __init__(self, folder: Path, *, most: int, limit: int, drawer: Drawer | None) -> None:
        super().__init__(name="kept-pages", daemon=True)
        self.folder, self.most, self.limit, self.drawer = folder, most, limit, drawer
        self.written = 0
        self.names: OrderedDict[str, str] = OrderedDict()  # name to reason, oldest first
        self._waiting: dict[str, deque[KeptPage]] = {}
        self._undrawn: OrderedDict[str, None] = OrderedDict()
        self._failures = 0
        self._said = False
        self._wake = threading.Condition()
        self._closing = False
        self._give_up_at: float | None = None

    def put(self, page: KeptPage) -> None:
        """Keep the page, soon. Where more than ``most`` wait, the oldest are not kept at all."""
        with self._wake:
            self._waiting.setdefault(page.reason, deque(maxlen=self.most)).append(page)
            self._wake.notify()

    def close(self, seconds: float) -> None:
        """Write what waits, draw what time is left for, and end; after ``seconds`` in any case."""
        with self._wake:
            self._closing, self._give_up_at = True, time.monotonic() + seconds
            self._wake.notify()
        self.join(seconds)

    def run(self) -> None:
        try:
            self._work()
        except Exception:  # the crawl goes on; what still comes is forgotten
            logger.exception("no more pages are kept")

    def _work(self) -> None:
        drawn_at = 0.0
        while True:
            with self._wake:
                page = self._next()
                if page is None:
                    pause = drawn_at + PAUSE - time.monotonic()
                    if self._closing and not self._undrawn:
                        return
                    if not self._closing and (not self._undrawn or pause > 0):
                        self._wake.wait(pause if self._undrawn else None)
                        continue
            if self._give_up_at is not None and time.monotonic() > self._give_up_at:
                return
            if page is not None:
                self._write(page)
            else:
                self._draw(self._undrawn.popitem(last=True)[0])  # the newest will be there longest
                drawn_at = time.monotonic()

    def _next(self) -> KeptPage | None:
        for pages in self._waiting.values():
            if pages:
                return pages.popleft()
        return None

    def _write(self, page: KeptPage) -> None:
        try:
            if not self.written:
                self._look_around(page.run_id)
            if not write_page(self.folder, page, self.limit):
                logger.debug("%s is too large to be kept", page.url)
                return
            self.written += 1
            self.names.pop(page.name, None)
            self.names[page.name] = page.reason
            if page.is_html and self.drawer is not None:
                self._undrawn[page.name] = None
            self._forget_oldest(page.reason)
        except OSError as error:
            self._say(f"pages that could not be read cannot be kept: {error}")

    def _look_around(self, run_id: int) -> None:
        """What an earlier process of the same run has kept counts too."""
        for name in pages_of(self.folder, run_id):
            try:
                self.names.setdefault(name, read_page(self.folder, name).reason)
            except UnreadablePage:
                remove_page(self.folder, name)

    def _forget_oldest(self, reason: str) -> None:
        alike = [name for name, why in self.names.items() if why == reason]
        for name in alike[: -self.most]:
            del self.names[name]
            self._undrawn.pop(name, None)
            remove_page(self.folder, name)

    def _draw(self, name: str) -> None:
        if self.drawer is None:
            return
        try:
            page = read_page(self.folder, name)
            picture = self.drawer.draw(page.body, page.encoding or "utf-8")
            if len(picture) <= self.limit:
                write_whole((self.folder / name).with_suffix(PICTURE), picture)
            self._failures = 0
        except CannotDraw as error:
            self._failures += 1
            logger.debug("no screenshot of %s: %s", name, error)
            if self._failures >= PATIENCE:
                self.drawer = None
                self._undrawn.clear()
        except (OSError, UnreadablePage) as error:
            self._say(f"no screenshot of a kept page: {error}")

    def _say(self, message: str) -> None:
        if not self._said:
            logger.warning("%s", message)
        self._said = True
