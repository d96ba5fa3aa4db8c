"""Requests that the renderer makes in Chromium's place, because Chromium has no way to make just one like that."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

from renderer.cdp import Params
from renderer.first_request import beyond_chromium, body_of
from renderer.http_client import HttpClient, Request, RequestFailed, Response
from renderer.interception import Verdict
from renderer.tab import Tab

# What Fetch.failRequest calls the errors of our own client.
_REASONS = {
    "net::ERR_CONNECTION_REFUSED": "ConnectionRefused",
    "net::ERR_CONNECTION_CLOSED": "ConnectionClosed",
    "net::ERR_NAME_NOT_RESOLVED": "NameNotResolved",
    "net::ERR_ABORTED": "TimedOut",
}
# The body is handed over in plain.
_NOT_PASSED_ON = frozenset({"content-encoding", "content-length", "transfer-encoding"})

Headers = tuple[tuple[str, str], ...]
Accept = Callable[[Response], Awaitable[bool]]


class OwnRequests:
    """They speak HTTP/1.1 only, and send what headers they are given."""

    def __init__(self, tab: Tab, client: HttpClient) -> None:
        self._tab, self._client = tab, client

    def are_needed(self, paused: Params, headers: Headers, http2: bool | None = None) -> bool:
        """Whether Chromium cannot make this one as it is wanted, with HTTP/2 or without."""
        http2 = self._tab.interception.http2 if http2 is None else http2
        url: str = paused["request"]["url"]
        if not url.lower().startswith(("http:", "https:")):
            return False
        # Chromium does not hand over a body that is large or a file.
        if paused["request"].get("hasPostData") and body_of(paused) is None:
            return False
        return beyond_chromium(headers, url) or (not http2 and url.lower().startswith("https:"))

    def take(self, paused: Params, planned: Params) -> bool:
        """The same for a paused request and the changes that are planned for it."""
        return self.are_needed(paused, _headers(paused, planned))

    async def verdict(self, paused: Params, planned: Params) -> Verdict:
        """Make the request that ``take`` takes."""
        headers = _headers(paused, planned)
        body = base64.b64decode(planned["postData"]) if "postData" in planned else body_of(paused)
        method: str = planned.get("method", paused["request"]["method"])
        request = Request(method=method, url=paused["request"]["url"], headers=headers, body=body)
        return await self.make(paused, request, _accept_all)

    async def make(self, paused: Params, request: Request, accept: Accept) -> Verdict:
        """Send this instead, and answer Chromium with what comes back."""
        has_begun = False

        async def begin(head: Response) -> bool:
            nonlocal has_begun
            has_begun = True
            return await accept(head) and not self._is_refused(head)

        try:
            response = await self._client.send(request, begin)
        except RequestFailed as failed:
            if has_begun:
                self.break_off(paused)
            return "Fetch.failRequest", {"errorReason": _REASONS.get(failed.error, "Failed")}
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

    def break_off(self, paused: Params) -> None:
        """A page that had begun to come is told from one that never did."""
        if paused["resourceType"] == "Document" and paused["frameId"] == self._tab.load.frame_id:
            self._tab.network.gave_up_main_document = True

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
