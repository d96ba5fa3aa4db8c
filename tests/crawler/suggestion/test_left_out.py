"""What the records of a page have that is no field: it is listed with its XPath, its share and an example."""

from __future__ import annotations

import pytest
from parsel import Selector

from crawler.suggestion.document import is_glued
from crawler.suggestion.left_out import MOST, with_left_out
from crawler.suggestion.suggest import suggest
from crawler.suggestion.suggestion import ICON, RARE, SAME, LeftOut, Suggestion
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/films"
TITLES = ("Amber river", "Winter garden", "Paper stone", "Copper lantern", "Velvet harbour")


def left_out(html: str) -> dict[str, LeftOut]:
    found = suggest(html, URL, type_of)
    assert found is not None
    return {one.field.name: one for one in complete(found, html).left_out}


def complete(found: Suggestion, html: str) -> Suggestion:
    return with_left_out(found, html, URL, type_of)


def cards(more: str = "", first: str = "") -> str:
    card = "<li class='film'><h3><a href='/f/{n}'>{title}</a></h3><b class='price'>{n}.50</b>{more}</li>"
    found = (
        card.format(n=n, title=title, more=more + ("" if n else first)) for n, title in enumerate(TITLES)
    )
    return f"<ul>{''.join(found)}</ul>"


def test_a_value_of_few_records_is_listed_with_its_share() -> None:
    html = cards(first="<i class='discount'>20 %</i><a class='offer' href='/offer'>see the offer</a>")
    found = left_out(html)
    assert {name: (one.why, one.field.filled, one.field.samples) for name, one in found.items()} == {
        "discount": (RARE, 0.2, ("20 %",)),
        "offer_url": (RARE, 0.2, ("/offer",)),
        "offer": (RARE, 0.2, ("see the offer",)),
    }
    records = Selector(html).xpath("//li")
    values = [one.xpath(found["discount"].field.xpath).get() for one in records]
    assert values == ["20 %", "", "", "", ""]


def test_a_text_that_all_records_have_is_listed() -> None:
    found = left_out(cards("<span class='stock'>in stock</span><button>Add to basket</button>"))
    assert [(one.why, one.field.samples[0]) for one in found.values()] == [
        (SAME, "in stock"),
        (SAME, "Add to basket"),
    ]
    assert "stock" in found and found["stock"].field.filled == 1.0


def test_labels_punctuation_and_fields_are_not_listed() -> None:
    more = "<p><span>Hall:</span> <em>|</em> <dl><dt>Shown</dt><dd>{}</dd></dl></p>"
    found = left_out("".join(cards(more.format(n)) for n in range(1)))
    assert "Hall:" not in {sample for one in found.values() for sample in one.field.samples}
    assert not {"|", "Shown"} & {sample for one in found.values() for sample in one.field.samples}
    assert not {"title", "price", "url"} & set(found)


def table(cells: str, head: str) -> str:
    rows = "".join(
        f"<tr><td>{title}</td><td>{n}</td>{cells.replace('ICON', 'yes' if n % 2 else 'no')}</tr>"
        for n, title in enumerate(TITLES)
    )
    return f"<table><tr><th>Film</th><th>No</th>{head}</tr>{rows}</table>"


def test_a_column_of_icons_is_listed_with_the_attribute_that_differs() -> None:
    html = table(
        "<td><svg class='icon' data-testid='ICON'></svg></td><td> </td>", "<th>Sold out</th><th>Note</th>"
    )
    found = left_out(html)
    assert {name: (one.why, one.field.filled) for name, one in found.items()} == {
        "sold_out": (ICON, 1.0),
        "note": (RARE, 0.0),
    }
    assert found["sold_out"].field.samples == ("no", "yes", "no", "yes", "no")
    row = Selector(html).xpath("//tr")[2]
    assert row.xpath(found["sold_out"].field.xpath).get() == "yes"
    assert row.xpath(found["note"].field.xpath).get() == ""


def test_the_list_has_an_end() -> None:
    found = left_out(cards("".join(f"<b class='word{chr(97 + n) * 3}'>word {n}</b>" for n in range(40))))
    assert len(found) == MOST


def test_the_text_of_several_elements_is_no_field() -> None:
    about = "<div class='about'><span>Ann</span><span>v{n}</span><span>MB</span></div>"
    html = "".join(f"<li class='film'><h3>Film {n}</h3>{about.format(n=n)}</li>" for n in range(5))
    found = suggest(f"<ul>{html}</ul>", URL, type_of)
    assert found is not None
    assert [field.samples[0] for field in found.fields] == ["Film 0"]


@pytest.mark.parametrize(
    ("html", "glued"),
    [
        ("<p><b>Ann</b><b>v1.0</b><b>Published</b></p>", True),
        ("<p><b>alpha</b><b>beta</b></p>", True),
        ("<p><b>3</b><b>kg</b></p>", False),
        ("<p><b>Ann</b> <b>Lee</b></p>", False),
        ("<p><b>東京</b><b>都</b></p>", False),
        ("<p><b>$</b><b>12</b><sup>99</sup></p>", False),
    ],
)
def test_texts_that_are_glued(html: str, glued: bool) -> None:
    assert is_glued(Selector(html).xpath("//p")[0].root) is glued
