"""The value of a number in digits: which of "." "," "'" and spaces is the decimal mark, and which group thousands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipelines.values.digits import HARD_SPACE
from pipelines.values.invalid_value import Hints, InvalidValue, hint_text
from pipelines.values.words import words_of

VULGAR = {
    "½": "0.5", "¼": "0.25", "¾": "0.75", "⅕": "0.2", "⅖": "0.4", "⅗": "0.6", "⅘": "0.8", "⅛": "0.125", "⅜": "0.375",
    "⅝": "0.625", "⅞": "0.875", "⅒": "0.1",
}  # fmt: skip
ENDLESS = "⅓⅔⅙⅚⅐⅑↉"
_FRACTIONS = f"[{''.join(VULGAR)}{ENDLESS}]"
MARKS = f".,'·٫٬{HARD_SPACE} "
FIGURES = re.compile(rf"[0-9]+(?:[{MARKS}][0-9]+)*(?:[ {HARD_SPACE}]?{_FRACTIONS})?|{_FRACTIONS}")


@dataclass(frozen=True, kw_only=True)
class NumberRules:
    """The hints of a column for numbers; None if the column does not have the hint."""

    decimals: int | None = None  # the column's number of decimals
    decimal: str | None = None
    group: str | None = None
    percent: str | None = None
    accounting: bool | None = None
    scale: dict[str, Decimal] = field(default_factory=dict)
    words: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, hints: Hints, decimals: int | None) -> NumberRules:
        """Return the rules for a column with these hints and this number of decimals."""
        return cls(
            decimals=decimals,
            decimal=hints.get("decimal"),
            group=hints.get("group"),
            percent=hints.get("percent"),
            accounting=hints.get("accounting"),
            scale={str(word).casefold(): Decimal(str(one)) for word, one in hints.get("scale", {}).items()},
            words=words_of(hints),
        )


def amount(figures: str, rules: NumberRules, *, comma_groups: bool = False) -> Decimal:
    """Return the value of a text that FIGURES matches.

    Args:
        comma_groups: the number has a currency that is written with commas between thousands.

    Raises:
        InvalidValue: it is no number, more than one, or may be one of two; the message says which hint decides.
    """
    if figures[-1] in ENDLESS:
        raise InvalidValue("is a fraction with endless decimals")
    if figures[-1] in VULGAR:
        whole = figures[:-1].rstrip(f" {HARD_SPACE}")
        if whole and not whole.isdigit():
            raise InvalidValue("has more than one number")
        return Decimal(f"{whole or 0}{VULGAR[figures[-1]][1:]}")
    figures = figures.replace(HARD_SPACE, " ")
    parts, marks = re.split(rf"[{MARKS}]", figures), re.findall(rf"[{MARKS}]", figures)
    if not marks:
        return Decimal(figures)
    decimal = _decimal_mark(parts, marks, rules, comma_groups)
    whole_parts, whole_marks = (parts[:-1], marks[:-1]) if decimal else (parts, marks)
    if whole_marks and not _is_grouped(whole_parts, whole_marks):
        if rules.decimal is not None and len(marks) == 1 and marks[0] in ".,":
            hint = hint_text(decimal=rules.decimal)
            raise InvalidValue(f"has {marks[0]!r} as its decimal mark, and the column has {hint}")
        raise InvalidValue("has more than one number, or a number in an unknown format")
    return Decimal("".join(whole_parts) + (f".{parts[-1]}" if decimal else ""))


def _decimal_mark(parts: list[str], marks: list[str], rules: NumberRules, comma_groups: bool) -> bool:
    """Return whether the last mark is the decimal mark; otherwise all marks separate groups."""
    last, tail = marks[-1], parts[-1]
    if last in "' ٬":
        return False
    if last == "٫":
        return True
    if last == "·":
        return len(tail) <= 2
    if rules.decimal is not None:
        return last == rules.decimal
    if len(marks) > 1:
        return last not in marks[:-1]
    if len(tail) != 3 or not _can_lead(parts[0]):
        return True
    if comma_groups and last == "," and (rules.decimals is None or rules.decimals <= 2):
        return False
    if rules.decimals == 0 and tail != "000":
        return False  # a whole number
    either = f"may be {parts[0]}.{tail} or {parts[0]}{tail}"
    comma, point = hint_text(decimal=","), hint_text(decimal=".")
    raise InvalidValue(
        f"{either}: write {point if last == '.' else comma} or {comma if last == '.' else point} in "
        "the column"
    )


def _can_lead(part: str) -> bool:
    return len(part) <= 3 and not part.startswith("0")


def _is_grouped(parts: list[str], marks: list[str]) -> bool:
    """Return whether the marks separate groups of three digits, or India's groups of two with three at the end."""
    first, *middle, last = parts
    if len(set(marks)) > 1 or len(last) != 3 or not _can_lead(first) or marks[0] == "·":
        return False
    if marks[0] == "." and len(parts) == 4 and all(int(part) <= 255 for part in parts):
        return False  # an IP address
    if all(len(part) == 3 for part in middle):
        return True
    return marks[0] in ",٬" and len(first) <= 2 and all(len(part) == 2 for part in middle)
