"""A killed crawl leaves neither a renderer nor a Chromium behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from tests.crawls import ROOT

DEADLINE = 5.0  # seconds in which the renderer and Chromium have to end


def test_killing_a_crawl_ends_its_renderer_and_chromium(tmp_path: Path, demo_site: str) -> None:
    crawl = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "crawl", "books"],
        cwd=ROOT,
        env=os.environ
        | {
            "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
            "SPLASH_URL": "",
            "DEMO_URL": demo_site,
            "SPLASHDOWN_ENV_FILE": "",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        children: list[psutil.Process] = []
        until = time.monotonic() + 60
        while time.monotonic() < until and not any("--type=renderer" in _line(child) for child in children):
            assert crawl.poll() is None
            children = psutil.Process(crawl.pid).children(recursive=True)
            time.sleep(0.05)  # between two looks at the process table
        assert any("chrom" in _line(child) for child in children)
        crawl.send_signal(signal.SIGKILL)
        crawl.wait()
        _, alive = psutil.wait_procs(children, timeout=DEADLINE)
        assert not [_line(process) for process in alive]
    finally:
        crawl.kill()
        crawl.wait()


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
