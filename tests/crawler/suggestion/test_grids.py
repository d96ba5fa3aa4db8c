"""Tables that are made of ARIA roles: which elements are records, how their columns are found, and windowed lists."""

from __future__ import annotations

import pytest
from parsel import Selector

from crawler.suggestion.suggest import Suggestion, suggest
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/films"
TITLES = ("Amber river", "Winter garden", "Paper stone", "Copper lantern", "Velvet harbour")


def grid(header: str, cell: str, role: str = "grid", attributes: str = "", row: str = "") -> str:
    """Return a page with a grid of three columns and five records; ``{n}`` and ``{text}`` are of the column."""
    names = ("No", "Title", "Hall")
    head = "".join(header.format(n=n, text=text) for n, text in enumerate(names, 1))
    rows = ""
    for number, title in enumerate(TITLES):
        values = (str(number), f"<a href='#/films/{number}'>{title}</a>", f"Hall {number % 2}")
        cells = "".join(cell.format(n=n, text=value) for n, value in enumerate(values, 1))
        rows += f"<div role='row' {row.format(n=number)}>{cells}</div>"
    return f"<div role='{role}' {attributes}><div><div role='row'>{head}</div></div><div>{rows}</div></div>"


def found_on(html: str) -> Suggestion:
    found = suggest(html, URL, type_of)
    assert found is not None
    return found


GRIDS = {
    "by the number of the column": (
        "<div role='columnheader' aria-colindex='{n}'>{text}</div>",
        "<div role='gridcell' aria-colindex='{n}'>{text}</div>",
    ),
    "by a number that only the cells have": (
        "<div role='columnheader'>{text}</div>",
        "<div role='gridcell' aria-colindex='{n}'>{text}</div>",
    ),
    "by the place": ("<div role='columnheader'>{text}</div>", "<div role='cell'><span>{text}</span></div>"),
    "by the name in an attribute": (
        "<div role='columnheader'><b>{text}</b></div>",
        "<div role='cell' col-id='c{n}'>{text}</div>",
    ),
    "beside a mark that shows how the column is sorted": (
        "<div role='columnheader'><span>{text}</span><i aria-hidden='true'>2</i><span>▲</span></div>",
        "<div role='gridcell'>{text}</div>",
    ),
    "below a header deep inside its row": (
        "<p><b><i><u><span role='columnheader'>{text}</span></u></i></b></p>",
        "<div role='gridcell' aria-colindex='{n}'>{text}</div>",
    ),
    "by the label of a header without text": (
        "<div role='columnheader' aria-label='{text}'></div>",
        "<div role='gridcell' aria-colindex='{n}'>{text}</div>",
    ),
}


@pytest.mark.parametrize("role", ["grid", "table", "treegrid"])
@pytest.mark.parametrize("case", GRIDS)
def test_a_column_is_found(case: str, role: str) -> None:
    found = found_on(grid(*GRIDS[case], role=role))
    assert {field.name: field.samples[1] for field in found.fields} == {
        "no": "1",
        "url": "#/films/1",
        "title": "Winter garden",
        "hall": "Hall 1",
    }
    assert (found.rows, found.key, found.grid_rows) == (5, ("no",), 0)


def test_columns_in_another_order_are_read_by_their_headers() -> None:
    header, cell = GRIDS["by the place"]
    page = grid(header, cell)
    fields = {field.name: field.xpath for field in found_on(page).fields}
    other = page.replace(">No<", ">X<").replace(">Title<", ">No<").replace(">X<", ">Title<")
    (first, *_) = Selector(other).xpath("//*[@role='row'][not(.//*[@role='columnheader'])]")
    assert first.xpath(fields["no"]).get() == "Amber river"
    assert first.xpath(fields["hall"]).get() == "Hall 0"
    without = Selector(page.replace(">Hall<", ">Room<")).xpath("//*[@role='row']")[1]
    assert without.xpath(fields["hall"]).get() == ""  # and not the text of another column


def test_cells_of_a_gallery_without_headers_are_records() -> None:
    card = "<div role='gridcell'><h3><a href='/f/{n}'>{text}</a></h3><p>{text} is shown at {n}.15</p></div>"
    rows = "".join(
        f"<div role='row'>{''.join(card.format(n=n + row, text=TITLES[(n + row) % 5]) for n in range(3))}</div>"
        for row in range(3)
    )
    assert found_on(f"<div role='grid'>{rows}</div>").rows == 9


@pytest.mark.parametrize(("count", "records"), {"6": 0, "5": 0, "-1": 0, "401": 400}.items())
def test_a_grid_says_how_many_records_it_has(count: str, records: int) -> None:
    assert found_on(grid(*GRIDS["by the place"], attributes=f"aria-rowcount='{count}'")).grid_rows == records


def test_a_grid_whose_number_has_no_headers_in_it_is_counted_so() -> None:
    """A record's index tells: with the headers, the first record has at least 2."""
    for first, records in ((1, 401), (2, 400), (101, 400)):
        page = grid(*GRIDS["by the place"], attributes="aria-rowcount='401'", row=f"aria-rowindex='{first}'")
        assert found_on(page).grid_rows == records


STYLES = {
    "position: absolute; top: {n}0px": True,
    "position: absolute; transform: translate(0px, {n}0px)": True,
    "transform: translateY({n}0px)": True,
    "transform: translate3d(0px, {n}0px, 0px)": True,
    "transform: translate3d({n}0px, 0px, 0px)": False,  # a carousel
    "height: 40px": False,
    "position: absolute; top: 0px": False,
}


@pytest.mark.parametrize("style", STYLES)
def test_records_with_a_place_of_their_own_may_be_a_part_of_the_list(style: str) -> None:
    found = found_on(grid(*GRIDS["by the place"], row=f"style='{style}'"))
    assert found.is_placed == STYLES[style]


def test_attributes_that_count_rows_are_no_fields() -> None:
    row = (
        "data-rgrow='{n}' data-rowindex='{n}' data-item-index='{n}' data-focuszone-id='Zone{n}' id='row-{n}'"
    )
    found = found_on(grid(*GRIDS["by the place"], row=row))
    assert {field.name for field in found.fields} == {"no", "url", "title", "hall"}
