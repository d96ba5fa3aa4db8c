"""Patches the responses of scrapy-splash in place, because their methods call each other by their global names."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from typing import Any

from scrapy.http import HtmlResponse, Response
from scrapy.selector import Selector
from scrapy.utils.response import get_base_url
from scrapy_splash import response as original
from scrapy_splash.responsetypes import responsetypes
from scrapy_splash.utils import headers_to_scrapy

NEWER_ATTRIBUTES = ("certificate", "ip_address", "protocol")


def patch() -> None:
    """Make the response classes HtmlResponses, and correct their methods."""
    mixin = original._SplashResponseMixin
    # A rendered page is HTML: link extractors, a CrawlSpider's rules, forms and loaders check for the class.
    original.SplashTextResponse.__bases__ = (mixin, HtmlResponse)
    old = original.SplashJsonResponse
    answer = _html_class_of(old)
    replace_class(old, answer)
    mixin.replace = _allow_any_class(mixin.replace)
    answer.replace = _without_magic_response(answer.replace)
    answer._load_from_json = _accept_any_json(answer._load_from_json)
    answer.selector = property(_selector)


def _allow_any_class(replace: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``replace()`` copy newer attributes of Scrapy's responses, and accept Scrapy's own classes in ``cls``."""

    @functools.wraps(replace)
    def replaced(self: Any, *args: Any, **kwargs: Any) -> Any:
        cls = kwargs.get("cls")
        if cls is not None and not issubclass(cls, original._SplashResponseMixin):
            return Response.replace(self, *args, **kwargs)
        for name in NEWER_ATTRIBUTES:
            kwargs.setdefault(name, getattr(self, name))
        return replace(self, *args, **kwargs)

    return replaced


def _without_magic_response(replace: Callable[..., Any]) -> Callable[..., Any]:
    """Make ``replace()`` not parse the body as JSON: the copied response already has the page as its body."""

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


def _accept_any_json(load: Callable[[Any], None]) -> Callable[[Any], None]:
    """Accept other answers than objects: a list, null or an image of a script, and a proxy's answer that is no JSON."""

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
        except UnicodeDecodeError:  # "body" is no text; response.body has its bytes
            if "headers" in data:
                self.headers = headers_to_scrapy(data["headers"])
        except TypeError:  # an error whose "info" has another form than Splash's
            pass

    return loaded


def at_last_url(response: Any) -> Any:
    """Return the response with the last URL of its page, to which its links are relative.

    For an answer that is not JSON only our renderer reports that URL, in a header. Otherwise the URL of the request
    stays.
    """
    headers = getattr(response, "splash_response_headers", None) or {}
    url = (headers.get("X-Splashdown-Url") or b"").decode("latin-1")
    if not url or isinstance(response, original.SplashJsonResponse) or url == response.url:
        return response
    return response.replace(url=url)


def _html_class_of(answer: Any) -> Any:
    """Return a class like this one that also derives from HtmlResponse.

    A new class is needed, because Python cannot change the bases of a class whose instances have another layout.
    """
    kept = {
        name: value
        for name, value in vars(answer).items()
        if name not in ("__dict__", "__weakref__", "xpath", "css", "body_as_unicode")
    }
    return type(answer.__name__, (original.SplashResponse, HtmlResponse), {**kept, "json": _json})


def replace_class(old: Any, made: Any) -> None:
    """Replace a class by another one of the same name in all modules of scrapy-splash and in its response types."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "scrapy_splash" and getattr(module, made.__name__, None) is old:
            setattr(module, made.__name__, made)
    classes: dict[str, Any] = responsetypes.classes
    classes.update({kind: made for kind, found in classes.items() if found is old})


def _json(response: Any) -> Any:
    """Return the page's JSON, which a browser shows as text in an HTML page, or the JSON that a script returned.

    Raises:
        ValueError: the response has no JSON.
    """
    try:
        return json.loads(response.text)
    except ValueError:
        if b"json" not in (response.headers.get("Content-Type") or b"") + _page_type(response):
            raise
        return json.loads(response.xpath("string(//pre)").get() or "")


def _page_type(response: Any) -> bytes:
    """Return the site's Content-Type; the response's own is that of the renderer's answer."""
    data = response.data
    headers = data.get("headers") if isinstance(data, dict) else None
    found = headers_to_scrapy(headers).get("Content-Type") if headers else None
    return found or b""


def _selector(response: Any) -> Selector:
    """Return a selector with the page's base URL, which ``from_response`` and ``follow`` need."""
    if response._cached_selector is None:
        response._cached_selector = Selector(text=response.text, type="html", base_url=get_base_url(response))
    return response._cached_selector  # type: ignore[no-any-return]
