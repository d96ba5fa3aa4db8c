"""A Chromium that does not start: the error has the lines in which it says why, and what the operator can do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from renderer.chromium.process import Chromium, find_chromium
from renderer.chromium.start_failure import ADVICE, reason_of, remedy_for
from tests.renderer.conftest import ROOT

# What Debian's Chromium said as a user without user namespaces, and its dump after it.
NO_SANDBOX = (
    "[1129/173758.597240:ERROR:content/browser/zygote_host/zygote_host_impl_linux.cc:130] No usable sandbox! If this "
    "is a Debian system, please install the chromium-sandbox package to solve this problem. If you are running on "
    "Ubuntu 23.10+ or another Linux distro that has disabled unprivileged user namespaces with AppArmor, see "
    "https://chromium.googlesource.com/chromium/src/+/main/docs/security/apparmor-userns-restrictions.md. If you want "
    "to live dangerously and need an immediate workaround, you can try using --no-sandbox.\n"
    "#0 0x55d2d8a1f2c2 base::debug::CollectStackTrace()\n"
)
LIBRARY = (
    "chrome: error while loading shared libraries: libnss3.so: cannot open shared object file: No such file\n"
)
DBUS = (
    "[7:20:1129/173758.1:ERROR:dbus/bus.cc:408] Failed to connect to the bus: Could not parse server address\n"
    "[1129/173758.6:WARNING:x.cc:1] slow\n[1129/173758.6:FATAL:y.cc:2] Check failed: profile.\nReceived signal 6\n"
)


@pytest.mark.parametrize(
    ("output", "reason", "remedy"),
    [
        (
            NO_SANDBOX,
            "No usable sandbox! If this is a Debian system, please install the chromium-sandbox package to solve this "
            "problem.",
            "user namespaces",
        ),
        (LIBRARY, LIBRARY.strip(), "a library is missing"),
        (DBUS, "Check failed: profile. slow", ADVICE),
        ("x" * 900, "x" * 200, ADVICE),
        ("", "", ADVICE),
    ],
)
def test_the_reason_is_what_chromium_says_first_without_its_dump(
    output: str, reason: str, remedy: str
) -> None:
    assert reason_of(output) == reason
    assert remedy in remedy_for(reason)


def program(folder: Path, code: str) -> str:
    file = folder / "chromium"
    file.write_text(f"#!{sys.executable}\nimport os, sys\n{code}\n")
    file.chmod(0o755)
    return str(file)


def test_the_renderer_says_why_chromium_does_not_start(tmp_path: Path) -> None:
    chromium = program(tmp_path, f"sys.stderr.write({NO_SANDBOX!r}); sys.exit(1)")
    done = subprocess.run(
        [sys.executable, "-m", "renderer", "--port", "0", "--chromium", chromium],
        cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    last = done.stderr.splitlines()[-1]  # the line that a crawl shows
    assert f"{chromium} does not start: No usable sandbox!" in last
    assert "seccomp=unconfined" in last and "docs/renderers.md" in last
    assert "0x55" not in done.stderr and "Traceback" not in done.stderr


def test_a_chromium_that_says_much_is_not_blocked(tmp_path: Path) -> None:
    """Its output is read although nobody keeps it."""
    real = find_chromium(None, os.environ)
    code = f"os.write(2, b'noise\\n' * 200_000); os.execv({real!r}, [{real!r}, *sys.argv[1:]])"

    async def start() -> str:
        process = await Chromium(program=program(tmp_path, code)).start()
        try:
            return process.output.text()
        finally:
            await process.end()

    assert asyncio.run(start()) == ""
