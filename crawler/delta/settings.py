"""The settings of a delta crawl: DELTA and DELTA_MAX_AGE."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from scrapy.settings import BaseSettings

OFF, ON, ADAPTIVE = "off", "on", "adaptive"
MODES = (OFF, ON, ADAPTIVE)
DEFAULT_MAX_AGE = 7 * 24 * 3600.0  # seconds


def mode_of(text: str) -> str:
    """Return the mode that a text names: off, on or adaptive.

    Raises:
        ValueError: it names none.
    """
    word = text.strip().lower()
    word = {"1": ON, "true": ON, "yes": ON, "0": OFF, "false": OFF, "no": OFF, "": OFF}.get(word, word)
    if word not in MODES:
        raise ValueError(text)
    return word


@dataclass(frozen=True, kw_only=True)
class DeltaSettings:
    """How a crawl finds out that a page is unchanged.

    Attributes:
        mode: OFF, ON or ADAPTIVE.
        max_age: a page that was fetched this long ago is fetched, whatever the site says.
        http_cache: Scrapy's HTTP cache is on; it has validators of its own.
    """

    mode: str
    max_age: timedelta
    http_cache: bool = False

    @classmethod
    def of(cls, settings: BaseSettings) -> Self:
        """Return the values of the settings.

        Raises:
            ValueError: a setting has a wrong value; the message says what to write.
        """
        given, age = settings.get("DELTA"), settings.get("DELTA_MAX_AGE")
        try:
            mode = mode_of(str(OFF if given is None else given))
        except ValueError:
            raise ValueError(f"DELTA={given!r} is not off, on or adaptive: correct the setting") from None
        try:
            seconds = DEFAULT_MAX_AGE if age is None else float(age)
            if math.isnan(seconds):
                raise ValueError
            max_age = timedelta(seconds=seconds)
        except (TypeError, ValueError, OverflowError):
            raise ValueError(
                f"DELTA_MAX_AGE={age!r} is not a number of seconds: correct the setting"
            ) from None
        return cls(mode=mode, max_age=max_age, http_cache=settings.getbool("HTTPCACHE_ENABLED"))

    @property
    def enabled(self) -> bool:
        return self.mode != OFF
