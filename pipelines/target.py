"""What is the same for all transactions of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from crawler.verdict import Policy
from models import Row
from models.request import NewRequest
from models.run import HeldRun


@dataclass(frozen=True, kw_only=True)
class Target:
    """The run, and what is written beside its rows."""

    run: HeldRun
    history: bool = True
    outbox: bool = False
    gone_limit: float = 0.2  # the share of a scope's rows that may vanish in one run
    policy: Policy | None = None  # what a good run is; None: any
    versions: Mapping[str, str] | None = None  # of what does the work
    all_new: set[type[Row]] = field(default_factory=set)  # what pipelines.batch found last, and tries first
    admits: Callable[[NewRequest], bool] = lambda _: (
        True
    )  # whether a new request may go to this process at once
