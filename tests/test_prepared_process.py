"""A fork of the process that has imported the libraries runs ``scrapy`` as a new process does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.crawler.project_copy import ProjectCopy
from tests.prepared_process import COMMANDS, LIBRARIES, ROOT, run_scrapy

# A module that prints what it finds in its process, and ends it.
FACTS = """
import json, os, signal, sys, threading, time

OURS = "crawler", "frontier", "models", "outbox", "pipelines", "renderer", "spiders", "tests", "scrapy_splash"
print(json.dumps({
    "arguments": sys.argv[1:],
    "program": os.path.basename(sys.argv[0]),
    "main": sys.modules["__main__"].__spec__.name,
    "folder": os.getcwd(),
    "variables": dict(os.environ),
    "paths": sys.path,
    "our modules": {
        name: module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] in OURS
    },
    "has a reactor": "twisted.internet.reactor" in sys.modules,
    "threads": threading.active_count(),
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "input": os.path.realpath("/proc/self/fd/0"),
    "zone": time.tzname,
    "open files": [number for number in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{number}")],
}))
print("said", file=sys.stderr)
END
"""


def found_in(folder: Path, end: str) -> tuple[dict[str, str], list[str]]:
    """Write the module, which ends with ``end``; return variables and the arguments that import it."""
    (folder / "facts.py").write_text(FACTS.replace("END", end), "utf-8")
    # Without a locale, an interpreter adds one to its variables.
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(folder),
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C.UTF-8",
    }
    return variables, ["list", "-s", "SPIDER_MODULES=facts"]


def in_a_new_process(
    arguments: list[str], cwd: Path, variables: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scrapy", *arguments],
        cwd=cwd,
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def facts(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[0])
    return found


@pytest.mark.parametrize("end", ["os._exit(7)", "raise SystemExit('no')", "os.kill(os.getpid(), 9)"])
def test_a_fork_has_what_a_new_process_has_and_ends_as_it_ends(end: str, tmp_path: Path) -> None:
    variables, arguments = found_in(tmp_path, f"sys.stdout.flush(); {end}")
    forked, new = run_scrapy(arguments, ROOT, variables, 60), in_a_new_process(arguments, ROOT, variables)
    assert facts(forked) == facts(new)
    assert (forked.returncode, forked.stderr) == (new.returncode, new.stderr)


def test_a_fork_in_the_checkout_has_no_module_that_a_new_process_lacks(tmp_path: Path) -> None:
    variables, _ = found_in(tmp_path, "sys.stdout.flush(); os._exit(0)")
    del variables["PYTHONPATH"]  # with it, the fork imports all of our modules itself
    arguments = ["runspider", str(tmp_path / "facts.py")]
    forked, new = run_scrapy(arguments, ROOT, variables, 60), in_a_new_process(arguments, ROOT, variables)
    assert facts(forked) == facts(new)
    assert "crawler.commands.crawl" in facts(forked)["our modules"]


def test_the_import_of_the_commands_reads_no_variable() -> None:
    """A fork has other variables than the process that has imported the commands for it."""
    program = f"""
import importlib, os
from scrapy.utils.misc import walk_modules_iter

for library in {LIBRARIES}:
    importlib.import_module(library)
def refuse(_, name):
    raise RuntimeError(f"a module reads {{name}} when it is imported")
type(os.environ).__getitem__ = refuse
print(len(list(walk_modules_iter({COMMANDS!r}))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 20


def test_a_fork_in_a_copy_of_the_project_imports_the_modules_of_the_copy(tmp_path: Path) -> None:
    copy = ProjectCopy(tmp_path)
    for name in ("crawler", "models"):
        copy.copy(name)
    variables, arguments = found_in(tmp_path, "sys.stdout.flush(); os._exit(0)")
    variables["PYTHONPATH"] = f"{copy.folder}:{tmp_path}"
    forked, new = (
        run_scrapy(arguments, copy.folder, variables, 60),
        in_a_new_process(arguments, copy.folder, variables),
    )
    assert facts(forked) == facts(new)
    assert facts(forked)["our modules"]["crawler.splash.import_hook"].startswith(str(copy.folder))


def test_a_command_that_does_not_end_is_killed_at_its_deadline(tmp_path: Path) -> None:
    variables, arguments = found_in(tmp_path, "sys.stdout.flush(); threading.Event().wait()")
    with pytest.raises(subprocess.TimeoutExpired):
        run_scrapy(arguments, ROOT, variables, 2)
