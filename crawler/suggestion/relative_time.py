"""Times relative to now, such as "3 hours ago". Each crawl would read another text from a page that has not changed."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHARE = 0.3  # of the texts that have one: a list may show a date for its older records

_NUMBER = r"(?:\d+|an?|one|a few|several)"
_UNIT = (
    r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?|mos?|months?|y|yrs?|years?)"
)
RELATIVE = re.compile(
    # English, also without a space before it, as in texts of elements that are beside each other.
    rf"(?<!\d){_NUMBER} ?{_UNIT} ago|\bjust now\b|\byesterday\b|\btoday at\b|\bin {_NUMBER} ?{_UNIT}\b"
    # German, Dutch
    r"|\bvor (?:\d+|einer|einem|wenigen|ein paar) (?:Sek|Min|Stund|Tag|Woche|Monat|Jahr)|\bgerade eben\b|\bgestern\b"
    r"|\b(?:\d+|een) \w+ geleden\b"
    # French, Spanish, Portuguese, Italian
    r"|\bil y a (?:\d+|une?|quelques) \w+|\bhace (?:\d+|una?|un[ao]s) \w+|\bhá (?:\d+|uma?) \w+"
    r"|\b(?:\d+|una?) (?:second|minut|or|giorn|settiman|mes|ann)\w* fa\b",
    re.IGNORECASE,
)


def is_relative_time(texts: Sequence[str]) -> bool:
    """Return whether texts have a time that is relative to now."""
    found = sum(1 for text in texts if RELATIVE.search(text))
    return bool(texts) and found >= SHARE * len(texts)
