"""The content of pipelines/values/cldr.json and months.json, from babel's CLDR data (scripts/cldr-words)."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from babel import Locale, localedata
from dateparser.data.languages_info import language_order

FILE = Path(__file__).parents[2] / "pipelines" / "values" / "cldr.json"
MONTHS_FILE = FILE.with_name("months.json")
COMPACT = re.compile(r"(?P<before>[^0]*)0+(?P<after>[^0]*)")
# Balochi's short form of "crore" is the sign of the Scandinavian currencies.
LEFT_OUT = {"kr"}


def cldr_words() -> dict[str, list[str]]:
    """Return the signs of currencies, and the words that multiply the number before or after them."""
    currencies: set[str] = set()
    before: set[str] = set()
    after: set[str] = set()
    for identifier in localedata.locale_identifiers():
        locale = Locale.parse(identifier)
        currencies |= {_bare(sign) for sign in locale.currency_symbols.values()} | set(locale.currencies)
        for pattern in _compact_patterns(locale):
            # "0 mille;0 mille": one form for each sign. In quotation marks, letters are not digits.
            if found := COMPACT.fullmatch(pattern.partition(";")[0].replace("'", "")):
                before.add(_word(found["before"]))
                after.add(_word(found["after"]))
    return {
        "currencies": sorted(currencies - {""}),
        "scale_before": sorted(before - {""} - LEFT_OUT),
        "scale_after": sorted(after - {""} - LEFT_OUT),
    }


def month_names() -> dict[str, dict[str, list[int]]]:
    """Return the names of the months in each language that dateparser knows, and which months have them."""
    names: dict[str, dict[str, set[int]]] = {}
    for identifier in localedata.locale_identifiers():
        locale = Locale.parse(identifier)
        if locale.language not in language_order:
            continue
        of_language = names.setdefault(locale.language, {})
        for context in locale.months.values():
            for width in ("wide", "abbreviated"):
                for month, name in context.get(width, {}).items():
                    word = _word(name)
                    if word and not any(character.isdigit() for character in word):
                        of_language.setdefault(word, set()).add(month)
    return {
        language: {name: sorted(months) for name, months in sorted(of_language.items())}
        for language, of_language in sorted(names.items())
        if of_language
    }


def _compact_patterns(locale: Locale) -> Iterator[str]:
    for kind in ("compact_decimal_formats", "compact_currency_formats"):
        for forms in locale._data[kind].values():
            for sizes in forms.values():
                for pattern in sizes.values():
                    yield getattr(pattern, "pattern", str(pattern)).replace("¤", "")


def _bare(text: str) -> str:
    """Return the text without marks of direction, with plain spaces."""
    kept = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return " ".join(kept.split())


def _word(text: str) -> str:
    return _bare(text).casefold().rstrip(".")


if __name__ == "__main__":
    for file, content in ((FILE, cldr_words()), (MONTHS_FILE, month_names())):
        file.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")
