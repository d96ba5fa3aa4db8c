"""Cookies as a script gave them: Chromium keeps some in other words, and some not at all."""

from __future__ import annotations

import time

from renderer.cdp import Params
from renderer.har import read_date


def _as_given(cookie: Params) -> Params:
    """The cookie as Splash tells it again: what was left out is empty, the date stays as it was written."""
    given = {
        "name": str(cookie["name"]),
        "value": str(cookie["value"]),
        "path": cookie.get("path") or "",
        "domain": cookie.get("domain") or "",
        "httpOnly": bool(cookie.get("httpOnly")),
        "secure": bool(cookie.get("secure")),
    }
    if cookie.get("expires"):
        given["expires"] = cookie["expires"]
    return given


def is_over(cookie: Params) -> bool:
    """Whether its time is over, so that Chromium drops it at once."""
    expires = read_date(str(cookie.get("expires") or ""))
    return expires is not None and expires <= time.time()


def added(given: list[Params], cookie: Params) -> list[Params]:
    """With this one too, in place of one that it is the successor of."""
    new = _as_given(cookie)
    return [
        *(old for old in given if any(old[key] != new[key] for key in ("name", "domain", "path"))),
        new,
    ]


def merged(given: list[Params], kept: list[Params]) -> list[Params]:
    """All cookies: as they were given where Chromium keeps them or never would, else as Chromium has them."""
    rest, result = list(kept), []
    for cookie in given:
        match = next((other for other in rest if _is_same(cookie, other)), None)
        if match is not None:
            rest.remove(match)
            # A page may have set it anew.
            result.append(cookie if cookie["value"] == match["value"] else match)
        elif not cookie["domain"] or is_over(cookie):
            result.append(cookie)
    return result + rest


def _is_same(given: Params, kept: Params) -> bool:
    return (given["name"], given["domain"].lstrip("."), given["path"] or "/") == (
        kept["name"],
        kept["domain"].lstrip("."),
        kept["path"],
    )
