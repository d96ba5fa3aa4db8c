"""The errors of pages that fail to load."""

from __future__ import annotations

import pytest

from renderer.errors import describe_reason, page_failure


def test_an_error_page_escapes_the_url() -> None:
    page = page_failure("net::ERR_CONNECTION_REFUSED", "http://x/<script>").as_page()
    assert "<script>" not in page
    assert "Connection refused" in page and "Network error #1" in page


def test_the_error_of_an_unknown_host_names_the_host() -> None:
    assert (
        page_failure("net::ERR_NAME_NOT_RESOLVED", "http://no.example/").text == "Host no.example not found"
    )


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("network1", "Connection refused"),
        ("network5", "Operation canceled"),
        ("http404", "HTTP status 404"),
        ("something else", ""),
        ("https", ""),
    ],
)
def test_a_reason_has_a_description(reason: str, words: str) -> None:
    assert describe_reason(reason) == words
