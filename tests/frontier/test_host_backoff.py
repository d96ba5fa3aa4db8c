"""HostBackoff: how long a host waits that fails without saying for how long."""

from __future__ import annotations

import pytest

from frontier.host_backoff import HostBackoff


def test_each_failure_doubles_the_wait_up_to_the_limit() -> None:
    backoff = HostBackoff(10, chance=lambda: 0.0)
    assert [backoff.failed("shop") for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.failed("other") == 1


def test_a_good_answer_ends_the_series() -> None:
    backoff = HostBackoff(60, chance=lambda: 0.0)
    assert [backoff.failed("shop"), backoff.failed("shop")] == [1, 2]
    backoff.answered("shop")
    backoff.answered("unknown")
    assert backoff.failed("shop") == 1


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 1.0), (0.5, 0.75), (1.0, 0.5)])
def test_chance_shortens_a_wait_by_up_to_half(chance: float, seconds: float) -> None:
    assert HostBackoff(60, chance=lambda: chance).failed("shop") == seconds


def test_a_host_that_fails_for_ever_has_a_finite_wait() -> None:
    backoff = HostBackoff(60, chance=lambda: 0.0)
    assert {backoff.failed("shop") for _ in range(5000)} == {1, 2, 4, 8, 16, 32, 60}
