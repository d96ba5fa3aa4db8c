"""``scrapy demo --console``: the console and the scheduler run beside the demo site, and end with their parent."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crawler.child_process import child_process
from crawler.demo_console import wait_for_end
from crawler.run.stopping import CannotStart
from models.process_id import Process
from models.session import make_engine
from models.spider_schedule import SchedulerProcess
from tests.databases import make_file_with_tables
from tests.processes import ROOT, free_port

DEADLINE = 120  # seconds
PARENT = """
import sys
from pathlib import Path
from crawler.demo_console import run_console
database, folder = sys.argv[1:]
run_console(
    project=Path.cwd(),
    site="http://127.0.0.1:9",
    database=database,
    pages=f"{folder}/pages",
    log=Path(folder) / "logs" / "scheduler.log",
    say=lambda line: print(line, flush=True),
)
"""
ENDS_WITH_STDIN = """
import sys, time
from crawler.child_process import end_with_stdin
assert sys.argv[1:] == ["--exit-with-stdin"]
end_with_stdin()
print("ready", flush=True)
time.sleep(300)
"""


def until(what: str, true: Callable[[], bool]) -> None:
    """Wait until something is true."""
    end = time.monotonic() + DEADLINE
    while not true():
        assert time.monotonic() < end, f"not in time: {what}"
        time.sleep(0.1)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state != "Z"


def test_the_console_and_the_scheduler_end_with_a_demo_that_is_killed(tmp_path: Path) -> None:
    port, database = free_port(), f"sqlite:///{tmp_path / 'demo.db'}"
    make_file_with_tables(database)
    environ = os.environ | {"CONSOLE_PORT": str(port), "SPLASHDOWN_ENV_FILE": "/dev/null", "BROWSER": "true"}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, database, str(tmp_path)],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    try:
        text = ""
        while not (link := re.search(r"http://\S+/link/\S+", text)):
            line = parent.stdout.readline()
            assert line, f"the console did not start: {text}"
            text += line
        page = urllib.request.urlopen(link[0], timeout=DEADLINE).read().decode()
        assert "Make an account" in page
        engine = make_engine(database)

        def scheduler() -> int:
            with Session(engine) as session:
                process = session.scalar(select(SchedulerProcess.process))
            found = Process.parse(process) if process else None
            return found.pid if found else 0

        until("the scheduler is in the table", lambda: scheduler() > 0)
        pid = scheduler()
        assert is_alive(pid)
        parent.kill()
        parent.stdout.read()  # ends when the console has ended too, which has the same output
        until("the scheduler has ended", lambda: not is_alive(pid))
        engine.dispose()
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_child_ends_when_its_block_ends() -> None:
    with child_process([sys.executable, "-c", ENDS_WITH_STDIN], folder=ROOT, output=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        assert child.poll() is None
    assert child.returncode == -signal.SIGTERM
    child.stdout.close()


def test_a_console_that_cannot_start_ends_the_demo() -> None:
    with (
        child_process([sys.executable, "-c", "raise SystemExit(3)"], folder=ROOT) as child,
        pytest.raises(CannotStart, match="the console has ended with exit code 3"),
    ):
        wait_for_end({"the console": child})
