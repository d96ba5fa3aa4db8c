"""Requests and responses for callbacks, and the changes that callbacks make to a request."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from renderer.chromium.cdp import Params
from renderer.egress.proxy_profiles import Proxy
from renderer.network.exchanges import Exchange
from renderer.network.first_request import with_cookies_of
from renderer.network.har import request_to_har
from renderer.render.http_client import Response


@dataclass(kw_only=True)
class RequestChanges:
    """The changes that callbacks made to a request."""

    abort: bool = False
    keep_body: bool = False
    url: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    proxy: Proxy | None = None
    timeout: float | None = None  # seconds; 0: no limit, None: the script did not set it
    http2: bool | None = None  # None: the script did not set it

    def apply_to(self, headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Return the headers to send."""
        new = {name.lower() for name in self.headers}
        kept = [(name, value) for name, value in headers if name.lower() not in new]
        return (*kept, *with_cookies_of(dict(headers), tuple(self.headers.items())))


def record_response(exchange: Exchange, response: Response) -> None:
    """Record the head of a response in the exchange."""
    headers: dict[str, str] = {}
    for name, value in response.headers:
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    exchange.respond(
        {"url": response.url, "status": response.status, "statusText": response.reason, "headers": headers}
    )


def request_fields(exchange: Exchange) -> Params:
    """Return the fields of a request that scripts read."""
    info = request_to_har(exchange)
    return {
        "url": info["url"],
        "method": info["method"],
        "headers": dict(exchange.request_headers),
        "info": info,
    }


def paused_exchange(paused: Params) -> Exchange:
    """Return an exchange for a request that Chromium paused."""
    return Exchange(
        {
            "request": dict(paused["request"]),
            "requestId": paused.get("networkId", ""),
            "wallTime": time.time(),
            "timestamp": time.monotonic(),
        }
    )
