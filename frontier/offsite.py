"""The middleware that refuses requests for other sites. The frontier stores the reason."""

from __future__ import annotations

from scrapy import Request, Spider
from scrapy.downloadermiddlewares import offsite


class OffsiteMiddleware(offsite.OffsiteMiddleware):
    def request_scheduled(self, request: Request, spider: Spider) -> None:
        """Accept the request into the frontier. It is refused later, like one that robots.txt forbids."""
