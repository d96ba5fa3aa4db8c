"""A spider's file for node_exporter's textfile collector: what its last run was, and when one was last good."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from crawler.metrics import LastRun, RunningCrawl
from crawler.verdict import GOOD

SUCCESS = "splashdown_last_success_time_seconds"


def file_of(folder: Path, spider: str) -> Path:
    """Every spider has its own, whatever its name is made of."""
    return folder / f"splashdown_{quote(spider, safe='')}.prom"


def write_textfile(folder: Path, running: RunningCrawl) -> Path:
    """Put the crawl that ends into its spider's file, at once: a reader finds the old text or the new one.

    Raises:
        OSError: it could not be written.
    """
    assert running.crawler.stats is not None
    folder.mkdir(parents=True, exist_ok=True)
    file = file_of(folder, running.spider)
    with _alone(folder):  # the same spider may end elsewhere, with other arguments
        now = time.time()
        good = running.crawler.stats.get_value("run/verdict") == GOOD
        last = LastRun(running, ended_at=now, succeeded_at=now if good else last_success(file))
        draft = file.with_suffix(".new")  # the collector reads .prom
        draft.write_bytes(generate_latest(last.registry))
        draft.chmod(0o644)  # the collector is another user, and cron's umask may be strict
        draft.replace(file)
    return file


def last_success(file: Path) -> float | None:
    """What the file says of it, if there is one that can be read."""
    try:
        families = list(text_string_to_metric_families(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return None
    return next(
        (sample.value for family in families for sample in family.samples if sample.name == SUCCESS), None
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
