"""The check at the line that yields a request: one that cannot be stored could not be resumed after a crash."""

from __future__ import annotations

import inspect
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import scrapy
from scrapy import Request, Spider

from crawler.meta_keys import DELAY, MAKES_SESSION, NOT_STORED, REQUEST_TEXT, YIELDED_BY
from crawler.security.plain_text import one_line
from frontier.request_json import encode
from frontier.typed_json import NotJson

LONGEST_DELAY = 1e9  # seconds, thirty years
SCRAPY = Path(scrapy.__file__).parent
HERE = Path(__file__).parent


def check_request(request: Request, spider: Spider) -> None:
    """Put the request's JSON into its meta, unless it logs in.

    Raises:
        NotJson: names what cannot be stored, and the line.
    """
    yielded_by = YIELDED_BY.pop(request)
    try:
        _check_numbers(request)
        if not MAKES_SESSION.get(request):
            REQUEST_TEXT.set(request, encode(request, spider, without_meta=NOT_STORED))
    except NotJson as error:
        raise NotJson(f"{error}{_line(yielded_by)}") from None


def check_found(request: Request, spider: Spider) -> None:
    """Do the same for a request that was found on a page, and refuse a login.

    Raises:
        NotJson: it cannot be stored, or would make a session that a resumed run could not make again.
    """
    if MAKES_SESSION.get(request):
        raise NotJson(
            f"{request.url}: a login belongs into start(), which a resumed run reads again"
            f"{_line(YIELDED_BY.pop(request))}"
        )
    check_request(request, spider)


def _check_numbers(request: Request) -> None:
    """Refuse numbers that the frontier's table cannot hold."""
    if not -(2**63) <= request.priority < 2**63:
        raise NotJson(f"{request.url}: its priority has more than 64 bits, which no database orders by")
    depth, delay, slot = (request.meta.get(name) for name in ("depth", DELAY.name, "download_slot"))
    if depth is not None and not (isinstance(depth, int) and abs(depth) < 2**31):
        raise NotJson(
            f"{request.url}: meta['depth'] is {_shown(depth)}, and not a number of steps from start()"
        )
    if delay and not _is_delay(delay):
        raise NotJson(
            f"{request.url}: meta['{DELAY.name}'] is {_shown(delay)}, and not a number of seconds below "
            f"{LONGEST_DELAY:.0e}"
        )
    if not isinstance(slot, Hashable):
        raise NotJson(f"{request.url}: meta['download_slot'] is {_shown(slot)}, and not text")


def _is_delay(value: Any) -> bool:
    try:
        return abs(float(value)) < LONGEST_DELAY  # False for NaN
    except (TypeError, ValueError, OverflowError):
        return False


def _shown(value: Any) -> str:
    return one_line(repr(value), 60)


def _line(generator: Any) -> str:
    """Return the file and line of the spider's generator, which Scrapy wraps in others; "" for a list."""
    while (frame := getattr(generator, "gi_frame", None) or getattr(generator, "ag_frame", None)) is not None:
        file = Path(frame.f_code.co_filename)
        if not (file.is_relative_to(SCRAPY) or file.parent == HERE):
            return f" (yielded at {file.name}, line {frame.f_lineno})"
        inner = (
            one for one in frame.f_locals.values() if inspect.isgenerator(one) or inspect.isasyncgen(one)
        )
        generator = next(inner, None)
    return ""
