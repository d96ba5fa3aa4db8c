"""Python's garbage collector in a crawl."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from crawler.garbage_collection import GarbageCollectionExtension, collect_rarely


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
