"""Requests for other sites than the spider's: refused as Scrapy refuses them, and the frontier keeps the reason."""

from __future__ import annotations

from scrapy import Request, Spider
from scrapy.downloadermiddlewares import offsite


class OffsiteMiddleware(offsite.OffsiteMiddleware):
    def request_scheduled(self, request: Request, spider: Spider) -> None:
        """Let it into the frontier: it is refused when it would be made, like one that robots.txt forbids."""
