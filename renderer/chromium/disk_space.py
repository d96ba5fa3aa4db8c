"""Free space in TMPDIR: Chromium writes its profile and the memory that its processes share into files there."""

from __future__ import annotations

import logging
import os
import tempfile
import time

log = logging.getLogger(__name__)

# Bytes. With less, pages hang that need more than a little memory between Chromium's processes.
MIN_FREE_BYTES = 8 * 1024 * 1024
LOG_INTERVAL = 60.0  # seconds between two log lines about a full folder


def disk_space_fault() -> str:
    """Return the fault of the folder for temporary files; an empty text if the folder has enough space."""
    # Python ignores a TMPDIR in which it cannot write; Chromium does not ignore it.
    pythons = tempfile.gettempdir()
    chromiums = os.environ.get("TMPDIR") or pythons
    return _fault_of(chromiums) or (_fault_of(pythons) if pythons != chromiums else "")


def _fault_of(folder: str) -> str:
    try:
        state = os.statvfs(folder)
    except OSError as error:
        return f"TMPDIR ({folder}): {error.strerror}"
    free = state.f_bavail * state.f_frsize
    if free < MIN_FREE_BYTES:
        needed = MIN_FREE_BYTES // 1024**2
        return f"TMPDIR ({folder}) is full: {free // 1024} KB are free, Chromium needs {needed} MB"
    if state.f_files and not state.f_favail:
        return f"TMPDIR ({folder}) is full: it has no free inode, so Chromium cannot create a file in it"
    return ""


class DiskSpaceLog:
    """Logs a fault of the disk space once a minute."""

    def __init__(self) -> None:
        self._logged_at = float("-inf")

    def report(self, fault: str) -> None:
        if time.monotonic() - self._logged_at > LOG_INTERVAL:
            self._logged_at = time.monotonic()
            log.error("%s; the renderer answers renders with 503 until there is free space", fault)
