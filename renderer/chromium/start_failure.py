"""Why Chromium does not start: what it says on standard error, and what the operator can do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re

MOST_BYTES = 16_384  # of the beginning of Chromium's output
MOST_LINES = 2
LONGEST = 200  # characters of a line
PREFIX = re.compile(r"^\[[\d:/.]+:(?P<level>[A-Z]+):[^\]]*\]\s*")  # [1129/173758.597240:ERROR:file.cc:130]
# Lines of a dump after a crash, and complaints of each start without a desktop.
NOISE = re.compile(
    r"#\d+ 0x|Received signal|\s*r\d+: |\[end of stack trace\]|.*(?:dbus|D-Bus|to the bus|udev|vaapi|Vulkan|GLX)"
)
ORDER = {"FATAL": 0, "ERROR": 1}  # of the levels of Chromium's log
ADVICE = "install the package chromium-headless-shell, or run scripts/setup, or set CHROMIUM to its program"
# What to do, by words in Chromium's output.
REMEDIES = {
    "sandbox": (
        "its sandbox needs user namespaces, which this system does not allow to this user. Allow them "
        "(docker: security_opt seccomp=unconfined), or install the package chromium-sandbox, or set SPLASH_URL to a "
        "renderer on another system; docs/renderers.md has the steps"
    ),
    "shared libraries": f"a library is missing: {ADVICE}",
    "No space left": "make room in the folder for temporary files (TMPDIR)",
}


class StartOutput:
    """Chromium's standard error: kept until ``forget``, and read until its end, so that Chromium is never blocked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._kept = b""
        self._keeps = True
        os.set_blocking(descriptor, False)
        asyncio.get_running_loop().add_reader(descriptor, self._read)

    def _read(self) -> bool:
        """Read what is there; return whether there may be more."""
        if self._descriptor is None:
            return False
        try:
            data = os.read(self._descriptor, 65_536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self.close()
        if self._keeps:
            self._kept = (self._kept + data)[:MOST_BYTES]
        return bool(data)

    def text(self) -> str:
        """Return what Chromium has said since its start."""
        while self._read():
            pass
        return self._kept.decode("utf-8", "replace")

    def forget(self) -> None:
        """Keep nothing any more: Chromium has started."""
        self._keeps, self._kept = False, b""

    def close(self) -> None:
        if self._descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def reason_of(output: str) -> str:
    """Return the lines of Chromium's output that say why it ended, the fatal ones first; "" without such a line."""
    lines = []
    for line in output.splitlines():
        found = PREFIX.match(line)
        text = PREFIX.sub("", line).strip()
        if text and not NOISE.match(text):
            lines.append((ORDER.get(found["level"] if found else "", len(ORDER)), _beginning(text)))
    lines.sort(key=lambda one: one[0])
    return " ".join(dict.fromkeys(text for _, text in lines[:MOST_LINES]))


def _beginning(line: str) -> str:
    """Return the first sentences of a line."""
    if len(line) <= LONGEST:
        return line
    end = max(line.rfind(mark, 0, LONGEST) for mark in (". ", "! "))
    return line[: end + 1] if end > 0 else line[:LONGEST]


def remedy_for(reason: str) -> str:
    """Return what the operator can do."""
    return next((remedy for words, remedy in REMEDIES.items() if words in reason), ADVICE)
