"""What a crawl does on a signal, by what it is doing then."""

from __future__ import annotations

import pytest

from crawler.run.shutdown import Reaction, reaction_to_signal


@pytest.mark.parametrize("has_joined", [False, True])
@pytest.mark.parametrize("is_shared", [False, True])
def test_a_crawl_that_runs_finishes_its_pages_and_a_second_signal_ends_it(
    is_shared: bool, has_joined: bool
) -> None:
    for is_second, expected in ((False, Reaction.FINISH), (True, Reaction.END)):
        found = reaction_to_signal(
            is_second=is_second, is_running=True, is_shared=is_shared, has_joined=has_joined
        )
        assert found is expected


@pytest.mark.parametrize(
    ("is_shared", "has_joined", "expected"),
    [
        (False, False, Reaction.END),  # the next crawl resumes the run
        (True, False, Reaction.END_WELL),  # it has begun nothing
        (True, True, Reaction.START_FIRST),  # others would wait for it until it counts as dead
    ],
)
def test_a_crawl_that_starts_ends_at_once_unless_it_has_joined_a_shared_run(
    is_shared: bool, has_joined: bool, expected: Reaction
) -> None:
    found = reaction_to_signal(is_second=False, is_running=False, is_shared=is_shared, has_joined=has_joined)
    assert found is expected
