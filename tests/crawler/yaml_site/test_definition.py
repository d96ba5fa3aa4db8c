"""The YAML of a site: each fault is one line that names the file, the line and what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crawler.suggestion.column_text import column
from crawler.suggestion.suggest import suggest
from crawler.suggestion.suggestion import RARE, Field, LeftOut, Suggestion
from crawler.yaml_site.definition import SiteFileError, is_xpath, read_definition
from crawler.yaml_site.yaml_text import yaml_text
from pipelines.values.type_guess import type_of
from tests.crawler.yaml_site.files import FAULTS, GOOD, with_fault


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_line_with_its_file_and_line(case: str, tmp_path: Path) -> None:
    _, _, line, message = FAULTS[case]
    file = tmp_path / "films.yaml"
    file.write_text(with_fault(case))
    with pytest.raises(SiteFileError) as fault:
        read_definition(file)
    assert str(fault.value).startswith(f"{file}, line {line}: ")
    assert message in str(fault.value) and "\n" not in str(fault.value)


def test_a_good_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    file.write_text(GOOD)
    site = read_definition(file)
    assert (site.name, site.table, site.key, site.wait_for) == ("films", "films", ("sku",), "//article")
    assert [one.name for one in site.fields] == ["sku", "price", "heading", "brand"]
    assert [one.required for one in site.fields] == [True, False, False, False]


def test_a_value_that_yaml_cannot_read_is_a_fault_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    file.write_text(GOOD.replace('css: ".price"', "constant: 2026-13-45"))
    with pytest.raises(SiteFileError, match=r"line 7: .*'2026-13-45' is no value: put a text into quotes"):
        read_definition(file)


@pytest.mark.parametrize(
    "text",
    [
        *("//a", "./a", "../a", ".", "..", "(//a)[1]", "@href", "string(.//b)", "normalize-space()"),
        *("following-sibling::td", "self::node()", "re:test(., 'a')"),
    ],
)
def test_an_xpath_is_recognized(text: str) -> None:
    assert is_xpath(text)


@pytest.mark.parametrize("text", ["a", ".price", "#main > li", "a:not(.x)", "h3 a::attr(href)", "h6", "*"])
def test_a_css_selector_is_recognized(text: str) -> None:
    assert not is_xpath(text)


@pytest.mark.parametrize(
    ("sample", "digits", "scale"),
    [("9.99", 12, 2), ("9.99 € incl. VAT", 18, 2), ("1,2345", 14, 4), ("7", 12, 2)],
)
def test_a_decimal_number_has_the_digits_of_its_column_in_python(
    sample: str, digits: int, scale: int, tmp_path: Path
) -> None:
    def field(name: str, kind: str) -> Field:
        return Field(
            name=name, xpath=f".//{name}", type=kind, filled=0.5, samples=(sample,), max_length=len(sample)
        )

    left_out = field("tax", "Decimal")
    suggestion = Suggestion(
        record="//article",
        fields=(field("name", "str"), field("price", "Decimal")),
        key=("name",),
        detail=None,
        next_page=None,
        rows=2,
        source="markup",
        left_out=(LeftOut(field=left_out, why=RARE),),
    )
    file = tmp_path / "films.yaml"
    text = yaml_text(suggestion, "https://shop.example/films")
    file.write_text(re.sub(r"^    # (?!Left out)", "    ", text, flags=re.MULTILINE), "utf-8")
    _, price, tax = read_definition(file).fields
    assert (price.digits, price.scale) == (tax.digits, tax.scale) == (digits, scale)
    assert f"ExactNumeric({digits}, {scale})" in column(left_out, (), 0)


def test_a_suggested_date_has_its_language_in_both_kinds_of_files(tmp_path: Path) -> None:
    rows = "".join(
        f'<li class="show"><a href="/s/{n}">Show {n}</a> <b>{n + 1}. März 202{n % 7}</b></li>'
        for n in range(9)
    )
    found = suggest(f"<html><body><ul>{rows}</ul></body></html>", "https://shop.example/shows", type_of)
    assert found is not None
    file = tmp_path / "shows.yaml"
    file.write_text(yaml_text(found, "https://shop.example/shows"), "utf-8")
    (day,) = (one for one in read_definition(file).fields if one.type == "date")
    assert day.info == {"languages": ["de"]}
    (suggested,) = (one for one in found.fields if one.name == day.name)
    text = column(suggested, found.key, 0)
    assert text == f'{day.name}: Mapped[date] = mapped_column(info={{"languages": ["de"]}})'


def test_a_suggestion_becomes_a_file_that_can_be_read(tmp_path: Path) -> None:
    def field(name: str, xpath: str, kind: str) -> Field:
        return Field(name=name, xpath=xpath, type=kind, filled=1.0, samples=("1.25",), max_length=9)

    hostile = "//a[contains(., \"'\")][contains(., ': # {')]/@href"
    suggestion = Suggestion(
        record="//article",
        fields=(field("url", hostile, "str"), field("price", "normalize-space(.//b)", "Decimal")),
        key=("url",),
        detail=None,
        next_page="//a[@rel='next']/@href",
        rows=2,
        source="markup",
    )
    file = tmp_path / "films.yaml"
    file.write_text(yaml_text(suggestion, "https://shop.example/films"), "utf-8")
    site = read_definition(file)
    assert [(one.query, one.type) for one in site.fields] == [
        (hostile, "url"),
        ("normalize-space(.//b)", "decimal"),
    ]
    assert site.next_page == "//a[@rel='next']/@href" and site.key == ("url",)
