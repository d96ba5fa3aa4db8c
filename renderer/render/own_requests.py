"""Requests that the renderer sends in Chromium's place: Chromium has no proxy and no timeout for one request."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace

from renderer.chromium.cdp import Params
from renderer.network.first_request import beyond_chromium, body_of
from renderer.network.interception import FetchDecision
from renderer.render.http_client import HttpClient, Request, RequestFailed, Response
from renderer.tab.tab import Tab

# Errors of our own client, and their names in Fetch.failRequest.
_REASONS = {
    "net::ERR_CONNECTION_REFUSED": "ConnectionRefused",
    "net::ERR_CONNECTION_CLOSED": "ConnectionClosed",
    "net::ERR_NAME_NOT_RESOLVED": "NameNotResolved",
    "net::ERR_ABORTED": "TimedOut",
    "net::ERR_INVALID_URL": "Failed",
}
# Chromium adds this header after the point where a request is paused; our client can decode these encodings.
_ACCEPT_ENCODING = ("Accept-Encoding", "gzip, deflate")
# The body goes to Chromium decoded, in one piece.
_NOT_PASSED_ON = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Headers = tuple[tuple[str, str], ...]
Accept = Callable[[Response], Awaitable[bool]]


class OwnRequests:
    """Sends requests over HTTP/1.1, with exactly the headers that the caller passes."""

    def __init__(self, tab: Tab, client: HttpClient) -> None:
        self._tab, self._client = tab, client

    def are_needed(self, paused: Params, headers: Headers, http2: bool | None = None) -> bool:
        """Return whether Chromium cannot send the request with these headers, its timeout and this choice of HTTP/2."""
        http2 = self._tab.interception.http2 if http2 is None else http2
        url: str = paused["request"]["url"]
        if not url.lower().startswith(("http:", "https:")):
            return False
        # Chromium does not pass on a body that is large or a file.
        if paused["request"].get("hasPostData") and body_of(paused) is None:
            return False
        is_limited = self._tab.request_limit.seconds > 0 and not self._is_page(paused)
        return is_limited or beyond_chromium(headers, url) or (not http2 and url.lower().startswith("https:"))

    def handles(self, paused: Params, planned: Params) -> bool:
        """Return whether Chromium cannot send a paused request with its planned changes."""
        return self.are_needed(paused, _headers(paused, planned))

    async def decide(self, paused: Params, planned: Params) -> FetchDecision:
        """Send a request for which ``handles`` returned True, and return the command that answers Chromium."""
        headers = _headers(paused, planned)
        body = base64.b64decode(planned["postData"]) if "postData" in planned else body_of(paused)
        method: str = planned.get("method", paused["request"]["method"])
        request = Request(
            method=method,
            url=paused["request"]["url"],
            headers=headers,
            body=body,
            timeout=self._tab.request_limit.seconds or None,
        )
        return await self.make(paused, request, _accept_all)

    async def make(self, paused: Params, request: Request, accept: Accept) -> FetchDecision:
        """Send ``request`` instead of the paused one, and return the command that passes the response to Chromium."""
        status: int | None = None
        self._tab.request_limit.leave_out(paused.get("networkId", ""))
        if not any(name.lower() == "accept-encoding" for name, _ in request.headers):
            request = replace(request, headers=(*request.headers, _ACCEPT_ENCODING))

        async def begin(head: Response) -> bool:
            nonlocal status
            status = head.status
            return await accept(head) and not self._is_refused(head)

        try:
            response = await self._client.send(request, begin)
        except RequestFailed as failed:
            if status is not None:
                self.break_off(paused, status)
            # After TimedOut, a page's XMLHttpRequest does not call onerror; Splash does call it.
            is_late = failed.error == "net::ERR_ABORTED" and not self._is_page(paused)
            reason = "Failed" if is_late else _REASONS.get(failed.error, "Failed")
            return "Fetch.failRequest", {"errorReason": reason}
        answer: Params = {
            "responseCode": response.status,
            "responseHeaders": [
                {"name": name, "value": value}
                for name, value in response.headers
                if name.lower() not in _NOT_PASSED_ON
            ],
            "body": base64.b64encode(response.body).decode("ascii"),
        }
        if response.reason:
            answer["responsePhrase"] = response.reason
        return "Fetch.fulfillRequest", answer

    def break_off(self, paused: Params, status: int) -> None:
        """Note the status of a page whose response began: ``go`` tells it from a page that never came."""
        if self._is_page(paused):
            self._tab.network.given_up_status = status

    def _is_page(self, paused: Params) -> bool:
        return bool(paused["resourceType"] == "Document" and paused["frameId"] == self._tab.load.frame_id)

    def _is_refused(self, head: Response) -> bool:
        types = [value for name, value in head.headers if name.lower() == "content-type"]
        is_redirect = 300 <= head.status < 400
        return bool(types) and not is_redirect and self._tab.interception.rules.refuses_type(types[-1])


def _headers(paused: Params, planned: Params) -> Headers:
    if "headers" in planned:
        return tuple((header["name"], header["value"]) for header in planned["headers"])
    return tuple(paused["request"]["headers"].items())


async def _accept_all(head: Response) -> bool:
    return True
