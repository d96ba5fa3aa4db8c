"""RunContext: the run, and what its transactions share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crawler.run.verdict import Policy
from models import Row
from models.request import NewRequest
from models.run import ClaimedRun


@dataclass(kw_only=True)
class RunContext:
    """The run, the settings of its transactions, and what they have learned about the tables."""

    run: ClaimedRun
    history: bool = True
    outbox: bool = False
    delta: bool = False  # the run has records of its pages
    gone_limit: float = 0.2  # the share of a scope's rows that may be gone after one run
    policy: Policy | None = None  # the limits of a good run; None: no limits
    versions: Mapping[str, str] | None = None  # of Python, the packages and the renderer
    # Models whose rows were all new in the last batch: the next batch is inserted without a comparison first.
    all_new: set[type[Row]] = field(default_factory=set)
    # Models that had a row before its parent row: the writer looks for the parents of their rows before it
    # writes them.
    check_parents: set[type[Row]] = field(default_factory=set)
    # The digests of the parent rows that waiting rows wait for (pipelines.storage.waiting_rows).
    awaited: set[bytes] = field(default_factory=set)
    workers: int = 1  # of a shared run that are alive, this one included
    # Returns whether a new request may be leased to this process at once.
    fits_in_window: Callable[[NewRequest], bool] = lambda _: True
