"""Why a snapshot of a page is saved, and under which name."""

from __future__ import annotations

from dataclasses import dataclass

# The reasons.
RAISED = "raised"  # its callback raised, or yielded a request that cannot be stored
REJECTED = "rejected"  # an item of it was rejected
NEVER_APPEARED = "never-appeared"  # the element that the render waited for did not appear in time
REASONS = (RAISED, REJECTED, NEVER_APPEARED)
REQUESTED = "requested"  # a person asked for it: `scrapy try --save-test`
EMPTY = "empty"  # it yielded neither an item nor a request; saved only if the whole run has no row

MOST_WHYS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class SnapshotPolicy:
    """How a snapshot of the page is saved if the page has a fault."""

    name: str  # "<run>/<number>"
    request: str  # as JSON
    limit: int  # bytes; a larger body is not saved
