"""Patches SplashRequest and SplashFormRequest in place.

Their methods call each other by their global names, so a subclass under such a name would call itself without end.
Spiders also have classes that derive from them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from scrapy_splash.request import SplashFormRequest, SplashRequest

# Keys that each SplashRequest sets in its options. If both are there, the request is a copy and needs no defaults.
SET_BY_INIT = ("endpoint", "http_status_from_error_code")
NO_SITE = (
    "about:blank"  # scrapy-splash's URL for a script that chooses its own URLs: there is no robots.txt to ask
)
FORM = "application/x-www-form-urlencoded"

Init = Callable[..., None]


def patch() -> None:
    """Replace the ``__init__`` of both classes."""
    SplashRequest.__init__ = _preserve_choices(SplashRequest.__init__)
    SplashFormRequest.__init__ = _add_form_headers(SplashFormRequest.__init__)


def _preserve_choices(init: Init) -> Init:
    """Make copies preserve ``session_id=None`` and ``http_status_from_error_code=False``.

    Scrapy copies a request by calling ``__init__`` with the old meta: for the request to Splash, for retries, and for
    disk queues. scrapy-splash stores nothing in meta for these two choices, so each copy got the defaults.
    """

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        meta = dict(kwargs.get("meta") or {})
        before = dict(meta.get("splash") or {})
        # The original makes a deep copy of all of meta, which fails for a generator, a method or a lock in it. Only
        # the key "splash" needs a copy; the other values are shared, as in scrapy.Request.
        if "meta" in kwargs:
            kwargs["meta"] = {name: value for name, value in meta.items() if name == "splash"}
        init(self, *args, **kwargs)
        self.meta.update({name: value for name, value in meta.items() if name not in self.meta})
        options = self.meta["splash"]
        copied = all(name in before for name in SET_BY_INIT)
        if copied:
            options["http_status_from_error_code"] = before["http_status_from_error_code"]
            if "session_id" not in before and kwargs.get("session_id") is None:
                options.pop("session_id", None)
        options.setdefault("http_status_from_error_code", False)
        if self.url == NO_SITE:
            self.meta.update(dont_obey_robotstxt=True, allow_offsite=True)
        # SPLASH_SLOT_POLICY is for requests that name no policy. The original names one in every request.
        if (
            "slot_policy" not in before
            and "slot_policy" not in kwargs
            and len(args) < POSITION_OF_SLOT_POLICY
        ):
            options.pop("slot_policy", None)

    return __init__


POSITION_OF_SLOT_POLICY = 7


def _add_form_headers(init: Init) -> Init:
    """Add the content type to a posted form, and the method GET to a request without form data."""

    @functools.wraps(init)
    def __init__(
        self: Any,
        url: str | None = None,
        callback: Any = None,
        method: str | None = None,
        formdata: Any = None,
        body: Any = None,
        **kwargs: Any,
    ) -> None:
        if method is None and not formdata:
            method = "GET"
        init(self, url, callback, method, formdata, body, **kwargs)
        if formdata and self.method == "POST":
            self.headers.setdefault("Content-Type", FORM)

    return __init__
