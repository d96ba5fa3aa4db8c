"""What a text has before and after its date: the reason of a rejected value says what to select instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from pipelines.values.invalid_value import InvalidValue

AFTER_A_CLOCK = re.compile(r"[ap]\.?m\.?|z|utc|gmt", re.IGNORECASE)
LONGEST = 60  # characters that the reason quotes


def around_the_date(text: str, months: Collection[str], read: Callable[[str], Any]) -> str | None:
    """Return the words about what is before and after the only date of a text; None if there is nothing, or no date.

    Args:
        months: names of months, in small letters.
        read: reads a date; raises InvalidValue if there is none.
    """
    words = text.split()
    of_date = [
        number
        for number, word in enumerate(words)
        if re.search(r"\d", word) or word.strip(".,:;()").casefold() in months
    ]
    if not of_date:
        return None
    first, end = of_date[0], of_date[-1] + 1
    if end < len(words) and AFTER_A_CLOCK.fullmatch(words[end]):
        end += 1
    before, after = " ".join(words[:first]), " ".join(words[end:])
    if not before and not after:
        return None
    try:
        read(" ".join(words[first:end]))
    except InvalidValue:
        return None
    where = [
        f"{_quoted(part)} {side} the date" for part, side in ((before, "before"), (after, "after")) if part
    ]
    select = "."
    if before:
        select = f"substring-after({select}, {_quoted(_one_word(before, -1, text))})"
    if after:
        select = f"substring-before({select}, {_quoted(_one_word(after, 0, text))})"
    advice = f", such as {select}" if len(before + after) <= LONGEST else ""
    return f"has {' and '.join(where)}: select less{advice}"


def _one_word(part: str, which: int, text: str) -> str:
    """Return one word of a part, whose white space may be another on the page; the part if the text has it twice."""
    word = part.split()[which]
    return word if text.count(word) == 1 else part


def _quoted(text: str) -> str:
    """Return a text as XPath writes it, if it is short and can be written."""
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return f'"{text}"' if "'" in text else f"'{text}'"
