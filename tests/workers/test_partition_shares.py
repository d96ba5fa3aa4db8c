"""How many partitions each worker has: no two workers differ by more than one."""

from __future__ import annotations

import random

import pytest

from models.partition_shares import share_of, surplus_of


@pytest.mark.parametrize("workers", range(1, 12))
def test_the_shares_of_all_workers_are_all_partitions(workers: int) -> None:
    numbers = [3 * number for number in range(workers)]
    shares = [share_of(64, numbers, one) for one in numbers]
    assert sum(shares) == 64 and max(shares) - min(shares) <= 1


def test_a_worker_gives_up_what_is_above_its_share() -> None:
    assert [surplus_of(64, {0: 32, 1: 32, 2: 0}, one) for one in (0, 1, 2)] == [10, 10, 0]


def test_one_worker_gives_one_more_up_for_a_worker_that_has_too_few() -> None:
    assert [surplus_of(64, {0: 22, 1: 22, 2: 20}, one) for one in (0, 1, 2)] == [1, 0, 0]


def test_nobody_gives_up_more_while_partitions_are_on_their_way() -> None:
    assert [surplus_of(64, {0: 22, 1: 22, 2: 19}, one) for one in (0, 1, 2)] == [1, 0, 0]
    assert [surplus_of(64, {0: 22, 1: 21, 2: 20}, one) for one in (0, 1, 2)] == [0, 0, 0]


def test_shares_become_even_whoever_gets_what_is_given_up() -> None:
    """A broker gives a free partition to any worker but the one that had it."""
    dice = random.Random(1)
    for workers in range(2, 9):
        held = dict.fromkeys(range(workers), 0) | {0: 64}
        for _ in range(200):
            given = {one: surplus_of(64, held, one) for one in held}
            if not any(given.values()):
                break
            for one, number in given.items():
                held[one] -= number
                for _ in range(number):
                    held[dice.choice([other for other in held if other != one])] += 1
        assert sum(held.values()) == 64 and max(held.values()) - min(held.values()) <= 1
