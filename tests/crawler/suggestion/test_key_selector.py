"""A page is read when a record has its key, not when there is a record."""

from __future__ import annotations

import pytest
from parsel import Selector

from crawler.suggestion.key_selector import key_selector
from crawler.suggestion.suggestion import Field, Suggestion

EMPTY_ROW = "<tr><td></td><td>Alien</td></tr>"
ROW = "<tr><td>F1</td><td>Alien</td></tr>"


def suggestion(record: str, key: str) -> Suggestion:
    field = Field(name="id", xpath=key, type="str", filled=1.0, samples=("F1",), max_length=2)
    return Suggestion(
        record=record, fields=(field,), key=("id",), detail=None, next_page=None, rows=1, source="markup"
    )


@pytest.mark.parametrize("key", ["normalize-space(td[1])", "td[1]/text()"])
@pytest.mark.parametrize("record", ["//tr", "//tr | //li"])
def test_a_record_without_its_key_does_not_match(record: str, key: str) -> None:
    selector = key_selector(suggestion(record, key), f"<table>{ROW}</table>")
    assert selector is not None
    assert Selector(text=f"<table>{ROW}</table>").xpath(selector)
    assert not Selector(text=f"<table>{EMPTY_ROW}</table>").xpath(selector)


def test_an_attribute_of_the_record_comes_with_it() -> None:
    assert key_selector(suggestion("//tr", "@data-id"), "<table><tr data-id=1></tr></table>") is None


def test_a_selector_that_the_page_does_not_match_is_not_written() -> None:
    assert key_selector(suggestion("//tr", "td[9]/text()"), f"<table>{ROW}</table>") is None
