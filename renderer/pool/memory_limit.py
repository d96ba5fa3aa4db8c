"""``--maxrss``: the memory of Chromium and of the renderer, and the limit for it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection
from pathlib import Path

from renderer.pool.browser import Browser

log = logging.getLogger(__name__)

INTERVAL = 15.0  # seconds between two checks


def limit_in_bytes(maxrss: float) -> float:
    """Return ``maxrss`` in bytes: it is in megabytes, or below 1 a share of the machine's memory."""
    if maxrss < 1:
        return maxrss * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return maxrss * 1024 * 1024


def used_by(folder: Path) -> int:
    """Return the bytes of a process, given by its folder in /proc; shared pages count in part; 0 if it has ended."""
    try:
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def used_by_sessions(leaders: Collection[int]) -> int:
    """Return the bytes of all processes in the sessions of these processes."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in leaders:
            total += used_by(folder)
    return total


async def watch(browser: Browser, maxrss: float, ended: asyncio.Event) -> None:
    """Replace Chromium when the memory of both exceeds ``maxrss``; set ``ended`` if the renderer's alone does.

    Splash exits in that case, too.
    """
    limit = limit_in_bytes(maxrss)
    while True:
        await asyncio.sleep(INTERVAL)
        ours = used_by(Path("/proc/self"))
        if ours > limit:
            log.error("this process uses more memory than --maxrss (%d MB), and exits", limit // 1024**2)
            ended.set()
            return
        # A thread reads /proc, which takes time on a busy machine. There are no pids until Chromium has started.
        theirs = await asyncio.to_thread(used_by_sessions, browser.pids) if browser.pids else 0
        if ours + theirs > limit:
            log.warning(
                "Chromium uses more memory than --maxrss (%d MB), and the renderer replaces it",
                limit // 1024**2,
            )
            await browser.renew()
