"""The HTML of a document that Chromium has only begun to read."""

from __future__ import annotations

import asyncio
from typing import Any

from renderer.tab.document import ROOT_RETRIES, Document


class SlowDocument:
    """A session whose document has a root element from the given reading on."""

    def __init__(self, first: int) -> None:
        self.first, self.readings = first, 0

    async def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        assert method == "Runtime.evaluate"
        self.readings += 1
        return {"result": {"value": "<html></html>" if self.readings >= self.first else ""}}


def html_of(session: SlowDocument) -> str:
    return asyncio.run(Document(session).html())  # type: ignore[arg-type]


def test_a_document_with_a_root_element_is_read_once() -> None:
    session = SlowDocument(1)
    assert html_of(session) == "<html></html>"
    assert session.readings == 1


def test_a_document_that_has_just_begun_is_read_again_until_it_has_a_root_element() -> None:
    assert html_of(SlowDocument(3)) == "<html></html>"


def test_a_page_that_removed_its_root_element_has_no_html() -> None:
    session = SlowDocument(10**6)
    assert html_of(session) == ""
    assert session.readings == 1 + ROOT_RETRIES
