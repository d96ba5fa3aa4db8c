"""The arguments of a crawl, as its command line has them, noted when Scrapy passes them to ``Crawler.crawl``.

The spider's attributes are no replacement: its ``__init__`` may drop, rename or convert an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler

from crawler.security.known_secrets import remember_arguments
from models.redaction import HIDDEN
from models.secret_names import is_secret
from models.text import storable

_given: WeakKeyDictionary[Crawler, dict[str, Any]] = WeakKeyDictionary()


def install() -> None:
    """Note the arguments of each call of ``Crawler.crawl``, since Scrapy does not store them. More calls do nothing.

    ``scrapy crawl``, ``scrapy runspider`` and both kinds of ``CrawlerProcess`` call one of these two methods.
    """
    for name in ("crawl", "crawl_async"):
        method = getattr(Crawler, name)
        if not hasattr(method, "notes_arguments"):
            setattr(Crawler, name, _noting(method))


def _noting(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def crawl(self: Crawler, *args: Any, **kwargs: Any) -> Any:
        note_arguments(self, args, kwargs)
        return method(self, *args, **kwargs)

    crawl.notes_arguments = True  # type: ignore[attr-defined]
    return crawl


def note_arguments(crawler: Crawler, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
    """Remember the arguments of a crawl. An argument without a name has its position as name."""
    _given[crawler] = {str(position): value for position, value in enumerate(args)} | dict(kwargs)
    remember_arguments(_given[crawler])


def arguments_of(crawler: Crawler) -> dict[str, Any]:
    """Return the arguments of the run's scope as plain JSON values, with ``***`` for secrets.

    The value of a secret is no part of the scope. A new password must not begin a new scope, since its rows would never
    be compared with the old ones; and a hash of it in the database would help to guess the password. A value that only
    may be a secret, such as ``session``, is a part of the scope, and is redacted where it is stored.

    The arguments are those that Scrapy got, and for a SiteSpider those that its ``from_crawler`` added.
    """
    spider = crawler.spider
    added = spider.arguments if getattr(spider, "keeps_arguments", False) else {}  # type: ignore[union-attr]
    found = {**added, **_given.get(crawler, {})}
    for name in ("name", "0"):  # Scrapy's own argument: the scope has the spider's name already
        if spider is not None and found.get(name) == spider.name:
            del found[name]
    return {storable(name): HIDDEN if is_secret(name) else _plain(value) for name, value in found.items()}


def _plain(value: Any) -> Any:
    """Return the value as JSON, equal in every process. A script may pass any object."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(part) for part in value), key=repr)
    kind: Any = type(value)
    if kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__:
        return f"{kind.__module__}.{kind.__qualname__}"  # its text would have its address in memory
    return storable(str(value))
