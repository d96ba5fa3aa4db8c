"""Fixtures: a site that records its requests, and a proxy that records the requests to a renderer."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crawler.splash.site import Site, recording_site
from tests.crawler.splash.wire import Wire, wire_to


@pytest.fixture
def site() -> Iterator[Site]:
    with recording_site() as site:
        yield site


@pytest.fixture
def wire(renderer: str) -> Iterator[Wire]:
    with wire_to(renderer) as wire:
        yield wire


@pytest.fixture
def stub() -> Iterator[Wire]:
    with wire_to(None) as wire:
        yield wire
