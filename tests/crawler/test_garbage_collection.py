"""Python's garbage collector in a crawl."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from crawler.garbage_collection import GarbageCollectionExtension, collect_rarely
from tests.processes import ROOT


@pytest.fixture(autouse=True)
def unchanged() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_the_collector_does_not_go_through_the_objects_of_the_start() -> None:
    gc.unfreeze()
    GarbageCollectionExtension().engine_started()
    assert gc.get_freeze_count() > 1000


def test_the_collector_still_runs() -> None:
    collect_rarely()
    assert gc.isenabled()
    assert all(gc.get_threshold())


def test_the_collector_does_not_run_at_the_end_of_a_process() -> None:
    program = """
from crawler.garbage_collection import collect_rarely

class Loop:
    def __init__(self): self.itself = self
    def __del__(self): print("collected")

Loop()
collect_rarely()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
