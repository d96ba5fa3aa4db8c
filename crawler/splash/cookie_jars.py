"""Keeps the cookies of Scrapy's own jar out of pages that have a Splash session: one page, one jar.

Without this, Scrapy adds the cookies of its jar (those of robots.txt, those of another request's ``cookies=``) to the
page's Cookie header or replaces the session's cookies, and every later page gets the cookies of that answer.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from scrapy import Request
from scrapy.downloadermiddlewares.cookies import CookiesMiddleware


def patch() -> None:
    """Replace ``CookiesMiddleware.process_request`` by a function that skips requests with a session."""
    CookiesMiddleware.process_request = _skip_sessions(CookiesMiddleware.process_request)  # type: ignore[method-assign]


def has_session(request: Request) -> bool:
    """Return whether the request's cookies are those of a session of scrapy-splash."""
    options = request.meta.get("splash")
    return isinstance(options, dict) and options.get("session_id") is not None


def _skip_sessions(process_request: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(process_request)
    def patched(self: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        return None if has_session(request) else process_request(self, request, *args, **kwargs)

    return patched
