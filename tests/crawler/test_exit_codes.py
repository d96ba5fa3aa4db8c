"""README.md, docs/ and ``scrapy crawl --help`` have the exit codes of crawler/run/verdict.py."""

from __future__ import annotations

import argparse
import re

import pytest
from scrapy.settings import Settings

from crawler.commands.crawl import Command
from crawler.run.verdict import EXIT_CODES, WORDS
from tests.crawls import ROOT


def text_of(file: str) -> str:
    return " ".join((ROOT / file).read_text("utf-8").split())


def test_the_help_of_crawl_explains_each_exit_code() -> None:
    command, parser = Command(), argparse.ArgumentParser()
    command.settings = Settings()
    command.add_options(parser)
    help_lines = parser.format_help().splitlines()
    for code, known in EXIT_CODES.items():
        assert f"  {code:<3} {known.word}: {known.meaning}" in help_lines


def test_docs_runs_has_a_row_for_each_exit_code() -> None:
    section = (ROOT / "docs/runs.md").read_text("utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| ([^|]+?) \|", section, re.MULTILINE)
    assert {int(code): word for code, word in rows} == WORDS


def test_the_readme_has_a_row_for_each_exit_code() -> None:
    section = (
        (ROOT / "README.md")
        .read_text("utf-8")
        .partition("`scrapy crawl` ends with ")[2]
        .partition("\n## ")[0]
    )
    rows = {int(code): text for code, text in re.findall(r"^\| (\d+) \| ([^|]+?) \|$", section, re.MULTILINE)}
    assert rows.keys() == WORDS.keys()


@pytest.mark.parametrize("file", ["README.md", "docs/runs.md", "docs/cron.md"])
def test_docs_mention_only_exit_codes_that_exist(file: str) -> None:
    mentions = re.findall(r"\bexit code (?:is )?(\d+)(?: \(([^)]*)\))?", text_of(file))
    assert mentions or file == "README.md"
    for code, word in mentions:
        assert int(code) in WORDS
        assert not word or word == WORDS[int(code)]
