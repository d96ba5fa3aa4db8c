"""What a suggestion leaves open: several values, pages that a page names, a menu that is larger than the list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scrapy.http import HtmlResponse

from crawler.commands.new import notes
from crawler.suggestion.column_text import key_length
from crawler.suggestion.preferred import with_element, without_menu
from crawler.suggestion.said_pages import said_pages
from crawler.suggestion.several_values import several_values
from crawler.suggestion.suggest import candidates, suggest
from crawler.trial.missing_records import more_pages_note
from crawler.trial.trial_pages import TrialPage
from crawler.yaml_site.definition import read_definition
from crawler.yaml_site.page_values import item_of
from crawler.yaml_site.yaml_text import yaml_text

URL = "https://shop.example/films"
ONE, TWO = "<i class=tag>new</i>", "<i class=tag>drama</i><i class=tag>old</i>"
TAGS = "".join(
    f"<li class=film><a href=/f/{n}>Film number {n}</a> {TWO if n % 2 else ONE}</li>" for n in range(10)
)
MENU = (
    "<nav><ul>"
    + "".join(
        f"<li class=entry><a href=/m/{n}>A long entry {n} of the menu</a> <b>{n} things in it</b></li>"
        for n in range(40)
    )
    + "</ul></nav>"
)
TABLE = (
    "<table><tr><th>Name<th>Price</tr>"
    + "".join(f"<tr class=row><td><a href=/p/{n}>P{n}</a><td>{n}.50</tr>" for n in range(6))
    + "</table>"
)


def test_a_field_with_several_values_in_a_record_is_named() -> None:
    found = suggest(f"<ul>{TAGS}</ul>", URL)
    assert found is not None
    (tag,) = [field.name for field in found.fields if "tag" in field.xpath]
    assert dict(several_values(found, TAGS)) == {tag: 5}
    line = f"{tag} has several values in 5 of 10 records, and the first one is stored."
    assert line in list(notes(found, TAGS))


def test_a_yaml_site_joins_the_values_of_a_field(tmp_path: Path) -> None:
    found = suggest(f"<ul>{TAGS}</ul>", URL)
    assert found is not None
    (tag,) = [name for name, _ in several_values(found, TAGS)]
    joined = replace(found, joined=(tag,))
    assert f"{tag} has several values in 5 of 10 records, and all are stored as one text (join)." in list(
        notes(joined, TAGS)
    )
    file = tmp_path / "films.yaml"
    file.write_text(yaml_text(joined, URL))
    site = read_definition(file)
    response = HtmlResponse(URL, body=f"<ul>{TAGS}</ul>", encoding="utf-8")
    rows = [item_of(site.list_fields, record, response) for record in response.xpath(found.record)]
    assert [row[tag] for row in rows[:2]] == ["new", "drama, old"]


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<p>Page 1 of 11</p>", "Page 1 of 11"),
        ("<div>Page <b>1</b> of <b>3</b></div>", "Page 1 of 3"),
        ("<p>Seite 1 von 7", "Seite 1 von 7"),
        ("<p>Page 1 of 1</p>", None),
        ("<p>Page 2 of 3</p>", None),
        ("<script>'Page 1 of 3'</script>", None),
        ("", None),
    ],
)
def test_a_page_says_that_it_is_the_first_one_of_several(html: str, said: str | None) -> None:
    assert said_pages(html) == said


def test_the_notes_name_pages_that_no_link_leads_to() -> None:
    html = f"<ul>{TAGS}</ul><p>Page 1 of 11</p><button><svg></svg></button>"
    found = suggest(html, URL)
    assert found is not None
    assert any("'Page 1 of 11'" in note for note in notes(found, html))


def test_the_trial_names_pages_that_the_spider_does_not_request(tmp_path: Path) -> None:
    file = tmp_path / "1.html"

    def note(html: str, *, pages: int = 1, has_steps: bool = False) -> str | None:
        file.write_text(html)
        page = TrialPage(url=URL, status=200, file=file, encoding="utf-8", has_steps=has_steps)
        return more_pages_note([page] * pages)

    assert note("<p>Page 1 of 11") == f"{URL} says 'Page 1 of 11', and the spider requests no other page"
    assert "button 'Next page'" in (note("<button title='Next page'></button>") or "")
    assert note("<p>Page 1 of 11", pages=2) is None
    assert note("<p>Page 1 of 11", has_steps=True) is None
    assert note("<p>all of it") is None


def test_a_list_comes_before_a_larger_menu() -> None:
    found = candidates(MENU + TABLE, URL)
    assert found[0].in_menu
    assert not without_menu(found)[0].in_menu
    assert without_menu(candidates(MENU, URL))[0].in_menu


@pytest.mark.parametrize("element", [".row", "//td/a", "table"])
def test_the_records_that_have_the_element_come_first(element: str) -> None:
    first = with_element(candidates(MENU + TABLE, URL), MENU + TABLE, element)[0]
    assert first.rows == 6


def test_a_long_url_is_a_key_rather_than_a_title() -> None:
    rows = "".join(
        f"<li class=film><a href=/f/{n}{'%E3%81%82' * 50 if n == 3 else ''}>Film number {n}</a> <b>{n}.50</b></li>"
        for n in range(9)
    )
    found = suggest(f"<ul>{rows}</ul>", URL)
    assert found is not None
    assert found.key == ("url",)


def test_a_field_that_nearly_all_records_have_is_a_key_if_no_other_is() -> None:
    rows = "".join(
        f"<li class=film><b>{f'Film {n}' if n != 9 else ''}</b> <i>{n % 5} stars</i></li>" for n in range(30)
    )
    html = f"<ul>{rows}</ul>"
    found = suggest(html, URL)
    assert found is not None
    assert len(found.key) == 1
    assert f"1 records have no {found.key[0]}, which is the key: they are rejected." in list(
        notes(found, html)
    )


def test_the_columns_of_a_key_fit_into_an_index_of_mysql() -> None:
    assert key_length(20) == 255
    assert key_length(484) == 700
    assert key_length(300, 2) == 350
