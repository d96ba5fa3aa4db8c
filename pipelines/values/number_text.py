"""Reading the number in a text, with its sign, its scale and its decimal mark. An ambiguous text is refused.

docs/values.md has the rules, with examples.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass
from decimal import Context, Decimal
from itertools import takewhile
from typing import Any

from pipelines.values.decimal_mark import FIGURES, NumberRules, amount
from pipelines.values.digits import HARD_SPACE, MINUS, normalize_characters
from pipelines.values.invalid_value import InvalidValue, hint_text
from pipelines.values.number_words import (
    COMMA_GROUPS_BEFORE,
    COMMA_GROUPS_BEHIND,
    UNITS,
    UNSPACED,
    currency_at_end,
    currency_at_start,
    scales,
    scales_before,
)
from pipelines.values.words import folded

LONGEST = 500  # characters of a text with a number
EXACT = Context(prec=2 * LONGEST)  # Python's default rounds to 28 digits
SPACES = f" {HARD_SPACE}\t\r\n"
LETTERS = r"[^\W\d_]"
EXPONENT = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]{1,9}")
NOT_FINITE = re.compile(r"[-+]?(?:s?nan[0-9]*|inf(?:inity)?)", re.IGNORECASE)
NO_CENTS = re.compile(r"[.,:][-–]{1,2}(?![\w])")
WORD = re.compile(rf"{LETTERS}[^\s\d()\[\],;:*%|$€£¥₹]*")
JOINED = "has letters joined to its number, like an identifier; if {word!r} is a unit, write {hint}"
APPROXIMATE = frozenset("~≈≃<>≤≥±+")


def read_number(text: str, rules: NumberRules) -> Decimal | Any:
    """Return the number in the text, or the value of the whole text in the hint ``words``.

    Raises:
        InvalidValue: the text has no number, more than one, or is ambiguous.
    """
    if rules.words and (words := folded(text)) in rules.words:
        return rules.words[words]
    if len(text) > LONGEST:
        raise InvalidValue(f"is {len(text)} characters long, too long for a number")
    text = normalize_characters(text).strip()
    if EXPONENT.fullmatch(text):
        return Decimal(text)
    if NOT_FINITE.fullmatch(text):
        raise InvalidValue("is not a number")
    found = list(FIGURES.finditer(text))
    if not found:
        raise InvalidValue(
            f"has no number; if it means one, write {hint_text(words={text[:40].casefold(): 0})}, "
            "or another number, or None (null in YAML) if there is no value"
        )
    if len(found) > 1:
        raise InvalidValue("has more than one number")
    figures = found[0][0]
    before, behind = _before(text[: found[0].start()], rules), _behind(text[found[0].end() :])
    if " " in figures and rules.group != " " and not before.is_bare and figures[-1].isdigit():
        raise InvalidValue(
            "has more than one number, or one with spaces in it: if it is one number, write "
            f"{hint_text(group=' ')}"
        )
    if " " in figures and before.plus:
        raise InvalidValue("has a plus and spaces, like a telephone number")
    if before.point:
        if not figures.isdigit():
            raise InvalidValue("has more than one number")
        value = Decimal(f"0.{figures}")
    else:
        comma_groups = before.currency in COMMA_GROUPS_BEFORE or behind.currency in COMMA_GROUPS_BEHIND
        value = amount(figures, rules, comma_groups=comma_groups)
    value = EXACT.multiply(value, _scale(before, behind, rules))
    if before.percent or behind.percent:
        value = _percent(value, rules)
    below_zero = before.minus != _negative_by_accounting(before, behind, rules)
    return value.copy_negate() if below_zero and value else value


@dataclass(kw_only=True)
class _Before:
    """The properties of the text before a number."""

    minus: bool = False
    plus: bool = False
    point: bool = False  # ".50"
    percent: bool = False
    bracket: bool = False
    currency: str = ""  # joined to the number
    word: str = ""
    is_bare: bool = True  # nothing but a currency, a sign or a bracket, or a label that ends with a colon
    is_alone: bool = True  # the same, without a label


def _before(text: str, rules: NumberRules) -> _Before:
    """Return what the text before a number says about it."""
    said = _Before()
    if text and text[-1] in "²³¹⁰⁴⁵⁶⁷⁸⁹":
        raise InvalidValue("has a superscript digit beside its number")
    if text.endswith(".") and not re.search(r"[\w.]\.$", text) and not currency_at_end(text):
        said.point = True
        text = text[:-1]
    elif text.endswith((",", "..", "/", "_")):
        raise InvalidValue(f"has {text[-1]!r} before its number")
    sign, text = _sign(text)
    rest = text.rstrip(SPACES)
    spaced = rest != text
    if currency := currency_at_end(rest):
        if not spaced and not sign:
            said.currency = currency
        rest = rest[: -len(currency)]
        if not sign:
            sign, rest = _sign(rest)
    elif not spaced and rest and not sign:
        _refuse_joined_letters(rest, rules.scale)
    rest = rest.rstrip(SPACES)
    if rest.endswith("%"):
        said.percent, rest = True, rest[:-1].rstrip(SPACES)
    if rest.endswith("("):
        said.bracket, rest = True, rest[:-1].rstrip(SPACES)
        if currency := currency_at_end(rest):
            rest = rest[: -len(currency)].rstrip(SPACES)
    if rest and rest[-1] in APPROXIMATE:
        raise InvalidValue(f"has {rest[-1]!r} before its number, so the number is not exact")
    said.is_alone = not rest
    said.is_bare = not rest or rest[-1] in ":=([|"
    if sign and sign != MINUS and not (said.is_bare or said.bracket):
        raise InvalidValue(f"has {sign!r} between a word and its number, which may be a sign or a hyphen")
    if sign == "–":
        raise InvalidValue("has a dash before its number, which may be a sign")
    said.minus, said.plus = sign in ("-", MINUS), sign == "+"
    if word := re.search(r"[^\s\d.,:;()]+$", rest):
        said.word = word[0]
    return said


def _sign(text: str) -> tuple[str, str]:
    """Return the sign at the end of the text, if there is one, and the text before it.

    Raises:
        InvalidValue: the sign may also be a hyphen or a dash.
    """
    rest = text.rstrip(SPACES)
    if not rest or rest[-1] not in f"-+–{MINUS}":
        return "", text
    sign, before = rest[-1], rest[:-1]
    if rest != text and sign != MINUS:
        raise InvalidValue(f"has {sign!r} and a space before its number, which may be a sign or a dash")
    if before and before[-1].isalnum() and not currency_at_end(before):
        raise InvalidValue(f"has {sign!r} between a word and its number, which may be a sign or a hyphen")
    if before and before[-1] in f"-+–{MINUS}":
        raise InvalidValue("has two signs before its number")
    return sign, before


def _refuse_joined_letters(text: str, known: Container[str]) -> None:
    """Raise InvalidValue for letters at the end of the text, except for a unit or a script without spaces."""
    bare = text.removesuffix(".")
    letters = "".join(takewhile(_is_letter, reversed(bare)))[::-1]
    if letters and not UNSPACED.match(letters[-1]) and letters.casefold() not in known:
        raise InvalidValue(JOINED.format(word=letters, hint=hint_text(scale={letters: 1})))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LM"


@dataclass(kw_only=True)
class _Behind:
    """The properties of the text after a number."""

    percent: bool = False
    bracket: bool = False
    trailing_minus: bool = False
    currency: str = ""
    words: tuple[str, str] = ("", "")
    joined: bool = False  # the first word, without a space
    is_alone: bool = True  # nothing but a currency or a bracket


def _behind(text: str) -> _Behind:
    """Return what the text after a number says about it."""
    said = _Behind()
    if no_cents := NO_CENTS.match(text):
        text = text[no_cents.end() :]
    if text and text[0] in "²³¹⁰⁴⁵⁶⁷⁸⁹":
        raise InvalidValue("has a superscript digit beside its number")
    if text and text[0] in f"-–{MINUS}" and not re.match(rf"-{LETTERS}", text):
        if text[0] == "–":
            raise InvalidValue("has a dash after its number, which may be an open range")
        said.trailing_minus, text = True, text[1:]
    elif text.startswith("-"):
        text = f" {text[1:]}"  # "12-pack"
    rest = text.lstrip(SPACES)
    if rest and rest[0] in APPROXIMATE:
        raise InvalidValue(f"has {rest[0]!r} after its number, so the number is not exact")
    if rest and rest[0] in "‰‱":
        raise InvalidValue(f"has the unit {rest[0]}")
    if rest.startswith("%"):
        said.percent, rest = True, rest[1:]
    spaced = rest != text
    if currency := currency_at_start(rest):
        said.currency, rest = currency, rest[len(currency) :]
    said.words = _words(rest)
    said.joined = bool(said.words[0]) and not spaced and not said.currency
    rest = rest.lstrip(SPACES)
    if rest.startswith(")"):
        said.bracket, rest = True, rest[1:].lstrip(SPACES)
        if currency := currency_at_start(rest):
            rest = rest[len(currency) :].lstrip(SPACES)
    said.is_alone = not rest
    return said


def _words(text: str) -> tuple[str, str]:
    """Return the first two words of the text, if it begins with words."""
    first, _, rest = text.strip(SPACES).partition(" ")
    if not (found := WORD.match(first)):
        return "", ""
    second = WORD.match(rest.strip(SPACES)) if found.end() == len(first) else None
    return found[0], second[0] if second else ""


def _scale(before: _Before, behind: _Behind, rules: NumberRules) -> Decimal:
    """Return the factor of the word beside the number; 1 if there is none."""
    first, second = behind.words
    for word in (f"{first} {second}", first, before.word):
        if word.strip() and (factor := rules.scale.get(word.strip().rstrip(".").casefold())) is not None:
            return factor
        if word.strip() and (factor := rules.scale.get(word.strip().casefold())) is not None:
            return factor
    scale = scales(first, second) if first else None
    if scale is None and before.word and scales_before(before.word):
        scale = before.word
    if scale is not None:
        raise InvalidValue(
            f"has {scale!r} beside its number: write what it multiplies the number by, "
            f"{hint_text(scale={scale: ...})}"
        )
    if (
        behind.joined
        and not UNSPACED.match(first)
        and first.casefold().rstrip(".").partition("/")[0] not in UNITS
    ):
        raise InvalidValue(JOINED.format(word=first, hint=hint_text(scale={first: 1})))
    return Decimal(1)


def _percent(value: Decimal, rules: NumberRules) -> Decimal:
    if rules.percent is None:
        points, fraction = hint_text(percent="points"), hint_text(percent="fraction")
        raise InvalidValue(
            f"is a percentage: write {points} to store {value}, or {fraction} to store {value.scaleb(-2)}"
        )
    return value.scaleb(-2, EXACT) if rules.percent == "fraction" else value


def _negative_by_accounting(before: _Before, behind: _Behind, rules: NumberRules) -> bool:
    in_brackets = before.bracket and behind.bracket and before.is_alone and behind.is_alone
    if not (in_brackets or behind.trailing_minus):
        return False
    if rules.accounting is None:
        what = "is in brackets" if in_brackets else "has a minus after its number"
        raise InvalidValue(
            f"{what}: write {hint_text(accounting=True)} if that means below zero, and False if not"
        )
    return rules.accounting
