"""The decision about a page of ``render()``: plain HTTP, a render, or both to compare them."""

from __future__ import annotations

from enum import Enum

from models.rendering_lesson import ALWAYS, LEARNING, PLAIN, Learned


class Decision(Enum):
    PLAIN = "plain"  # plain HTTP answers
    RENDER = "render"  # the renderer answers
    COMPARE = "compare"  # the renderer answers, and the plain page is compared with it


def decide(learned: Learned, *, draw: float, share: float, check_all: bool, refused: bool) -> Decision:
    """Return how a page is fetched.

    Args:
        draw: a random number from 0 to 1.
        share: the share of pages that are compared, whatever was learned.
        check_all: the coverage of the plain pages has fallen.
        refused: the host gave the last plain pages not at all, or not in full.
    """
    if learned.mode == ALWAYS:
        return Decision.RENDER
    if draw < share:
        return Decision.COMPARE
    if refused:
        return Decision.RENDER
    if learned.mode == LEARNING or (learned.mode == PLAIN and check_all):
        return Decision.COMPARE
    return Decision.PLAIN if learned.mode == PLAIN else Decision.RENDER
