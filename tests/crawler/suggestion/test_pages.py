"""The suggestions for list pages of programs by other people have the records, fields and links of their truth."""

from __future__ import annotations

import pytest

from crawler.suggestion.suggest import suggest
from pipelines.values.type_guess import type_of
from tests.crawler.suggestion.scoring import Page, pages, score

# The lowest share of the fields that a page may have; the others have all of them.
FIELDS = {"pelican": 0.83, "nginx": 0.5}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_a_page_has_the_score_that_is_documented(page: Page) -> None:
    got = score(page)
    assert got.records == 1.0
    assert got.fields >= FIELDS.get(page.name, 1.0)
    assert got.next
    assert got.details


@pytest.mark.parametrize("page", [page for page in pages() if page.names], ids=lambda page: page.name)
def test_a_grid_of_roles_has_the_names_of_its_headers_and_says_how_many_records_it_has(page: Page) -> None:
    found = suggest(page.html, page.url, type_of)
    assert found is not None
    assert set(page.names) <= {field.name for field in found.fields}
    assert found.grid_rows == page.grid_rows


def test_the_pages_are_of_many_programs() -> None:
    assert len({page.software for page in pages()}) == len(pages()) >= 36
