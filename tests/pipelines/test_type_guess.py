"""The type of a column for known texts: that of the validator, and text if in doubt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.values.type_guess import type_of

CASES = {
    "int": [
        ["1", "20"],
        ["12 comments", "1 comment"],
        ["1,234", "12"],
        ["2019", "2020"],
        ["28", "12", "0"],
        ["kr 5", "kr. 7"],
        ["US$5", "US$ 6"],
    ],
    "Decimal": [
        ["£51.77", "£1,051.77"],
        ["1.2", "1.10"],
        ["5", "3.5"],
        ["12.50 EUR", "3 EUR"],
        ["EUR 1.50", "EUR 3"],
    ],
    "date": [
        ["3 May 2019", "4 June 2020"],
        ["2026-11-28", "2026-01-02"],
        ["Nov. 3, 2026", "July 2, 2026"],
        ["8. April 1990"],
    ],
    "datetime": [
        ["2026-11-28T10:00:00Z", "2026-01-02T00:00:01+00:00"],
        ["2026-11-28 10:00", "2026-11-29 11:00"],
        ["3 May 2019 10:30", "4 May 2019 11:30"],  # also Turkish
        ["Nov. 3, 2026, 4:30 p.m.", "Nov. 4, 2026, 4:30 p.m."],
    ],
    "date de": [["4. März 2026", "12. Mai 2025"], ["1. Sept. 2024", "3. Okt. 2024"]],
    "date fr": [["3 mai 2019", "1 juin 2020"]],
    "datetime de": [["4. März 2026, 10:30 Uhr", "12. Mai 2025, 8:00 Uhr"]],
    "bool": [["true", "False"], ["Yes", "No"]],
    "str": [
        [],
        ["", " "],
        ["Chapter 1", "Chapter 2"],
        ["Bug 1", "Bug 2"],
        ["RUN 3", "RUN 4"],
        ["3 hours ago", "2 days ago"],
        ["1.2.3", "1.2.4"],
        ["007", "008"],
        ["9780000000000", "9780000000037"],
        ["12 kB", "3 MB"],
        ["-", "2"],
        ["03/04/2026", "05/06/2026"],
        ["May", "June"],
        ["4. März 2026", "1 juin 2020"],
        ["Raum 4. März 2026", "Raum 5. März 2026"],
    ],
}


@pytest.mark.parametrize(
    ("kind", "texts"), [(kind, texts) for kind, cases in CASES.items() for texts in cases], ids=str
)
def test_the_type_is_the_narrowest_that_reads_all_texts(kind: str, texts: list[str]) -> None:
    assert type_of(texts) == kind


@given(st.lists(st.text(max_size=30), max_size=5))
def test_no_text_is_an_error(texts: list[str]) -> None:
    assert type_of(texts) in CASES
