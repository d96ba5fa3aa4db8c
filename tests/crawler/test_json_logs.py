"""The log lines of real crawls as JSON and as text: their IDs, and that no text of a site looks like a line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.crawler.fake_shop_site import FakeShop, fake_shop, quotes
from tests.crawler.shop_crawls import MODULES
from tests.crawls import scrapy

FORGED = "2026-01-01 00:00:00 [scrapy.core.engine] ERROR: the disk is full"
HOSTILE = f"x\n{FORGED}\r{FORGED}\x1b[2J\u2028{FORGED}\u202e\x85"
A_LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


@pytest.fixture
def site() -> Iterator[FakeShop]:
    with fake_shop() as site:
        yield site


def log_of(site: FakeShop, folder: Path, *options: str, **env: str) -> str:
    known = {"DATABASE_URL": f"sqlite:///{folder}/logs.db", "DEMO_URL": site.url}
    done = scrapy("crawl", "shop", *MODULES, *options, **known, **env)
    return done.stderr


def objects(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


def test_each_json_line_has_the_ids_of_its_run_and_request(site: FakeShop, tmp_path: Path) -> None:
    site.pages = {
        "/start": {"pages": ["/good", "/raises", "/rejected", "/missing"]},
        "/good": {"items": quotes(1)},
        "/raises": {"error": "a \n broken page"},
        "/rejected": {"items": quotes(2, body=None)},
    }
    lines = objects(log_of(site, tmp_path, "-s", "LOG_LEVEL=DEBUG", LOG_FORMAT="json"))
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    of_run = lines[next(n for n, line in enumerate(lines) if "of shop begins" in line["message"]) :]
    strangers = [line for line in of_run if line.get("run") != 1 or line.get("spider") != "shop"]
    assert [line["logger"] for line in strangers] == []

    def request_of(words: str) -> Any:
        return next(line.get("request") for line in lines if words in line["message"])

    crawled = {path: request_of(f"/{path}>") for path in ("start", "good", "raises", "rejected", "missing")}
    assert len(set(crawled.values()) - {None}) == 5
    assert request_of("Spider error processing") == crawled["raises"]
    assert request_of("Dropped: ") == crawled["rejected"]
    assert request_of("Scraped from") == crawled["good"]
    assert request_of("Ignoring response <404") == crawled["missing"]
    assert request_of("of shop begins") is None
    raised = next(line for line in lines if "Spider error processing" in line["message"])
    assert raised["exc_info"].startswith("Traceback") and "a \n broken page" in raised["exc_info"]


@pytest.mark.parametrize("format", ["text", "json"])
def test_text_of_a_site_does_not_look_like_a_line_of_the_log(
    site: FakeShop, tmp_path: Path, format: str
) -> None:
    site.pages = {
        "/start": {"pages": ["/raises", "/rejected"]},
        "/raises": {"error": HOSTILE},
        "/rejected": {"items": [*quotes(3, body=None), {"quote_id": HOSTILE, "body": "b", "author": "A"}]},
    }
    log = log_of(site, tmp_path, LOG_FORMAT=format)
    assert "the disk is full" in log
    assert not [character for character in "\r\x1b\x85\u2028\u202e" if character in log]
    if format == "json":
        assert not [line for line in objects(log) if line["message"].startswith(FORGED)]
    else:
        lines = log.splitlines()
        assert not [line for line in lines if line.startswith(FORGED)]
        assert not [line for line in lines if not (A_LINE.match(line) or line.startswith("    "))]
        dropped = [line for line in lines if "Dropped: " in line]
        assert len(dropped) == 2 and "x\\n2026" in dropped[1], dropped


def test_text_is_the_default_log_format_and_unknown_formats_are_refused(
    site: FakeShop, tmp_path: Path
) -> None:
    site.fill(2)
    assert all(
        A_LINE.match(line) for line in log_of(site, tmp_path).splitlines() if not line.startswith("    ")
    )
    refused = log_of(site, tmp_path, LOG_FORMAT="jsno")
    assert "LOG_FORMAT='jsno' is not json, text or a format" in refused
