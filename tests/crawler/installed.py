"""Splashdown as a user installs it: from the wheel, in an environment of its own, away from the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.crawls import ROOT


class Installed:
    """An environment with the wheel of this checkout. The packages that it needs are those of the tests."""

    def __init__(self, folder: Path) -> None:
        self.bin = folder / "venv" / "bin"
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
        run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(folder / "wheels"), str(ROOT))
        run(sys.executable, "-m", "venv", "--without-pip", str(folder / "venv"))
        (wheel,) = (folder / "wheels").glob("splashdown-*.whl")
        self.wheel = wheel
        run(*pip, "--python", str(self.bin / "python"), "install", "--no-deps", "--no-index", str(wheel))
        (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
        self.packages = packages
        # The tests' packages, but not their .pth files: one of them names the checkout.
        (packages / "packages-of-the-tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def run(self, program: str, *arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in this folder, with no other variables than these."""
        command = [program] if program == "splashdown" else ["python", "-m", program]
        return subprocess.run(
            [str(self.bin / command[0]), *command[1:], *arguments],
            cwd=cwd,
            env={"PATH": f"{self.bin}:/usr/local/bin:/usr/bin:/bin", "HOME": str(cwd)} | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
