"""The output of a callback as JSON and back: the items and requests that a page yielded, in their order.

A crawl with DELTA stores the output of a page, and yields it again if the page is unchanged.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from scrapy import Request, Spider

from crawler.meta_keys import DELAY, LASTMOD, NOT_STORED
from frontier.request_json import decode_fields, encode
from frontier.typed_json import Encoder, NotJson, decode_value

REQUEST, ITEM = "request", "item"
WITHOUT_META = tuple(name for name in NOT_STORED if name != DELAY.name)

# What a request carries and what does not make its page another one: it depends on the way on which the crawl found
# the page, and on the order of its pages. Spiders pass meta=response.meta, which has Scrapy's measurements.
META_OF_THE_WAY = ("depth", "download_latency", "retry_times", "dont_cache", LASTMOD.name)
HEADER_OF_THE_WAY = "Referer"


def output_json(one: Any, spider: Spider) -> str:
    """Return an item or a request as JSON.

    Raises:
        NotJson: it could not be made again.
    """
    if isinstance(one, Request):
        return f'["{REQUEST}",{encode(one, spider, without_meta=WITHOUT_META)}]'
    return json.dumps([ITEM, Encoder().encode(one, "the item")], separators=(",", ":"))


def read_output(compressed: bytes, spider: Spider) -> list[Any]:
    """Return the items and requests of a stored page.

    Raises:
        NotJson: a class or a callback is not there any more, or the stored bytes are damaged.
    """
    try:
        parts = json.loads(zlib.decompress(compressed))
    except (zlib.error, ValueError) as error:
        raise NotJson(f"the stored page is damaged: {error}") from None
    return [decode_fields(part, spider) if kind == REQUEST else decode_value(part) for kind, part in parts]


def page_key(request: str) -> bytes:
    """Return the key of a page's record: a hash of its request's JSON, with everything that the request carries.

    The callback, ``cb_kwargs`` and ``meta`` count, since what the page yields depends on them. The priority, the depth,
    the Referer and the sitemap's date do not.
    """
    fields = json.loads(request)
    fields.pop("priority", None)
    fields.pop("dont_filter", None)
    meta = {name: value for name, value in fields.pop("meta", {}).items() if name not in META_OF_THE_WAY}
    headers = [pair for pair in fields.pop("headers", []) if pair[0] != HEADER_OF_THE_WAY]
    text = json.dumps([fields, meta, headers], sort_keys=True)
    return hashlib.sha1(text.encode(), usedforsecurity=False).digest()
