"""Each form of a selector finds the same in a YAML site, in its ejected file, and in the renderer."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import HtmlResponse
from scrapy.settings import Settings

from crawler.page.element import has_element
from crawler.yaml_site.classes import spider_of
from crawler.yaml_site.definition import read_definition
from crawler.yaml_site.python_file import python_file
from models.quote import Quote
from tests.crawler.yaml_site.ejected import ejected_module

FIELDS = {
    "h6": "Alien",
    ".publishers a": "Fox",
    "p.author a": "Ridley",
    "p a::attr(href)": "/fox",
    "a[href$=ley]::text": "Ridley",
    "b, i": "1979",
    ".//h6": "Alien",
    "./h6": "Alien",
    ".": "Alien Fox Ridley 1979",
    "@id": "f1",
    "string(.//p[2])": "Ridley",
    "(.//a)[2]/@href": "/ridley",
    "child::h6": "Alien",
    "../@id": "list",
    "{xpath: h6}": "Alien",
    "{xpath: p/a}": "Fox",
    "{xpath: .//b, type: int}": "1979",
    "{css: h6}": "Alien",
    "{css: .publishers a}": "Fox",
    '{css: a, join: ", "}': "Fox, Ridley",
    "{xpath: p/a/@href, type: url, join: ' '}": "https://shop.example/fox https://shop.example/ridley",
    "{css: 'a::attr(href)', type: url}": "https://shop.example/fox",
}
PAGE = """<div id=list><article id=f1><h6>Alien</h6> <p class=publishers><a href=/fox>Fox</a></p>
<p class=author><a href=/ridley>Ridley</a></p> <b>1979</b></article></div>
<div class=next><button>more</button><a rel=next href="?page=2">next</a></div>"""
NUMBERS = itertools.count()  # of the ejected modules
RESPONSE = HtmlResponse("https://shop.example/films", body=PAGE, encoding="utf-8")


def both_spiders(text: str, folder: Path) -> list[Any]:
    """Return the spider of a YAML site, and that of its ejected file."""
    file = folder / "films.yaml"
    file.write_text(text)
    site = read_definition(file)
    kinds = [
        spider_of(site, Quote, "sites.films"),
        ejected_module(python_file(site), f"sites.ejected_selectors_{next(NUMBERS)}").FilmsSpider,
    ]
    spiders = [kind() for kind in kinds]
    for spider in spiders:
        spider.settings = Settings()
    return spiders


def quoted(selector: str) -> str:
    return selector if selector.startswith("{") else f'"{selector}"'


def test_a_field_has_the_same_value_in_the_ejected_file(tmp_path: Path) -> None:
    fields = "".join(f"    f{n}: {quoted(one)}\n" for n, one in enumerate(FIELDS))
    text = f"start: https://shop.example/\nkey: f0\nlist:\n  record: article\n  fields:\n{fields}"
    for spider in both_spiders(text, tmp_path):
        (item,) = spider.parse(RESPONSE)
        assert dict(zip(FIELDS, item.values(), strict=True)) == FIELDS


@pytest.mark.parametrize(
    "record", ["article", "#f1", "//article", "(//article)", "id('f1')", "descendant::article"]
)
@pytest.mark.parametrize("button", ["div.next button", ".next button", "//button", "descendant::button"])
def test_a_selector_of_a_page_is_the_same_for_the_renderer(record: str, button: str, tmp_path: Path) -> None:
    text = (
        "start: https://shop.example/\nkey: name\nlist:\n"
        f'  record: "{record}"\n  next_button: "{button}"\n  fields: {{name: h6}}\n  follow: h6\n'
        f'detail:\n  wait_for: "{button}"\n  fields: {{title: h6}}\n'
    )
    for spider in both_spiders(text, tmp_path):

        async def first(spider: Any = spider) -> Any:
            return [one async for one in spider.start()]

        (start,) = asyncio.run(first())
        (detail,) = spider.parse(RESPONSE)
        assert detail.cb_kwargs == {"item": {"name": "Alien"}}
        given = start.meta["render"] | start.meta["splash"]["args"]
        for selector in (given["wait_for"], given["next_button"], detail.meta["splash"]["args"]["wait_for"]):
            assert has_element(RESPONSE, selector), selector


@pytest.mark.parametrize(
    "follow",
    [
        *(".author a::attr(href)", "p.author a::attr(href)", "p a[href*=rid]::attr(href)"),
        *(".//p[2]/a/@href", "descendant::a[2]/@href", "string(.//p[2]/a/@href)"),
    ],
)
@pytest.mark.parametrize(
    "following", ["a[rel=next]::attr(href)", ".next a::attr(href)", "//a[@rel='next']/@href"]
)
def test_a_link_is_the_same_in_the_ejected_file(follow: str, following: str, tmp_path: Path) -> None:
    text = (
        "start: https://shop.example/\nkey: name\nlist:\n  record: article\n"
        f'  fields: {{name: h6}}\n  follow: "{follow}"\n  next: "{following}"\ndetail:\n  fields: {{title: h6}}\n'
    )
    for spider in both_spiders(text, tmp_path):
        urls = [request.meta["render"].get("url", request.url) for request in spider.parse(RESPONSE)]
        assert [url.removeprefix("https://shop.example") for url in urls] == ["/ridley", "/films?page=2"]
