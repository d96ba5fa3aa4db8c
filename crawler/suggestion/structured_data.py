"""What a page says about its records to machines: JSON-LD.

JSON-LD has values, and no elements; extruct has values without elements for microdata, too. So JSON-LD names fields and
confirms records, the XPaths are those of the markup, and microdata are attributes of the markup
(``crawler.suggestion.places``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urldefrag

from crawler.suggestion.document import Document

MOST_NODES = 20_000  # of a page's JSON
LONGEST = 2_000_000  # characters of a script
CONFIRMED = 0.6  # the share of records with a value that the JSON-LD has
SCRIPTS = "//script[contains(translate(@type, 'LDJSON', 'ldjson'), 'ld+json')]"
NO_FIELDS = frozenset(("@type", "@id", "@context", "position", "priceCurrency"))


class StructuredData:
    """The properties of a page's JSON-LD items: for each name the values of all items."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values: dict[str, set[str]] = {}
        for node in _nodes(document):
            for name, value in node.items():
                if (
                    name not in NO_FIELDS
                    and isinstance(value, str | int | float)
                    and not isinstance(value, bool)
                ):
                    self.values.setdefault(str(name), set()).add(self._comparable(str(value)))

    def property_of(self, values: Sequence[str]) -> str | None:
        """Return the name of the property that has most of these values, or None."""
        texts = [self._comparable(value) for value in values]
        shares = {
            name: sum(text in known for text in texts) / len(texts) for name, known in self.values.items()
        }
        best = max(shares, key=lambda name: (shares[name], name in ("name", "url", "price")), default=None)
        return best if best is not None and shares[best] >= CONFIRMED and len(set(texts)) > 1 else None

    def _comparable(self, value: str) -> str:
        value = " ".join(value.split())
        if value.startswith(("/", "http:", "https:", ".")):
            try:
                return urldefrag(self.document.absolute(value)).url.rstrip("/")
            except ValueError:
                return value
        return value.lstrip("$£€¥ ").casefold()


def _nodes(document: Document) -> Iterator[dict[str, Any]]:
    """Yield all JSON objects of a page's JSON-LD."""
    stack: list[Any] = []
    for script in document.select(SCRIPTS):
        text = "".join(script.itertext())
        if len(text) <= LONGEST:
            try:
                stack.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):
                continue
    for _ in range(MOST_NODES):
        if not stack:
            return
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
