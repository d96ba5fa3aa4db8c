"""Numbers and dates of all locales are read correctly or refused, never read wrongly."""

from __future__ import annotations

import json
import random
from collections import Counter

from babel import localedata

from tests.pipelines.cldr_words import FILE, MONTHS_FILE, cldr_words, month_names
from tests.pipelines.locales import Locale, outcomes

# In Jola-Fonyi June and July have the same abbreviation.
ONE_NAME_FOR_TWO_MONTHS = "dyo"


_SPOKEN = "en en_IN de de_CH fr es es_MX pt ru pl sv tr ar fa he hi bn th ja ko zh id"
WIDELY_SPOKEN = _SPOKEN.split()


def test_no_number_or_date_of_a_locale_is_read_wrongly() -> None:
    rng, counts = random.Random(20260403), Counter[str]()
    # More values of all locales: python -m tests.pipelines.locales --count 10
    for identifier in [*WIDELY_SPOKEN, *rng.sample(localedata.locale_identifiers(), 40)]:
        for one in outcomes(Locale.parse(identifier), rng, count=1):
            if one.locale != ONE_NAME_FOR_TWO_MONTHS:
                assert one.outcome != "wrong", one
                counts[f"{one.kind} {one.outcome}"] += 1
    kinds = {name.rsplit(" ", 1)[0] for name in counts}
    shares = {
        kind: counts[f"{kind} read"] / (counts[f"{kind} read"] + counts[f"{kind} refused"]) for kind in kinds
    }
    print({kind: f"{share:.0%}" for kind, share in sorted(shares.items())})
    assert min(shares["price"], shares["EUR"], shares["USD"]) > 0.95
    assert shares["date long"] > 0.75


def test_every_number_of_a_locale_is_read_with_its_decimal_mark() -> None:
    rng, counts = random.Random(20260403), Counter[str]()
    for identifier in ("de", "fr", "en", "pl", "sv", "pt", "ru", "tr", "ja", "hi"):
        for one in outcomes(Locale.parse(identifier), rng, count=4, hinted=True):
            if one.kind in ("whole", "price", "weight", "EUR", "JPY", "KWD"):
                counts[one.outcome] += 1
                assert one.outcome == "read", one
    assert counts["read"] > 400


def test_the_saved_words_of_cldr_are_those_of_the_installed_version() -> None:
    """If this fails, write the files again with scripts/cldr-words."""
    assert json.loads(FILE.read_text("utf-8")) == cldr_words()
    assert json.loads(MONTHS_FILE.read_text("utf-8")) == month_names()
