"""Times relative to now: their text differs in each crawl, so their changes are no changes of the record."""

from __future__ import annotations

import pytest

from crawler.suggestion.relative_time import is_relative_time
from crawler.suggestion.site_file import site_file
from crawler.suggestion.suggest import suggest
from crawler.yaml_site.yaml_text import yaml_text
from pipelines.values.type_guess import type_of

URL = "http://127.0.0.1/posts"


@pytest.mark.parametrize(
    "text",
    [
        "26 minutes ago",
        "Published 3 hours ago by Ann",
        "2h ago",
        "an hour ago",
        "just now",
        "Yesterday",
        "in 3 days",
        "vor 2 Stunden",
        "vor einem Jahr",
        "il y a 3 jours",
        "hace una hora",
        "3 giorni fa",
        "5 dagen geleden",
    ],
)
def test_a_time_relative_to_now(text: str) -> None:
    assert is_relative_time([text])


@pytest.mark.parametrize(
    "text", ["2026-11-30", "30 minutes", "3 m", "Fahrt in 12 Tagen", "Long ago", "vor Ort", "Chicago 5"]
)
def test_another_text(text: str) -> None:
    assert not is_relative_time([text])


def posts(attribute: str) -> str:
    post = "<li class='post'><a href='/p/{n}'>Post {n}</a><span class='posted'{title}>{n} minutes ago</span></li>"
    rows = (post.format(n=n, title=attribute.format(n=n)) for n in range(2, 9))
    return f"<ul>{''.join(rows)}</ul>"


def test_its_changes_are_not_in_the_history() -> None:
    found = suggest(posts(""), URL, type_of)
    assert found is not None
    assert 'posted: Mapped[str] = mapped_column(ExactString(255), info={"tracked": False})' in site_file(
        found, "posts", URL
    )
    assert "info:\n        tracked: false\n" in yaml_text(found, URL)


def test_the_title_with_the_complete_time_is_the_field() -> None:
    found = suggest(posts(" title='11/{n}/2026 4:05 PM'"), URL, type_of)
    assert found is not None
    assert "11/2/2026 4:05 PM" in {field.samples[0] for field in found.fields}
    assert not any(field.is_relative_time for field in found.fields)
