"""The file of a spider for node_exporter's textfile collector: its last run, and the time of its last good run."""

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

from crawler.atomic_file import write_atomically
from crawler.metrics.collector import LastRun, RunningCrawl
from crawler.run.verdict import GOOD
from crawler.stat_names import VERDICT

SUCCESS = "splashdown_last_success_time_seconds"


def file_of(folder: Path, spider: str) -> Path:
    """Return the file of the spider: each name has its own, whatever characters it has."""
    return folder / f"splashdown_{quote(spider, safe='')}.prom"


def write_textfile(folder: Path, running: RunningCrawl) -> Path:
    """Write the metrics of the crawl into its spider's file, in one step: a reader finds the old text or the new one.

    Raises:
        OSError: the file cannot be written.
    """
    assert running.crawler.stats is not None
    folder.mkdir(parents=True, exist_ok=True)
    file = file_of(folder, running.spider)
    with _locked(folder):  # a crawl of this spider with other arguments may end at the same time
        now = time.time()
        good = running.crawler.stats.get_value(VERDICT) == GOOD
        last = LastRun(running, ended_at=now, succeeded_at=now if good else last_success(file))
        # The collector runs as another user, and cron's umask may be strict.
        write_atomically(file, generate_latest(last.registry), mode=0o644)
    return file


def last_success(file: Path) -> float | None:
    """Return the time of the last good run in the file; None if there is no readable file."""
    try:
        families = list(text_string_to_metric_families(file.read_text("utf-8")))
    except (FileNotFoundError, ValueError):
        return None
    return next(
        (sample.value for family in families for sample in family.samples if sample.name == SUCCESS), None
    )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
