"""The interval until a page is fetched again (DELTA=adaptive): Nutch's adaptive fetch schedule.

An unchanged page is fetched less often, a changed one more often.
"""

from __future__ import annotations

FIRST = 3600.0  # seconds
SHORTEST = 60.0
GROWTH = 1.4  # by which the interval of an unchanged page grows
SHRINKAGE = 0.8


def next_interval(interval: float | None, *, changed: bool, longest: float) -> float:
    """Return the seconds until the next fetch.

    Args:
        interval: the seconds until now; None for a page that is new.
        changed: whether the page was another one at this fetch.
        longest: seconds; the result is not longer.
    """
    if interval is None:
        return min(FIRST, longest)
    return min(max(interval * (SHRINKAGE if changed else GROWTH), SHORTEST), longest)
