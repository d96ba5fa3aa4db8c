"""The metrics and the summary of unchanged pages."""

from __future__ import annotations

from crawler.metrics.collector import counted
from crawler.run.extension import stats_of
from crawler.run.summary import counts_line
from models.run_stats import RunStats

COUNTS = RunStats(pages={"done": 10}, unchanged={"not fetched": 6, "304": 2})


def test_the_metric_counts_pages_by_how_the_crawl_knew_that_they_are_unchanged() -> None:
    metrics = {name: values for (name, _, _), values in counted(stats_of(COUNTS, history=True), set())}
    assert metrics["unchanged_pages"] == {("not_fetched",): 6, ("304",): 2}
    assert metrics["pages"] == {("done",): 10, ("failed",): 0, ("refused",): 0, ("skipped",): 0}


def test_the_summary_has_them_only_if_there_are_any() -> None:
    assert "; unchanged pages: 8 (not fetched 6, 304 2); " in counts_line(COUNTS)
    assert "unchanged" not in counts_line(RunStats(pages={"done": 10}))


def test_the_counts_of_a_run_from_before_the_update_have_none() -> None:
    assert RunStats.from_json({"pages": {"done": 1}}).unchanged == {}
