"""The decision about a page."""

from __future__ import annotations

import pytest

from crawler.rendering.decision import Decision, decide
from models.rendering_lesson import ALWAYS, LEARNING, PLAIN, RENDERED, Learned

P, R, C = Decision.PLAIN, Decision.RENDER, Decision.COMPARE


@pytest.mark.parametrize(
    ("mode", "draw", "check_all", "refused", "decision"),
    [
        (LEARNING, 0.5, False, False, C),
        (LEARNING, 0.5, False, True, R),
        (LEARNING, 0.01, False, True, C),
        (PLAIN, 0.5, False, False, P),
        (PLAIN, 0.01, False, False, C),
        (PLAIN, 0.5, True, False, C),
        (PLAIN, 0.5, False, True, R),
        (RENDERED, 0.5, False, False, R),
        (RENDERED, 0.5, True, False, R),
        (RENDERED, 0.01, False, False, C),
        (ALWAYS, 0.01, True, False, R),
    ],
)
def test_a_page_is_plain_rendered_or_compared(
    mode: str, draw: float, check_all: bool, refused: bool, decision: Decision
) -> None:
    learned = Learned(mode=mode)
    assert decide(learned, draw=draw, share=0.02, check_all=check_all, refused=refused) is decision


def test_a_share_of_zero_compares_nothing_that_is_learned() -> None:
    assert decide(Learned(mode=PLAIN), draw=0.0, share=0.0, check_all=False, refused=False) is P
