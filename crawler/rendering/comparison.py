"""PageOutput: what a callback yielded for a page, in a form that can be compared; and the comparison of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from scrapy import Request
from w3lib.url import canonicalize_url

from crawler.meta_keys import (
    DELAY,
    DELTA,
    FOUND_ON,
    LASTMOD,
    MAKES_SESSION,
    RENDER,
    RENDERING,
    REQUEST_NUMBER,
    REQUEST_TEXT,
    YIELDED_BY,
)
from crawler.rendering.pattern import without_tracking
from models.page_shape import Shape

LONGEST_VALUE = 60  # characters of a value in a reason

# Keys of meta that say how a page was fetched, or that the spider does not set. A spider may pass meta=response.meta.
META_OF_THE_WAY = {
    "depth",
    "download_latency",
    "download_slot",
    "download_timeout",
    "retry_times",
    "redirect_times",
    "redirect_ttl",
    "redirect_urls",
    "redirect_reasons",
    "splash",
    "ajax_crawlable",
    "is_start_request",
    "dont_obey_robotstxt",
    "allow_offsite",
    "dont_merge_cookies",
    "dont_redirect",
    *(
        key.name
        for key in (FOUND_ON, MAKES_SESSION, REQUEST_NUMBER, REQUEST_TEXT, YIELDED_BY, RENDER, RENDERING)
    ),
}
# These choose when a request is made, or how. A difference is one.
META_OF_THE_REQUEST = {key.name for key in (DELAY, DELTA, LASTMOD)}


@dataclass(frozen=True, kw_only=True)
class CheckedItem:
    """An item after its validation, which changes nothing.

    Attributes:
        table: the name of the item's table, or of its class if it has no model.
        key: the natural key; all fields if it has none that is valid.
        values: the valid values; the fields if the item is not valid.
        reasons: why the item is not valid, by field.
    """

    table: str
    key: Any
    values: Mapping[str, Any]
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class PageOutput:
    """The output of one call of a callback."""

    items: list[CheckedItem] = field(default_factory=list)
    requests: dict[str, str] = field(default_factory=dict)  # the URL by the text that identifies a request
    error: str | None = None  # the callback raised

    @property
    def invalid(self) -> str | None:
        """Return why the first item that is not valid is none; None if all items are valid."""
        for item in self.items:
            for name, why in item.reasons.items():
                return f"{item.table}.{name} {_short(why)}" if name else f"{item.table}: {_short(why)}"
        return None

    @property
    def shape(self) -> Shape:
        return Shape.of_page(
            ((item.table, item.values) for item in self.items if not item.reasons),
            has_requests=bool(self.requests),
        )


class Words(NamedTuple):
    """Words for the two outputs that are compared."""

    first: str
    second: str
    there: str
    has: str


TWO_FORMS = Words("rendered", "plain", "on the plain page", "the plain page has")
TWO_CALLS = Words("the first time", "the second time", "the second time", "the second call yields")


def difference(rendered: PageOutput, plain: PageOutput, words: Words = TWO_FORMS) -> str | None:
    """Return the first difference of two outputs, in words; None if they are equal.

    Args:
        words: for what the outputs belong to; by default the rendered and the plain form of a page.
    """
    if plain.error != rendered.error:
        return f"the callback raised {words.there}: {plain.error}"
    of_rendered, of_plain = _rows(rendered.items), _rows(plain.items)
    for (table, key), rows in of_rendered.items():
        others = of_plain.get((table, key), [])
        if len(others) < len(rows):
            return f"a row for {table} is missing {words.there}: {_short(key)}"
        for row, other in zip(rows, others, strict=False):
            if row != other:
                return f"{table}: {_first_field(row, other, words)}"
        if len(others) > len(rows):
            return f"{words.has} a row for {table} more: {_short(key)}"
    for table, key in of_plain:
        if (table, key) not in of_rendered:
            return f"{words.has} a row for {table} more: {_short(key)}"
    for text, url in rendered.requests.items():
        if text not in plain.requests:
            return f"a request is missing {words.there}: {_short(url, 200)}"
    for text, url in plain.requests.items():
        if text not in rendered.requests:
            return f"{words.has} a request more: {_short(url, 200)}"
    return None


def _rows(items: Sequence[CheckedItem]) -> dict[tuple[str, str], list[dict[str, str]]]:
    """Return the values of the items as text, by table and natural key, in their order."""
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    for item in items:
        values = {name: canonical(value) for name, value in item.values.items()}
        if item.reasons:
            values["reasons"] = canonical(dict(item.reasons))
        rows.setdefault((item.table, canonical(item.key)), []).append(values)
    return rows


def _first_field(row: Mapping[str, str], other: Mapping[str, str], words: Words) -> str:
    for name in [*row, *other]:
        if row.get(name) != other.get(name):
            return f"{name} is {_short(row.get(name))} {words.first} and {_short(other.get(name))} {words.second}"
    return ""


def request_identity(request: Request, *, render_arguments: Mapping[str, Any]) -> str:
    """Return a text that two requests share if they ask for the same, whatever page they were found on.

    Args:
        render_arguments: the arguments of a request to be rendered; empty for a plain request.
    """
    url = canonicalize_url(without_tracking(request.url), keep_fragments=bool(render_arguments))
    meta = {
        name: value
        for name, value in request.meta.items()
        if name not in META_OF_THE_WAY and not name.startswith("_")
    }
    return canonical(
        [
            request.method,
            url,
            request.body,
            _name(request.callback),
            _name(request.errback),
            request.cb_kwargs,
            request.dont_filter,
            request.priority,
            RENDER.get(request),
            {name: value for name, value in render_arguments.items() if name not in ("url", "lua_source")},
            meta,
        ]
    )


def _name(function: Any) -> str | None:
    function = getattr(function, "stored_as", function)
    return getattr(function, "__name__", repr(function)) if function is not None else None


def canonical(value: Any) -> str:
    """Return a text that equal values share; the order of dicts and sets does not count."""
    if isinstance(value, Mapping):
        pairs = sorted((canonical(name), canonical(one)) for name, one in value.items())
        return "{" + ", ".join(f"{name}: {one}" for name, one in pairs) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(canonical, value)) + "]"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(canonical, value))) + "}"
    return repr(value)


def _short(value: Any, longest: int = LONGEST_VALUE) -> str:
    """Return a value for a reason: short, on one line, without characters that a database refuses."""
    text = ascii(value)[1:-1] if isinstance(value, str) else ascii(value)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."
