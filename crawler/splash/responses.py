"""The responses of scrapy-splash, mended in place: their methods call each other by their global names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from scrapy.http import Response
from scrapy.selector import Selector
from scrapy.utils.response import get_base_url
from scrapy_splash import response as original
from scrapy_splash.utils import headers_to_scrapy

NEWER_ATTRIBUTES = ("certificate", "ip_address", "protocol")


def mend() -> None:
    mixin, answer = original._SplashResponseMixin, original.SplashJsonResponse
    mixin.replace = _for_any_class(mixin.replace)
    answer.replace = _without_magic(answer.replace)
    answer._load_from_json = _from_any_json(answer._load_from_json)
    answer.selector = property(_selector)


def _for_any_class(replace: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what responses have had since, and let other middlewares make a response of Scrapy's own of it."""

    @functools.wraps(replace)
    def replaced(self: Any, *args: Any, **kwargs: Any) -> Any:
        cls = kwargs.get("cls")
        if cls is not None and not issubclass(cls, original._SplashResponseMixin):
            return Response.replace(self, *args, **kwargs)
        for name in NEWER_ATTRIBUTES:
            kwargs.setdefault(name, getattr(self, name))
        return replace(self, *args, **kwargs)

    return replaced


def _without_magic(replace: Callable[..., Any]) -> Callable[..., Any]:
    """The copy of an answer already has the page as its body, and must not look for JSON in it."""

    @functools.wraps(replace)
    def replaced(self: Any, *args: Any, **kwargs: Any) -> Any:
        request = kwargs.pop("request", self.request)
        options = {**request.meta.get("splash", {}), "magic_response": False}
        still = request.replace(meta={**request.meta, "splash": options})
        copied = replace(self, *args, request=still, **kwargs)
        copied.request = request
        if isinstance(copied, original.SplashJsonResponse):
            copied._cached_data, copied.cookiejar = self._cached_data, self.cookiejar
        return copied

    return replaced


def _from_any_json(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """A script may return a list, null or a picture, and a proxy before Splash something that is no JSON at all."""

    @functools.wraps(load)
    def loaded(self: Any) -> None:
        try:
            data = self.data
        except ValueError:
            return
        if not isinstance(data, dict):
            return
        try:
            load(self)
        except UnicodeDecodeError:  # "body" is no text; it is there as bytes
            if "headers" in data:
                self.headers = headers_to_scrapy(data["headers"])
        except TypeError:  # an error whose "info" is not what Splash's is
            pass

    return loaded


def _selector(response: Any) -> Selector:
    """With the page's URL, without which ``from_response`` and ``follow`` of forms and links have no base."""
    if response._cached_selector is None:
        response._cached_selector = Selector(text=response.text, type="html", base_url=get_base_url(response))
    return response._cached_selector  # type: ignore[no-any-return]
