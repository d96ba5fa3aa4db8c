"""SnapshotWriter: the thread that writes a crawl's snapshots, requests screenshots, and removes the oldest ones."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict, deque
from pathlib import Path

from crawler.atomic_file import write_atomically
from crawler.snapshots.page_snapshot import (
    SCREENSHOT,
    PageSnapshot,
    UnreadableSnapshot,
    read_snapshot,
    remove_snapshot,
    snapshots_of_run,
    write_snapshot,
)
from crawler.splash.screenshots import ScreenshotFailed, Screenshotter

logger = logging.getLogger("splashdown.kept_pages")

PAUSE = 0.25  # seconds between two screenshots during the crawl, which needs the renderer too
PATIENCE = 3  # failed screenshots in a row; then no more are requested


class SnapshotWriter(threading.Thread):
    """Writes snapshots. At most ``most`` snapshots of each reason wait to be written.

    Args:
        folder: KEPT_PAGES_FOLDER; made with the first snapshot.
        most: the number of snapshots of each reason, in one run.
        limit: bytes; no larger page and no larger screenshot is written.
        screenshotter: None for no screenshots.
    """

    def __init__(self, folder: Path, *, most: int, limit: int, screenshotter: Screenshotter | None) -> None:
        super().__init__(name="snapshots", daemon=True)
        self.folder, self.most, self.limit, self.screenshotter = folder, most, limit, screenshotter
        self.written = 0
        self.names: OrderedDict[str, str] = OrderedDict()  # name to reason, oldest first
        self._waiting: dict[str, deque[PageSnapshot]] = {}
        self._undrawn: OrderedDict[str, None] = OrderedDict()
        self._failures = 0
        self._warned = False
        self._wake = threading.Condition()
        self._closing = False
        self._give_up_at: float | None = None

    def put(self, page: PageSnapshot) -> None:
        """Let the thread write the snapshot. If ``most`` of its reason wait, the oldest of them is dropped."""
        with self._wake:
            self._waiting.setdefault(page.reason, deque(maxlen=self.most)).append(page)
            self._wake.notify()

    def close(self, seconds: float) -> None:
        """Write the waiting snapshots, make screenshots while there is time, and return after at most ``seconds``."""
        with self._wake:
            self._closing, self._give_up_at = True, time.monotonic() + seconds
            self._wake.notify()
        self.join(seconds)

    def run(self) -> None:
        try:
            self._work()
        except Exception:  # the crawl continues without snapshots
            logger.exception("no more snapshots are saved")

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
                self._draw(self._undrawn.popitem(last=True)[0])  # the newest one, which is removed last
                drawn_at = time.monotonic()

    def _next(self) -> PageSnapshot | None:
        for pages in self._waiting.values():
            if pages:
                return pages.popleft()
        return None

    def _write(self, page: PageSnapshot) -> None:
        try:
            if not self.written:
                self._find_older(page.run_id)
            if not write_snapshot(self.folder, page, self.limit):
                logger.debug("%s: no snapshot, the page is larger than KEPT_PAGE_BYTES", page.url)
                return
            self.written += 1
            self.names.pop(page.name, None)
            self.names[page.name] = page.reason
            if page.is_html and self.screenshotter is not None:
                self._undrawn[page.name] = None
            self._remove_oldest(page.reason)
        except OSError as error:
            self._warn_once(f"snapshots cannot be saved: {error}")

    def _find_older(self, run_id: int) -> None:
        """Count the snapshots that an earlier process of the run has written."""
        for name in snapshots_of_run(self.folder, run_id):
            try:
                self.names.setdefault(name, read_snapshot(self.folder, name).reason)
            except UnreadableSnapshot:
                remove_snapshot(self.folder, name)

    def _remove_oldest(self, reason: str) -> None:
        alike = [name for name, why in self.names.items() if why == reason]
        for name in alike[: -self.most]:
            del self.names[name]
            self._undrawn.pop(name, None)
            remove_snapshot(self.folder, name)

    def _draw(self, name: str) -> None:
        if self.screenshotter is None:
            return
        try:
            page = read_snapshot(self.folder, name)
            screenshot = self.screenshotter.draw(page.body, page.encoding or "utf-8")
            if len(screenshot) <= self.limit:
                write_atomically((self.folder / name).with_suffix(SCREENSHOT), screenshot)
            self._failures = 0
        except ScreenshotFailed as error:
            self._failures += 1
            logger.debug("no screenshot of %s: %s", name, error)
            if self._failures >= PATIENCE:
                self.screenshotter = None
                self._undrawn.clear()
        except (OSError, UnreadableSnapshot) as error:
            self._warn_once(f"a screenshot cannot be saved: {error}")

    def _warn_once(self, message: str) -> None:
        if not self._warned:
            logger.warning("%s", message)
        self._warned = True
