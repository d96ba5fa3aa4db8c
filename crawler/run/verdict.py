"""The verdict on a run: an exit code for cron, systemd and compose, and its reasons for people."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from scrapy.settings import BaseSettings

from crawler.page.grid_rows import is_short
from crawler.security.plain_text import one_line
from models.command_name import command
from models.request import REFUSED
from models.run_failures import Ignored, Refused
from models.run_stats import RunStats
from models.shared_keys import SharedKeys

GOOD = 0
CANNOT_START = 1
BELOW_POLICY = 2
NOT_STORED = 3
INTERRUPTED = 4
ALREADY_RUNNING = 75  # EX_TEMPFAIL of sysexits.h: try again later


@dataclass(frozen=True)
class ExitCode:
    """An exit code in words: the verdict, and what it means for the person who reads it."""

    word: str
    meaning: str


# The only list of exit codes: ``scrapy crawl --help`` prints it, and a test compares README.md and docs/ with it.
EXIT_CODES = {
    GOOD: ExitCode("good", "every page that was found was tried, and the result is within the policy"),
    CANNOT_START: ExitCode(
        "could not start", "configuration, schema, no renderer, no such spider, an unknown field"
    ),
    BELOW_POLICY: ExitCode(
        "below its policy",
        "it broke MIN_ROWS, MAX_FAILED_SHARE, MAX_REFUSED_SHARE, MAX_CUT_SHARE, MAX_REJECTED_SHARE, "
        "MAX_COVERAGE_DROP or GONE_LIMIT; or start() or a login failed",
    ),
    NOT_STORED: ExitCode(
        "could not store its data", "the database was away too long; the next start resumes the run"
    ),
    INTERRUPTED: ExitCode(
        "interrupted",
        "by a signal, a limit, a lost renderer or hosts that ask for a long wait; the next start resumes the run",
    ),
    ALREADY_RUNNING: ExitCode("already running", "another process has this spider with these arguments"),
}
WORDS = {code: known.word for code, known in EXIT_CODES.items()}


def exit_code_help() -> str:
    """Return the table of exit codes for ``--help``."""
    lines = [f"  {code:<3} {known.word}: {known.meaning}" for code, known in EXIT_CODES.items()]
    return "\n".join(["Exit code:", *lines, f"`{command('runs')}` shows the reasons."])


CANNOT_SHARE = "cannot_share"  # the finish reason of a worker whose spider logs in
# Finish reasons of a crawl that stopped itself. Every other early end is an interruption: a signal, CLOSESPIDER_...,
# a spider's CloseSpider, the memory limit, a renderer that does not come back.
CODES_OF_FINISH_REASONS = {
    "database_lost": NOT_STORED,
    "scripts_needed": CANNOT_START,
    "unknown_field": CANNOT_START,
    CANNOT_SHARE: CANNOT_START,
    "login_failed": BELOW_POLICY,
    "start_error": BELOW_POLICY,
}
TRIAL_OVER = "trial_over"  # the finish reason of a trial that crawled all of its pages


def trial_of(pages: int) -> str:
    """Return the words for a trial of at most so many pages."""
    return f"a trial of {pages} page" if pages == 1 else f"a trial of {pages} pages"


def acceptance_hint(run_id: int) -> str:
    """Return the line below the verdict on a run that a person may accept."""
    return f"if this is right: {command(f'runs accept {run_id}')}"


NAMED = 3  # pages that a reason names as examples
FEW = 10  # with fewer rows the share of a column's values is chance


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The verdict on a run.

    Attributes:
        code: the exit code.
        reasons: why the verdict is not good, a line each.
        counts: the counts of the run over all of its processes; None if the database could not be read.
        ignored: the pages that were ignored because of their HTTP status; empty if the database could not be read.
        note: facts about the run that do not change its verdict.
        acceptable: the run is below its policy only because it differs from earlier runs: ``scrapy runs accept``.
        is_of_others: another worker of a shared run has judged it, or will: this process raises no alarm.
    """

    code: int
    reasons: tuple[str, ...] = ()
    counts: RunStats | None = None
    ignored: tuple[Ignored, ...] = ()
    note: str | None = None
    acceptable: bool = False
    is_of_others: bool = False

    @property
    def word(self) -> str:
        return WORDS[self.code]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How a crawl ended, before the policy judges its run.

    Attributes:
        reason: Scrapy's finish reason.
        covered: every page that was found was tried. Only then is the run finished, and the policy judges it.
        message: why the crawl did not cover all pages.
        seconds: how long this process took.
        peak_memory: in bytes.
    """

    reason: str
    covered: bool
    message: str | None = None
    seconds: float = 0.0
    peak_memory: int = 0

    @property
    def verdict(self) -> Verdict | None:
        """The verdict on an early end; None if the policy decides: all pages were covered, or those of a trial."""
        if self.covered or self.reason == TRIAL_OVER:
            return None
        if self.reason == "finished":
            return Verdict(code=BELOW_POLICY, reasons=(self.message or "not all of its pages were tried",))
        return Verdict(
            code=CODES_OF_FINISH_REASONS.get(self.reason, INTERRUPTED),
            reasons=(self.message or f"it was ended: {self.reason}",),
        )


def cut_note(pages: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines about pages that were cut: one for each reason. Every verdict has them, the good ones too.

    Args:
        pages: the URL of each page and its reason.
    """
    by_reason = _grouped(pages)
    lines = []
    for reason, urls in list(by_reason.items())[:NAMED]:
        cut = f"1 page was cut: {reason}" if len(urls) == 1 else f"{len(urls)} pages were cut, each: {reason}"
        lines.append(f"{cut}, so that rows may be missing: {_some(urls)}")
    if others := sum(map(len, list(by_reason.values())[NAMED:])):
        lines.append(f"{others} more pages were cut for other reasons")
    return lines


def refused_note(refused: Sequence[Refused]) -> list[str]:
    """Return the lines about pages that the site refused: one for each host and reason. Every verdict has them."""
    lines = []
    for one in refused[:NAMED]:
        pages = "1 page" if one.pages == 1 else f"{one.pages} pages"
        urls = _some(one.urls, one.pages)
        lines.append(f"refused by the site: {pages}, {one.host} {one.reason}: {urls}")
    if others := refused[NAMED:]:
        lines.append(
            f"refused by the site: {sum(one.pages for one in others)} more pages, of other hosts or for other reasons"
        )
    return lines


def button_note(pages: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line for each next_button that was on no page of a list; it makes no run bad.

    Args:
        pages: the URL of each list, and its button.
    """
    return [button_line(button, len(urls), urls) for button, urls in _grouped(pages).items()]


def button_line(button: str, lists: int, urls: Sequence[str]) -> str:
    """Return the line about a next_button that no page of ``lists`` lists had; ``urls`` are the first of them."""
    if lists == 1:
        return f"next_button {button!r} was on no page of {urls[0]}: if the list has more pages, correct it"
    return (
        f"next_button {button!r} was on no page of {lists} lists: if they have more pages, correct it: "
        f"{_some(urls, lists)}"
    )


def next_note(pages: Sequence[tuple[str, str]]) -> list[str]:
    """Return a line if pages of a list left out their next link; it makes no run bad.

    Args:
        pages: the URL of each page, and of its next link.
    """
    if not pages:
        return []
    url, following = pages[0]
    others = "" if len(pages) == 1 else f" (and {len(pages) - 1} more pages)"
    return [
        f"the next link of {url} leads to {following}, and the spider requested another page of the list{others}: if "
        "rows are missing, correct the selector of the next page"
    ]


def grid_note(pages: Sequence[tuple[str, int, int]]) -> list[str]:
    """Return a line if pages have grids with more rows than were read; it makes no run bad.

    A grid that says the same number of rows on several pages is one list with several pages: their results are added.

    Args:
        pages: the URL of each page, the results that the spider yielded, and the rows that its grid says to have.
    """
    read: dict[int, int] = {}
    for _, results, rows in pages:
        read[rows] = read.get(rows, 0) + results
    short = [(url, rows) for url, _, rows in pages if is_short(read[rows], rows)]
    if not short:
        return []
    url, rows = short[0]
    others = "" if len(short) == 1 else f", and {len(short) - 1} more pages"
    return [
        f"{read[rows]} results of a grid that says it has {rows} rows: {url}{others}: if rows are missing, scroll the "
        "list (render_scrolled) or open its other pages"
    ]


def merged_line(items: int) -> str:
    """Return the line about items that became one row with another item."""
    return f"{items} items had the key of another item of their page or of a page beside it, and were merged with it"


def shared_key_note(found: Sequence[SharedKeys]) -> list[str]:
    """Return a line for each table with rows that got different values in a run; it makes no run bad."""
    lines = []
    for one in found:
        rows = "1 row" if one.rows == 1 else f"{one.rows} rows"
        example = f"{one_line(one.key, 100)} ({', '.join(one.fields[:NAMED])})"
        lines.append(
            f"{rows} of {one.table} got other values from a later page of this run, such as {example}: the last ones "
            "are stored; if these are several records of the site, choose a key that is different in each"
        )
    return lines


def forbidden_note(pages: int, urls: Sequence[str]) -> list[str]:
    """Return a line about pages that robots.txt forbids, and what a user may do.

    Args:
        urls: of the first pages.
    """
    if not pages:
        return []
    what = urls[0] if pages == 1 else f"{pages} pages, such as {urls[0]}"
    host = urlsplit(urls[0]).netloc.rpartition("@")[2]
    return [
        f"robots.txt of {host} forbids {what}: not requested; if you may read it anyway, write "
        "ROBOTSTXT_OBEY=0 into .env"
    ]


def empty_note(run: RunStats, before: Sequence[RunStats], tables: Collection[str]) -> list[str]:
    """Return a line for each table with new columns that have no value in any row of a run; it makes no run bad.

    Args:
        before: the stats of the last good runs. A column that they have is compared with them, or was named by them.
        tables: those that are judged.
    """
    lines = []
    for table, fields in run.coverage.items():
        known = {name for earlier in before for name in earlier.coverage.get(table, {})}
        empty = [f"{table}.{name}" for name, share in fields.items() if not share and name not in known]
        if table in tables and run.rows[table] >= FEW and empty:
            lines.append(
                f"{', '.join(empty)}: no value in any of the {run.rows[table]} rows: if the site has one, correct the "
                "selector"
            )
    return lines


def _grouped(pages: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the URLs by the second value of their pairs."""
    found: dict[str, list[str]] = {}
    for url, what in pages:
        found.setdefault(what, []).append(url)
    return found


def _some(urls: Sequence[str], number: int | None = None) -> str:
    """Return the first URLs, with ", ..." if there are more of them (``number``, by default the given ones)."""
    more = ", ..." if (number or len(urls)) > NAMED else ""
    return f"{', '.join(urls[:NAMED])}{more}"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The limits of a good run. All shares are between 0 and 1."""

    min_rows: int
    max_failed_share: float
    max_rejected_share: float
    max_coverage_drop: float
    max_cut_share: float = 0.05
    max_refused_share: float = 0.05

    @classmethod
    def from_settings(cls, settings: BaseSettings, *, has_model: bool) -> Self:
        """Return the policy of the settings. Without MIN_ROWS it is 1 for a spider with a model, else 0."""
        asked = settings.get("MIN_ROWS")
        return cls(
            min_rows=int(asked) if asked is not None else int(has_model),
            max_failed_share=settings.getfloat("MAX_FAILED_SHARE", 0.05),
            max_rejected_share=settings.getfloat("MAX_REJECTED_SHARE", 0.05),
            max_coverage_drop=settings.getfloat("MAX_COVERAGE_DROP", 0.2),
            max_cut_share=settings.getfloat("MAX_CUT_SHARE", 0.05),
            max_refused_share=settings.getfloat("MAX_REFUSED_SHARE", 0.05),
        )

    def broken_by(self, run: RunStats, before: Sequence[RunStats]) -> list[str]:
        """Return a line for each limit that the run breaks. ``before`` has the stats of the last good runs."""
        return [*self.faults_of(run), *self.emptied(run, before)]

    def faults_of(self, run: RunStats, *, is_part: bool = False) -> list[str]:
        """Return a line for each limit that the run breaks without a comparison with earlier runs.

        Args:
            is_part: the run crawled a part of its pages, so it may have fewer rows than MIN_ROWS.
        """
        return [
            *([] if is_part else self._too_few(run)),
            *self._too_many_failed(run),
            *self._too_many_refused(run),
            *self._too_many_cut(run),
            *self._too_many_rejected(run),
        ]

    def _too_few(self, run: RunStats) -> list[str]:
        seen = sum(run.rows.values())
        return (
            [f"{seen} rows, and at least {self.min_rows} are expected (MIN_ROWS)"]
            if seen < self.min_rows
            else []
        )

    def _too_many_failed(self, run: RunStats) -> list[str]:
        failed, pages = run.pages.get("failed", 0), sum(run.pages.values())
        if failed <= pages * self.max_failed_share:
            return []
        return [f"{failed} of {pages} pages failed (MAX_FAILED_SHARE is {self.max_failed_share:.0%})"]

    def _too_many_refused(self, run: RunStats) -> list[str]:
        refused, pages = run.pages.get(REFUSED, 0), sum(run.pages.values())
        if refused <= pages * self.max_refused_share:
            return []
        limit = f"MAX_REFUSED_SHARE is {self.max_refused_share:.0%}"
        return [f"{refused} of {pages} pages were refused by the site ({limit})"]

    def _too_many_cut(self, run: RunStats) -> list[str]:
        pages = sum(run.pages.values())
        if run.cut <= pages * self.max_cut_share:
            return []
        return [f"{run.cut} of {pages} pages were cut (MAX_CUT_SHARE is {self.max_cut_share:.0%})"]

    def _too_many_rejected(self, run: RunStats) -> list[str]:
        found = []
        for table, rejected in run.rejected.items():
            # The rows include those that were stored before and whose item was rejected now (kept).
            items = rejected + max(0, run.rows.get(table, 0) - run.kept.get(table, 0))
            if rejected > items * self.max_rejected_share:
                found.append(
                    f"{rejected} of {items} items for {table} were rejected "
                    f"(MAX_REJECTED_SHARE is {self.max_rejected_share:.0%})"
                )
        return found

    def emptied(self, run: RunStats, before: Sequence[RunStats]) -> list[str]:
        """Return a line for each column that has values in fewer rows than in the last good runs."""
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
