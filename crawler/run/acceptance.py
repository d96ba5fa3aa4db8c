"""The decision whether a person may accept a run that is below its policy (``scrapy runs accept``)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from crawler.run.verdict import BELOW_POLICY, GOOD
from models.command_name import command
from models.request import FAILED, REFUSED
from models.run import GIVEN_UP, CrawlRun


class CannotAccept(Exception):
    """The run cannot be accepted; the message says why, in one line."""


def crawl_command(spider: str, arguments: Mapping[str, Any], *options: str) -> str:
    """Return the command that crawls the scope."""
    given = [word for name, value in arguments.items() for word in ("-a", f"{name}={value}")]
    return command(shlex.join(["crawl", spider, *given, *options]))


def refusal(run: CrawlRun) -> str | None:
    """Return why the run cannot be accepted, in one line; None if it can."""
    if run.trial_pages is not None:
        return f"run {run.id} is a trial: no later run is compared with it"
    if run.unfinished is not None:
        return f"run {run.id} is not finished: `{crawl_command(run.spider, run.arguments)}` resumes it"
    if run.finish_reason == GIVEN_UP:
        return f"run {run.id} was given up; accept a run that came to its end"
    if run.verdict == GOOD:
        return f"run {run.id} is good: there is nothing to accept"
    if run.verdict != BELOW_POLICY:
        return f"run {run.id} of {run.spider} has no verdict: there is nothing to accept"
    reasons = "; ".join(run.reasons or [])
    if run.acceptable is None:
        return f"run {run.id} is from before `{command('runs accept')}`: crawl again; its reasons: {reasons}"
    if run.acceptable:
        return None
    pages: Mapping[str, int] = (run.counts or {}).get("pages", {})
    again = ""
    if pages.get(FAILED) or pages.get(REFUSED):
        again = (
            f"; `{crawl_command(run.spider, run.arguments, '--failed-only')}` crawls its failed pages again"
        )
    return f"run {run.id} cannot be accepted, since it has faults of its own: {reasons}{again}"
