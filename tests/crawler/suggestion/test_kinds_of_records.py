"""Records of several kinds or states: a class that all records of one page have may be missing on the next page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from parsel import Selector
from scrapy.http import TextResponse

from crawler.commands.new import Command
from crawler.suggestion.other_siblings import other_siblings
from crawler.suggestion.suggest import suggest
from crawler.trial.missing_records import siblings_note
from crawler.trial.trial_pages import TrialPage

URL = "https://watch.example/"


def row(number: int, kind: str) -> str:
    return f"<tr class='kind-{kind} paused'><td><a href=/w/{number}>Watch {number}</a><td>{number} h</tr>"


def item(number: int, kind: str) -> str:
    return f"<li class='kind-{kind} paused'><a href=/w/{number}>Watch {number}</a> <b>{number} h</b></li>"


def box(number: int, kind: str) -> str:
    return f"<div class=kind-{kind}><a class=name href=/w/{number}>Watch {number}</a> <b>{number} h</b></div>"


def table(*rows: str) -> str:
    return (
        f"<table class=watches><thead><tr><th>Watch<th>Age</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def listed(*items: str) -> str:
    return f"<ul class=menu><li><a href=/>Home</a></ul><ul class=watches>{''.join(items)}</ul>"


@pytest.mark.parametrize(("page", "record"), [(table, row), (listed, item)])
def test_rows_of_another_kind_on_a_later_page_are_records(page: Any, record: Any) -> None:
    found = suggest(page(*(record(number, "text") for number in range(9))), URL)
    assert found is not None and found.rows == 9
    later = Selector(page(record(1, "text"), record(2, "stock")))
    assert len(later.xpath(found.record)) == 2, found.record


def test_other_rows_of_the_same_page_are_no_records() -> None:
    spacers = "<tr class=spacer><td></td></tr>"
    found = suggest(table(*(row(number, "text") + spacers for number in range(9))), URL)
    assert found is not None and found.rows == 9
    assert "kind-text" in found.record


def boxes(*kinds: str) -> str:
    return f"<main>{''.join(box(number, kind) for number, kind in enumerate(kinds))}</main>"


def test_elements_beside_the_records_that_have_the_key_are_counted() -> None:
    page = boxes(*["text"] * 9)
    found = suggest(page, URL)
    assert found is not None and found.key and "kind-text" in found.record
    assert other_siblings(found, page, URL) == 0
    assert other_siblings(found, boxes("text", "stock", "text", "stock"), URL) == 2
    assert other_siblings(found, boxes("text") + "<div>more</div>", URL) == 0


def test_new_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    command: Any = Command()
    command.opts = argparse.Namespace(yes=True)
    page = boxes(*["text"] * 9)
    found = suggest(page, URL)
    assert found is not None
    later = TextResponse(f"{URL}?page=2", body=boxes("text", "stock"), encoding="utf-8")
    first = TextResponse(URL, body=page, encoding="utf-8")
    command.followed = []
    assert command._siblings_left(found, first) is None
    command.followed = [later]
    line = command._siblings_left(found, first)
    assert line.startswith(f"1 elements beside the records of {URL}?page=2 have their key, and //div[")


@pytest.mark.parametrize("record", ["//div[@class='kind-text']", ".kind-text"])
def test_a_trial_names_elements_beside_the_records_that_are_built_like_them(
    tmp_path: Path, record: str
) -> None:
    file = tmp_path / "1.html"
    page = TrialPage(url=URL, status=200, file=file, encoding="utf-8")

    def note(*kinds: str, more: str = "", selector: str | None = record) -> str | None:
        file.write_text(boxes(*kinds) + more)
        return siblings_note(page, selector)

    said = note("text", "stock", "text", "stock")
    assert said is not None and said.startswith(
        f"{URL}: 2 elements beside the records are built like them, and"
    )
    assert note("text", "text", more="<div>more</div>") is None
    assert note("text", "stock") is None, "one record is no list"
    assert note("text", "stock", "text", selector="//p") is None
    assert note("text", "stock", "text", selector="p[") is None
    assert note("text", "stock", "text", selector=None) is None


def test_rows_of_headers_are_not_built_like_records(tmp_path: Path) -> None:
    file = tmp_path / "1.html"
    file.write_text(
        f"<table><tr><th>Watch<th>Age</tr>{row(1, 'a')}{row(2, 'a')}<tr><td colspan=2>2 rows</tr></table>"
    )
    page = TrialPage(url=URL, status=200, file=file, encoding="utf-8")
    assert siblings_note(page, "//tr[td/a]") is None
