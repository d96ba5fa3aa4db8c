"""The words beside a number: currencies, words that multiply it ("million", "k"), units that are joined to it."""

from __future__ import annotations

import json
import re
from pathlib import Path

_CLDR = json.loads(Path(__file__).with_name("cldr.json").read_text("utf-8"))

SCALE_BEFORE = frozenset(_CLDR["scale_before"])
_MORE_SCALES = """hundred hundreds hundert cent cien centaines dozen dozens dutzend douzaine docena thousands thsd tsd
    mille mio mln mrd mld bln trn millions billions trillions lac lacs lakhs crore crores тыс млн млрд
    十 百 千万 十万 百万 만 십만 백만 천만"""
SCALE_BEHIND = frozenset(_CLDR["scale_after"]) | frozenset(_MORE_SCALES.split())

_MORE_CURRENCIES = """Fr Fr. SFr SFr. sFr. Rs Rs. kr Kr KR kr. Kr. zł zl Zł lei Lei Kč Ft руб руб. р. грн грн. лв лв.
    € £ $ ¥ ￥ ₩ 円 圓 원 元 Euro euro EURO eur usd gbp chf pln czk sek nok dkk huf rub inr cny jpy R$ S/ B/. Bs. Rp Rp.
    RM"""
# Signs of one letter ("R", "L", "F") also begin identifiers: joined to a number they are not a currency.
CURRENCIES = frozenset(
    sign
    for sign in _CLDR["currencies"]
    if (len(sign) > 1 or not sign.isalpha()) and sign.casefold().rstrip(".") not in SCALE_BEHIND
) | frozenset(_MORE_CURRENCIES.split())
_LONGEST = max(map(len, CURRENCIES))
_SUFFIXES = frozenset("円圓원元")  # of scripts without spaces between words

# Currencies of countries where "1,234" is more than one thousand: joined to the number, before it ...
_SIGNS = "$ US$ C$ CA$ A$ AU$ NZ$ HK$ S$ NT$ £ ₹ ¥ ￥ JP¥ CN¥ ₩ ￦ ₱ ฿ ₪ ₦"
COMMA_GROUPS_BEFORE = frozenset(_SIGNS.split())
# ... or after it.
COMMA_GROUPS_BEHIND = frozenset("円圓원")

# Thai, Lao, Burmese, Khmer, Kana, Han, Hangul: scripts without spaces between words.
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_SCALE_UNSPACED = tuple(word for word in SCALE_BEHIND if UNSPACED.match(word))

# Words that are always units when they are joined to a number.
_UNITS = """mm cm dm km µm nm mg g kg ml cl dl l mi ft in yd oz lb lbs pt px s sec secs min mins hr hrs ms x × pcs pc
    st nd rd th er ère ème e º ª kw kwh wh kb mb gb tb kib mib gib tib hz khz mhz ghz mah mp dpi fps rpm bar psi
    м см мм км г кг мл л шт"""
UNITS = frozenset(_UNITS.split())


def currency_at_end(text: str) -> str:
    """Return the currency at the end of the text; a currency of letters must be a word of its own."""
    for length in range(min(_LONGEST, len(text)), 0, -1):
        sign = text[-length:]
        if sign.replace("\u00a0", " ") in CURRENCIES and not text[-length - 1 : -length].isalpha():
            return sign
    return ""


def currency_at_start(text: str) -> str:
    """Return the currency at the start of the text; a currency of letters must be a word of its own."""
    for length in range(min(_LONGEST, len(text)), 0, -1):
        sign = text[:length]
        if sign in _SUFFIXES or (
            sign.replace("\u00a0", " ") in CURRENCIES and not text[length : length + 1].isalpha()
        ):
            return sign
    return ""


def scales(word: str, next_word: str = "") -> str | None:
    """Return the word, or both words, if they mean a power of ten (or a dozen) after a number; None otherwise."""
    bare, two = _bare(word), _bare(f"{word} {next_word}")
    if next_word and two in SCALE_BEHIND:
        return two
    if bare in SCALE_BEHIND:
        return word.rstrip(".")
    for length in (3, 1):
        if word[-length:] in CURRENCIES and _bare(word[:-length]) in SCALE_BEHIND:
            return word[:-length]  # "kEUR"
    if UNSPACED.match(bare):
        found = max((scale for scale in _SCALE_UNSPACED if bare.startswith(scale)), key=len, default=None)
        return found
    return None


def scales_before(word: str) -> bool:
    """Return whether the word means a power of ten before a number."""
    return _bare(word) in SCALE_BEFORE


def _bare(word: str) -> str:
    return word.casefold().rstrip(".").replace("\u00a0", " ")
