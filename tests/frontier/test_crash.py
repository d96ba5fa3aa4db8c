"""Whatever is killed, and whenever: the tables are those of a crawl that nothing happened to."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.frontier.crashes import Crawls, campaign, emptied, reference_of, two_days
from tests.frontier.private_mariadb import private_mariadb

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


def test_a_database_server_that_is_killed_twice_costs_nothing(
    days: tuple[str, str], reference: dict[str, Any], tmp_path: Path
) -> None:
    with private_mariadb() as server, emptied(server.url) as url:
        crawls = Crawls(url, tmp_path)
        for day, poison in zip(days, (True, False), strict=True):
            process = crawls.start(day, poison=poison)
            crawls.wait_for_requests(process, len(crawls.requests()) + 30)
            server.kill()
            server.start()
            said, _ = process.communicate(timeout=120)
            assert process.returncode == 0, said[-3000:]
        assert crawls.left_behind() == reference
        crawls.engine.dispose()


def test_two_processes_that_race_for_one_run_do_it_once(
    database_url: str, days: tuple[str, str], reference: dict[str, Any], tmp_path: Path
) -> None:
    with emptied(database_url) as url:
        crawls = Crawls(url, tmp_path)
        for day, poison in zip(days, (True, False), strict=True):
            racers = [crawls.start(day, poison=poison) for _ in range(3)]
            said = [racer.communicate(timeout=120)[0] for racer in racers]
            codes = sorted(racer.returncode for racer in racers)
            assert codes == [0, 75, 75], said
            assert sum("is in use by process" in words or "is being started" in words for words in said) == 2
        assert crawls.left_behind() == reference
        crawls.engine.dispose()
