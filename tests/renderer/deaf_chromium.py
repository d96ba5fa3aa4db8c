"""A program between the renderer and Chromium that blocks the pipe in both directions while a file exists."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from renderer.chromium.process import find_chromium

_CODE = """#!{python}
import os, subprocess, sys, threading, time
from pathlib import Path

deaf = Path(__file__).with_name("deaf")

def relay(source, sink):
    while data := os.read(source, 65536):
        while deaf.exists():
            time.sleep(0.05)
        os.write(sink, data)
    os._exit(0)

commands, answers = os.pipe(), os.pipe()
ours = os.dup(3), os.dup(4)
os.dup2(commands[0], 3, inheritable=True)
os.dup2(answers[1], 4, inheritable=True)
subprocess.Popen([{chromium!r}, *sys.argv[1:]], pass_fds=(3, 4))
for pair in ((ours[0], commands[1]), (answers[0], ours[1])):
    threading.Thread(target=relay, args=pair).start()
"""


@dataclass(frozen=True)
class DeafChromium:
    """``program`` starts Chromium and relays its pipe; while the file ``deaf`` exists, it relays nothing."""

    program: Path
    deaf: Path

    @classmethod
    def make(cls, folder: Path) -> DeafChromium:
        """Write the program into this folder."""
        chromium = cls(folder / "chromium", folder / "deaf")
        code = _CODE.format(python=sys.executable, chromium=find_chromium(None, os.environ))
        chromium.program.write_text(code)
        chromium.program.chmod(0o755)
        return chromium
