"""scripts/crawl as cron starts it: in a bare environment, from another folder, in a path with a space."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.crawls import ROOT

BARE = {"PATH": "/usr/bin:/bin", "HOME": "/", "SHELL": "/bin/sh"}  # cron's environment


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder that has only scripts/crawl and an empty .venv."""
    folder = tmp_path / "a project"
    (folder / "scripts").mkdir(parents=True)
    (folder / ".venv/bin").mkdir(parents=True)
    shutil.copy(ROOT / "scripts/crawl", folder / "scripts/crawl")
    return folder


def with_python(project: Path, body: str) -> Path:
    """Make a shell script the project's .venv/bin/python; return the path of scripts/crawl."""
    python = project / ".venv/bin/python"
    python.write_text(f"#!/bin/bash\n{body}\n")
    python.chmod(0o755)
    return project / "scripts/crawl"


def crawl(script: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [script, *arguments],
        cwd="/",
        env=BARE | env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )


def logs(project: Path) -> list[Path]:
    return sorted((project / "data/logs/crawls").iterdir())


def test_a_good_crawl_prints_nothing_and_writes_its_log(project: Path) -> None:
    script = with_python(project, 'echo "$PWD: $*"; echo a warning >&2')
    done = crawl(script, "books", "-a", "x=1 2")
    assert (done.returncode, done.stdout) == (0, "")
    (log,) = logs(project)
    assert log.read_text() == f"{project}: -m scrapy crawl books -a x=1 2\na warning\n"


@pytest.mark.parametrize("code", [1, 2, 3, 4, 75])
def test_any_other_crawl_prints_its_log_and_keeps_its_exit_code(project: Path, code: int) -> None:
    done = crawl(with_python(project, f"echo to say; echo to complain >&2; exit {code}"), "books")
    assert done.returncode == code
    first, _, log = done.stdout.partition("\n\n")
    assert first == f"scripts/crawl books: exit code {code}; the log is {logs(project)[0]}"
    assert log == "to say\nto complain\n"


def test_a_link_to_the_script_finds_the_project(project: Path, tmp_path: Path) -> None:
    script = with_python(project, "exit 2")
    (tmp_path / "link").symlink_to(script)
    assert crawl(tmp_path / "link", "books").returncode == 2
    assert logs(project)


def test_the_script_keeps_only_the_newest_logs_of_a_spider(project: Path) -> None:
    script = with_python(project, "exit 0")
    folder = project / "data/logs/crawls"
    folder.mkdir(parents=True)
    old = [folder / f"books-2026010{day}T031500Z-7.log" for day in range(1, 6)]
    other_files = [folder / "books-2-20260101T031500Z-7.log", folder / "books-2026-notes.log"]
    for file in old + other_files:
        file.touch()
    crawl(script, "books", CRAWL_LOGS="3")
    assert [file.exists() for file in old] == [False, False, False, True, True]
    assert all(file.exists() for file in other_files) and len(logs(project)) == 5


def test_a_large_log_keeps_its_beginning_and_its_end(project: Path) -> None:
    script = with_python(project, "echo first; for i in {1..2000}; do echo $i; done; echo last; exit 3")
    done = crawl(script, "books", CRAWL_LOG_BYTES="1000")
    kept = logs(project)[0].read_text()
    assert kept.startswith("first\n") and kept.endswith("last\n") and kept in done.stdout
    assert len(kept) < 1100 and "bytes are left out here" in kept


def test_the_script_passes_a_signal_on_and_waits_for_the_crawl(project: Path) -> None:
    script = with_python(
        project,
        """trap 'echo told; sleep 1; echo done; exit 4' TERM
        echo ready; for i in {1..300}; do sleep 0.1; done""",
    )
    process = subprocess.Popen(
        [script, "books"], env=BARE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        wait_for_log(project, "ready")
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 4
    assert output.endswith("ready\ntold\ndone\n")


def wait_for_log(project: Path, word: str) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if any(word in log.read_text() for log in (project / "data/logs/crawls").glob("*")):
            return
        time.sleep(0.05)
    raise AssertionError(f"no log of the crawl has {word!r} after 20 s")


def test_the_error_for_a_missing_spider_or_venv_says_what_to_do(project: Path) -> None:
    done = crawl(project / "scripts/crawl", "books")
    assert done.returncode == 1 and "run scripts/setup" in done.stdout
    done = crawl(with_python(project, "exit 0"))
    assert done.returncode == 1 and done.stdout.startswith("usage:")


THING = """
from models import Quote
from spiders.base import SiteSpider

class ThingSpider(SiteSpider):
    name = "thing"
    model = Quote
    custom_settings = {"RENDERER_ENABLED": False, "ROBOTSTXT_OBEY": False}
    async def start(self):
        yield {"quote_id": 1, "body": "Ünï", "author": "a", "tags": ""}
        self.logger.warning("a letter: ß")
"""


def test_a_real_crawl_runs_in_the_bare_environment(project: Path, tmp_path: Path) -> None:
    (tmp_path / "things.py").write_text(THING)
    script = with_python(
        project,
        f"export PYTHONPATH='{tmp_path}:{ROOT}' SPLASHDOWN_ENV_FILE=\ncd '{ROOT}' && exec '{sys.executable}' \"$@\"",
    )
    options = ("-s", "SPIDER_MODULES=things", "-s", f"DATABASE_URL=sqlite:///{tmp_path}/x.db")
    done = crawl(script, "thing", *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert "a letter: ß" in logs(project)[0].read_text("utf-8")
    done = crawl(script, "think", *options)
    assert done.returncode == 1 and "did you mean 'thing'?" in done.stdout
