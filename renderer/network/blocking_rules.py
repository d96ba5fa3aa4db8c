"""The rules that block requests of a render: by images, media, domains, content types and filter lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from renderer.network.adblock_filters import Filters


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules for every request of a render."""

    images: bool = True
    media: bool = True
    allowed_domains: tuple[str, ...] = ()
    # Patterns like image/*; None allows every type.
    allowed_content_types: tuple[str, ...] | None = None
    forbidden_content_types: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters, compare=False)
    filter_names: tuple[str, ...] = ()

    def refuses(self, kind: str, url: str, page_url: str) -> bool:
        """Return whether the rules block this request; ``page_url`` is empty for the page itself."""
        if (not self.images and kind == "Image") or (not self.media and kind == "Media"):
            return True
        if page_url and self.filters.refuse(self.filter_names, url, page_url, kind):
            return True
        if not self.allowed_domains:
            return False
        host = urlsplit(url).hostname or ""
        return not any(host == domain or host.endswith(f".{domain}") for domain in self.allowed_domains)

    @property
    def check_responses(self) -> bool:
        """Whether there are rules for content types, so that every response must be checked."""
        return self.allowed_content_types is not None or bool(self.forbidden_content_types)

    def refuses_type(self, content_type: str) -> bool:
        """Return whether the rules block a response of this type; a response without a type is never blocked."""
        kind = content_type.partition(";")[0].strip().lower()
        if not kind:
            return False
        if any(fnmatchcase(kind, pattern.lower()) for pattern in self.forbidden_content_types):
            return True
        allowed = self.allowed_content_types
        return allowed is not None and not any(fnmatchcase(kind, pattern.lower()) for pattern in allowed)
