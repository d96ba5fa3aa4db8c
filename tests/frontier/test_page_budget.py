"""Which pages a trial may begin, and when it is over."""

from __future__ import annotations

import pytest

from frontier.page_budget import PageBudget
from models.request import Settled


def test_pages_in_flight_count_until_their_end_decides() -> None:
    budget = PageBudget(2)
    budget.begin(1)
    assert budget.may_begin
    budget.begin(2)
    assert not budget.may_begin and not budget.is_spent
    budget.end(Settled(number=1, state="done"))
    budget.end(Settled(number=1, state="done"))  # a login, or a page that was never begun
    assert not budget.may_begin and not budget.is_spent
    budget.end(Settled(number=2, state="failed"))
    assert budget.is_spent and not budget.may_begin


@pytest.mark.parametrize(
    ("settled", "counts"),
    [
        (Settled(number=1, state="failed", error="no route to the host"), True),
        (Settled(number=1, state="refused", status=403), True),
        (Settled(number=1, state="skipped", status=404, error="HTTP 404"), True),
        (Settled(number=1, state="skipped", error="not requested: robots.txt"), False),
    ],
)
def test_a_page_counts_if_the_site_was_asked(settled: Settled, counts: bool) -> None:
    budget = PageBudget(1)
    budget.begin(1)
    budget.end(settled)
    assert budget.is_spent is counts and budget.may_begin is not counts


def test_a_crawl_without_a_limit_is_never_over() -> None:
    budget = PageBudget(None)
    budget.begin(1)
    budget.end(Settled(number=1, state="done"))
    assert budget.may_begin and not budget.is_spent
