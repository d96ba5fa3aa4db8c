"""Text of sites on pages and in messages."""

from __future__ import annotations

import pytest

from crawler.security.plain_text import without_controls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u202eb\x1b[31m\u2028c\x00\ud800", "a b [31m c  "),
        ("a\nb\tc\rd", "a\nb c d"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🔬 12\u00a0€ 東\u3000京", "👩\u200d🔬 12\u00a0€ 東\u3000京"),
    ],
)
def test_controls_become_spaces_and_letters_stay(text: str, expected: str) -> None:
    assert without_controls(text, "\n") == expected
