"""The rules of a server for the pages of its tabs: URL schemes, caches and addresses."""

from __future__ import annotations

from dataclasses import dataclass, field

from renderer.egress.connector import Reach


@dataclass(frozen=True, kw_only=True)
class TabPolicy:
    """The rules for every render of this server."""

    allowed_schemes: frozenset[str] = frozenset({"http", "https", "data"})
    caches: bool = True
    reach: Reach = field(default_factory=Reach)

    def allows(self, url: str) -> bool:
        """Return whether a render may load this URL: by default no local file and no page of Chromium's own."""
        scheme, colon, _ = url.strip().partition(":")
        return url.strip() == "about:blank" or (bool(colon) and scheme.lower() in self.allowed_schemes)
