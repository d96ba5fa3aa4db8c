"""The verdict on a run: an exit code that cron, systemd and compose can act on, and its reasons for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from scrapy.settings import BaseSettings

from models.tally import Tally

GOOD = 0
CANNOT_START = 1  # a wrong configuration, a schema that is behind, no renderer
BELOW_POLICY = 2  # it ran, but what it brought is not what it should be
NOT_STORED = 3  # the database did not take what was there
INTERRUPTED = 4  # to be resumed by the next start
ALREADY_RUNNING = 75  # EX_TEMPFAIL of sysexits.h: try again later

WORDS = {
    GOOD: "good",
    CANNOT_START: "could not start",
    BELOW_POLICY: "below its policy",
    NOT_STORED: "could not store its data",
    INTERRUPTED: "interrupted",
    ALREADY_RUNNING: "already running",
}

# Finish reasons of a crawl that stopped by itself. Whatever else ends one before its time (a signal, CLOSESPIDER_...,
# a spider's CloseSpider, the memory limit, a renderer that does not come back) has interrupted it.
CODES = {
    "database_lost": NOT_STORED,
    "scripts_needed": CANNOT_START,
    "unknown_field": CANNOT_START,
    "login_failed": BELOW_POLICY,
    "start_error": BELOW_POLICY,
}

FEW = 10  # rows, of which a share says nothing


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``gone`` counts, by table, the rows that the run did not meet any more."""

    code: int
    reasons: tuple[str, ...] = ()
    gone: Mapping[str, int] = field(default_factory=dict)

    @property
    def word(self) -> str:
        return WORDS[self.code]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a crawl ended, before its run is looked at.

    ``reason`` is Scrapy's finish reason. ``covered`` says that every page that was found was tried; only then is
    there something to judge, and the run over. ``message`` says why not.
    """

    reason: str
    covered: bool
    message: str | None = None
    seconds: float = 0.0
    peak_memory: int = 0  # bytes

    @property
    def verdict(self) -> Verdict | None:
        """None where the policy has to say."""
        if self.covered:
            return None
        if self.reason == "finished":
            return Verdict(code=BELOW_POLICY, reasons=(self.message or "not all of its pages were tried",))
        return Verdict(
            code=CODES.get(self.reason, INTERRUPTED),
            reasons=(self.message or f"it was ended: {self.reason}",),
        )


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a good run is. All shares are between 0 and 1."""

    min_rows: int
    max_failed_share: float
    max_rejected_share: float
    max_coverage_drop: float

    @classmethod
    def from_settings(cls, settings: BaseSettings, *, has_model: bool) -> Self:
        """MIN_ROWS is 1 by default for a spider that has a model, and 0 for others."""
        asked = settings.get("MIN_ROWS")
        return cls(
            min_rows=int(asked) if asked is not None else int(has_model),
            max_failed_share=settings.getfloat("MAX_FAILED_SHARE", 0.05),
            max_rejected_share=settings.getfloat("MAX_REJECTED_SHARE", 0.05),
            max_coverage_drop=settings.getfloat("MAX_COVERAGE_DROP", 0.2),
        )

    def broken_by(self, run: Tally, before: Sequence[Tally]) -> list[str]:
        """What is wrong with a run, in a line each; ``before`` are the last good ones."""
        return [
            *self._too_few(run),
            *self._too_many_failed(run),
            *self._too_many_rejected(run),
            *self._emptied(run, before),
        ]

    def _too_few(self, run: Tally) -> list[str]:
        seen = sum(run.rows.values())
        return (
            [f"{seen} rows, and at least {self.min_rows} are expected (MIN_ROWS)"]
            if seen < self.min_rows
            else []
        )

    def _too_many_failed(self, run: Tally) -> list[str]:
        failed, pages = run.pages.get("failed", 0), sum(run.pages.values())
        if failed <= pages * self.max_failed_share:
            return []
        return [f"{failed} of {pages} pages failed (MAX_FAILED_SHARE is {self.max_failed_share:.0%})"]

    def _too_many_rejected(self, run: Tally) -> list[str]:
        found = []
        for table, rejected in run.rejected.items():
            items = rejected + run.rows.get(table, 0)
            if rejected > items * self.max_rejected_share:
                found.append(
                    f"{rejected} of {items} items for {table} were rejected "
                    f"(MAX_REJECTED_SHARE is {self.max_rejected_share:.0%})"
                )
        return found

    def _emptied(self, run: Tally, before: Sequence[Tally]) -> list[str]:
        found = []
        for table, fields in run.coverage.items():
            if run.rows[table] < FEW:
                continue
            for name, share in fields.items():
                known = [
                    earlier.coverage[table][name]
                    for earlier in before
                    if name in earlier.coverage.get(table, {}) and earlier.rows[table] >= FEW
                ]
                usual = sum(known) / len(known) if known else 0.0
                if usual - share > self.max_coverage_drop:
                    found.append(
                        f"{table}.{name} has a value in {share:.0%} of the rows, {usual:.0%} in the last good runs "
                        f"(MAX_COVERAGE_DROP is {self.max_coverage_drop:.0%})"
                    )
        return found
