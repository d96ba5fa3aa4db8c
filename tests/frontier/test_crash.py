"""Whatever is killed, and whenever: the tables are those of a crawl that nothing happened to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.frontier.crashes import campaign, reference_of, two_days

KILLS = 20


@pytest.fixture(scope="module")
def days() -> Iterator[tuple[str, str]]:
    with two_days() as found:
        yield found


@pytest.fixture(scope="module")
def reference(days: tuple[str, str]) -> dict[str, Any]:
    return reference_of(days)


def test_a_crawl_that_is_killed_again_and_again_leaves_what_an_uninterrupted_one_does(
    database_url: str, days: tuple[str, str], reference: dict[str, Any]
) -> None:
    killed, seed = 0, random.randrange(10**6)
    while killed < KILLS:
        print(f"seed {seed}")  # shown when it fails; python -m tests.frontier.crashes --seed repeats it
        killed += campaign(database_url, reference, days, KILLS - killed, seed)
        seed += 1
