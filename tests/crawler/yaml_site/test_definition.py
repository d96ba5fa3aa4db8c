"""The YAML of a site: each fault is one line that names the file, the line and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from crawler.suggestion.suggestion import Field, Suggestion
from crawler.yaml_site.definition import SiteFileError, is_xpath, read_definition
from crawler.yaml_site.yaml_text import yaml_text

GOOD = """start: https://shop.example/films
key: sku
list:
  record: //article
  fields:
    sku: {xpath: "@data-sku", length: 20}
    price: {css: ".price", type: decimal}
  follow: .//a/@href
detail:
  fields:
    heading: //h1
    brand: {jsonld: brand.name}
"""

FAULTS = {
    "empty": ("", "", 1, "the file is empty"),
    "no YAML": ("key: sku", "key: [sku", 3, "no YAML"),
    "no mapping": (GOOD, "- a\n", 1, "a mapping is needed here, with site, start"),
    "an unknown name": ("record:", "recrod:", 4, "there is no 'recrod' here; did you mean 'record'?"),
    "a name twice": ("key: sku", "key: sku\nkey: sku", 3, "'key' is there twice"),
    "without start": ("start: https://shop.example/films\n", "", 1, "'start' is missing"),
    "without a record": ("  record: //article\n", "", 4, "'record' is missing"),
    "no URL": ("https://shop.example/films", "shop.example", 1, "is no URL: write https://..."),
    "a key that is no field": ("key: sku", "key: skuu", 2, "there is no field 'skuu'; there are sku, price"),
    "no XPath": ("//article", '"//article["', 4, "list.record: '//article[' is no XPath"),
    "no CSS selector": ('".price"', '".price["', 7, "is no CSS selector"),
    "an unknown type": ("type: decimal", "type: money", 7, "there is no 'money' here; there are text, url"),
    "two sources": (
        'css: ".price"',
        'css: ".price", xpath: "."',
        7,
        "write one of xpath, css, jsonld, constant",
    ),
    "no source": ('{css: ".price", type: decimal}', "{type: decimal}", 7, "write one of xpath"),
    "a length of text": ("length: 20", "length: long", 6, "a whole number above zero is needed here"),
    "a long key": ("length: 20", "length: 2000", 6, "a key has at most 700 characters"),
    "a reserved name": ("price:", "metadata:", 7, "is a name that every row has"),
    "no name": ("price:", "Price:", 7, "is no name: use small letters"),
    "JSON-LD in a list": ('css: ".price"', "jsonld: price", 7, "put the field into detail"),
    "follow without detail": (
        GOOD[GOOD.index("detail:") :],
        "",
        8,
        "'list.follow' and 'detail' belong together",
    ),
    "the same field twice": ("heading:", "sku:", 10, "the list has a field 'sku' too"),
    "a list for a text": ("record: //article", "record: [a, b]", 4, "text is needed here"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_line_with_its_file_and_line(case: str, tmp_path: Path) -> None:
    old, new, line, message = FAULTS[case]
    file = tmp_path / "films.yaml"
    file.write_text(GOOD.replace(old, new) if old else new)
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


@pytest.mark.parametrize(
    "text", ["//a", "./a", "../a", ".", "(//a)[1]", "@href", "string(.//b)", "normalize-space()"]
)
def test_an_xpath_is_recognized(text: str) -> None:
    assert is_xpath(text)


@pytest.mark.parametrize("text", ["a", ".price", "#main > li", "a:not(.x)", "h3 a::attr(href)"])
def test_a_css_selector_is_recognized(text: str) -> None:
    assert not is_xpath(text)


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
