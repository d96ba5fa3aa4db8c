"""``--maxrss``: how much memory Chromium and we use, and what happens above the limit."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from renderer.browser import Browser

log = logging.getLogger(__name__)

INTERVAL = 15.0


def limit_in_bytes(maxrss: float) -> float:
    """Megabytes, or below 1 a share of the machine's memory."""
    if maxrss < 1:
        return maxrss * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return maxrss * 1024 * 1024


def used_by(folder: Path) -> int:
    """Bytes of this process (a folder of /proc), where shared pages count in part; 0 if it is gone."""
    try:
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def used_by_session(leader: int) -> int:
    """Bytes of all processes that this one started."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            total += used_by(folder)
    return total


async def watch(browser: Browser, maxrss: float, ended: asyncio.Event) -> None:
    """Start Chromium anew when it has grown too large; end, as Splash does, when it is we who have."""
    limit = limit_in_bytes(maxrss)
    while True:
        await asyncio.sleep(INTERVAL)
        ours = used_by(Path("/proc/self"))
        if ours > limit:
            log.error("maxrss of %d MB is exceeded, shutting down", limit // 1024**2)
            ended.set()
            return
        # Chromium's start takes a moment, and reading /proc of a busy machine as well.
        theirs = await asyncio.to_thread(used_by_session, browser.pid) if browser.pid else 0
        if ours + theirs > limit:
            log.warning("maxrss of %d MB is exceeded, Chromium is started anew", limit // 1024**2)
            await browser.renew()
