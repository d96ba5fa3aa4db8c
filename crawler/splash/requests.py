"""SplashRequest and SplashFormRequest, mended in place.

They call each other by their global names, so a subclass in their place would call itself for ever; and spiders have
classes of their own that derive from them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from scrapy_splash.request import SplashFormRequest, SplashRequest

# What every SplashRequest has in its meta once it was made; who makes it again must not be given the defaults again.
MADE = ("endpoint", "http_status_from_error_code")
NO_SITE = "about:blank"  # scrapy-splash's address for a script that goes where it likes: nobody to ask first
FORM = "application/x-www-form-urlencoded"

Init = Callable[..., None]


def mend() -> None:
    SplashRequest.__init__ = _with_choices_kept(SplashRequest.__init__)
    SplashFormRequest.__init__ = _with_form_headers(SplashFormRequest.__init__)


def _with_choices_kept(init: Init) -> Init:
    """Keep ``session_id=None`` and ``http_status_from_error_code=False`` when a request is copied.

    Scrapy copies by calling ``__init__`` with the old meta: on the way to Splash, on retries, and from disk queues.
    scrapy-splash notes both choices by noting nothing, so each copy had the default instead.
    """

    @functools.wraps(init)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        before = dict((kwargs.get("meta") or {}).get("splash") or {})
        init(self, *args, **kwargs)
        options = self.meta["splash"]
        copied = all(name in before for name in MADE)
        if copied:
            options["http_status_from_error_code"] = before["http_status_from_error_code"]
            if "session_id" not in before and kwargs.get("session_id") is None:
                options.pop("session_id", None)
        options.setdefault("http_status_from_error_code", False)
        if self.url == NO_SITE:
            self.meta.update(dont_obey_robotstxt=True, allow_offsite=True)
        # The setting SPLASH_SLOT_POLICY is for requests that do not name a policy; they all did.
        if (
            "slot_policy" not in before
            and "slot_policy" not in kwargs
            and len(args) < POSITION_OF_SLOT_POLICY
        ):
            options.pop("slot_policy", None)

    return __init__


POSITION_OF_SLOT_POLICY = 7


def _with_form_headers(init: Init) -> Init:
    """Give a form that is posted its content type, and a request without form data a method."""

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
