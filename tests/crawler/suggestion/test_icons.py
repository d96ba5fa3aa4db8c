"""Icons that are text are neither in the names of fields nor in their values."""

from __future__ import annotations

import pytest

from crawler.suggestion.suggest import suggest
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/films"
TITLES = ("Amber river", "Winter garden", "Paper stone", "Copper lantern", "Velvet harbour")
ICONS = {
    "a word of Material Icons": "<i class='material-icons'>arrow_upward</i>",
    "a word of Material Symbols": "<span class='material-symbols-outlined'>expand_more</span>",
    "an element of Angular": "<mat-icon>sort</mat-icon>",
    "a private-use character": "<i class='fa'>\uf0de</i>",
    "a text that is hidden by aria-hidden": "<span aria-hidden='true'>sorted</span>",
    "an arrow": "<span>▲</span>",
    "two arrows": "<span>↕</span> <span>▼</span>",
}


def fields(header: str, cell: str) -> dict[str, str]:
    """Return the samples of the second record by the names of the fields."""
    rows = "".join(f"<tr><td>{n}</td><td>{cell.format(text=text)}</td></tr>" for n, text in enumerate(TITLES))
    head = f"<tr><th>No</th><th>{header}</th></tr>"
    found = suggest(f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>", URL, type_of)
    assert found is not None
    return {field.name: field.samples[1] for field in found.fields}


@pytest.mark.parametrize("case", ICONS)
def test_an_icon_is_no_part_of_a_name(case: str) -> None:
    for header in (f"<span>Film</span> {ICONS[case]}", f"{ICONS[case]} Film"):
        assert fields(header, "{text}") == {"no": "1", "film": "Winter garden"}


@pytest.mark.parametrize("case", ICONS)
def test_an_icon_is_no_part_of_a_value(case: str) -> None:
    icon = ICONS[case]
    for cell in (f"{icon} {{text}}", f"{{text}} {icon}", f"<b>{{text}}</b> {icon}"):
        assert fields("Film", cell) == {"no": "1", "film": "Winter garden"}
    assert set(fields("Film", f"{icon} <a href='/films/{{text}}'>{{text}} {icon}</a>")) == {
        "no",
        "film",
        "url",
    }


def test_private_use_characters_beside_a_text_are_removed_from_it() -> None:
    assert fields("\uf0c9 Film \ue900", "\uf0c9 {text} \ue900") == {"no": "1", "film": "Winter garden"}


def test_a_number_that_is_hidden_and_an_arrow_beside_a_number_are_values() -> None:
    assert fields("Film", "<span aria-hidden='true'>{text} 7</span>")["film"] == "Winter garden 7"
    assert fields("Film", "▲ {text} 1.5")["film"] == "▲ Winter garden 1.5"


def test_a_page_that_is_hidden_behind_a_dialog_has_its_records() -> None:
    rows = "".join(f"<li><a href='/{n}'>{text}</a></li>" for n, text in enumerate(TITLES))
    found = suggest(f"<div id='app' aria-hidden='true'><ul class='films'>{rows}</ul></div>", URL, type_of)
    assert found is not None
    assert [field.name for field in found.fields] == ["url", "title"]
