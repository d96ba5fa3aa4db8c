"""The interception of requests: the renderer changes, blocks or answers requests before Chromium sends them.

It does so for the headers of the first document, images, domains, content types, filter lists, scripts, and content of
the client.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

from renderer.chromium.cdp import CommandFailed, Session, TargetGone
from renderer.network.blocking_rules import Rules
from renderer.network.exchanges import Network
from renderer.network.first_request import FirstRequest, acceptable, body_of
from renderer.network.load_state import PageLoad

Params = dict[str, Any]

NO_IMAGE: Params = {
    "responseCode": 200,
    "responseHeaders": [{"name": "Content-Type", "value": "image/svg+xml"}],
    "body": base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>').decode(),
}

# The decision on a paused request: a method of CDP's Fetch, and its parameters.
FetchDecision = tuple[str, Params]

# Seconds. One process of Chromium reports a page's images, another its redirects, so one report may be late.
REPORT_DELAY = 0.02


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Functions of a script: for each request before it leaves, each response before Chromium reads it, and each
    navigation that the lock stops."""

    request: Callable[[Params, Params], Awaitable[FetchDecision]] | None = None
    response: Callable[[Params], Awaitable[FetchDecision]] | None = None
    locked: Callable[[Params], Coroutine[Any, Any, None]] | None = None


class RequestHandler(Protocol):
    """Makes requests in the place of Chromium, if Chromium cannot make them as the render needs them."""

    def handles(self, paused: Params, planned: Params) -> bool:
        """Return whether this handler makes the paused request with the planned changes."""
        ...

    async def decide(self, paused: Params, planned: Params) -> FetchDecision:
        """Make the request, and return the decision that answers Chromium with the response."""
        ...


class Interception:
    """The interception of a tab. Chromium pauses only the requests that a rule needs; by default it pauses none."""

    def __init__(
        self, session: Session, load: PageLoad, network: Network, *, loads_images: bool = True
    ) -> None:
        self._session, self._load, self._network = session, load, network
        self._loads_images = loads_images  # Chromium does; if not, no rule is needed for images
        self._rules = Rules()
        self._first: FirstRequest | None = None
        # The last changed first request, for its redirects: Chromium's last event for it, and the changes.
        self._followed: tuple[Params, FirstRequest] | None = None
        self._content: tuple[bytes, dict[str, str]] | None = None
        self._capture: asyncio.Future[tuple[bytes, str]] | None = None
        self._watcher = Watcher()
        self.own: RequestHandler | None = None
        self.http2 = True
        self._limited = False
        self.navigation_locked = False
        self._holding = False
        self._parking = False
        self._waiting = 0
        self._parked: list[Params] = []
        self._expecting = False
        self._requested_url = ""  # of the last main document
        self._ours: set[str] = set()  # ids of requests that the renderer itself has started
        self._held: set[asyncio.Future[None]] = set()
        self._patterns: list[Params] = []
        session.on("Fetch.requestPaused", self._decide)

    @property
    def rules(self) -> Rules:
        return self._rules

    async def set_rules(self, rules: Rules) -> None:
        self._rules = rules
        await self._enable()

    async def set_images(self, enabled: bool) -> None:
        await self.set_rules(replace(self._rules, images=enabled))

    async def set_media(self, enabled: bool) -> None:
        await self.set_rules(replace(self._rules, media=enabled))

    async def set_http2(self, enabled: bool) -> None:
        """Allow or forbid HTTP/2; without it, the renderer makes https requests itself."""
        self.http2 = enabled
        await self._enable()

    async def limit_requests(self, limited: bool) -> None:
        """Note whether requests have a time limit; with a limit, the renderer makes them itself."""
        self._limited = limited
        await self._enable()

    async def change_first_document(self, first: FirstRequest) -> None:
        """Change the request of the next document to this one."""
        self._first = None if first.is_plain else first
        self._followed = None
        await self._enable()

    async def answer_first_document(
        self, content: bytes, mime_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer the request of the next document with this content; nothing reaches the network."""
        self._content = content, {"Content-Type": mime_type, **(headers or {})}
        await self._enable()

    async def capture_first_document(self) -> asyncio.Future[tuple[bytes, str]]:
        """Return a future of the next document's content and type; Chromium does not show it, its navigation aborts."""
        self._capture = asyncio.get_running_loop().create_future()
        await self._enable()
        return self._capture

    async def hold_redirects(self) -> None:
        """Abort redirects by the page's scripts, unless the load event has to wait for the page's images."""
        self._holding = True
        self._network.turn_on()
        self._network.holds_redirects = True
        await self._enable()

    async def park_redirects(self) -> None:
        """Hold redirects by a loaded page until the client's script waits."""
        self._parked.clear()
        if not self._parking:
            self._parking = True
            self._network.turn_on()
            await self._enable()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Allow the page's redirects inside of the block; a held redirect starts at once."""
        self._waiting += 1
        parked, self._parked = self._parked, []
        for event in parked[-1:]:
            self._repeat_navigation(event)
        try:
            yield
        finally:
            self._waiting -= 1

    async def watch(self, watcher: Watcher) -> None:
        """Call the functions of this watcher from now on; an empty watcher has none."""
        self._watcher = watcher
        await self._enable()

    async def lock_navigation(self, locked: bool) -> None:
        """Forbid or allow navigations of the main frame."""
        self.navigation_locked = locked
        await self._enable()

    def expect_document(self) -> None:
        """Note that the renderer itself requests the next main document."""
        self._expecting = True

    async def _enable(self) -> None:
        patterns = self._needed_patterns()
        if patterns == self._patterns:
            return
        self._patterns = patterns
        if patterns:
            await self._session.call("Fetch.enable", {"patterns": patterns})
        else:
            await self._session.call("Fetch.disable")

    @property
    def _must_see_documents(self) -> bool:
        return self._holding or self._parking or self.navigation_locked or self._followed is not None

    def _needed_patterns(self) -> list[Params]:
        patterns: list[Params] = []
        if self._rules.allowed_domains or self._rules.filter_names or self._watcher.request or self._limited:
            patterns.append({"urlPattern": "*"})
        if self._rules.check_responses or self._watcher.response:
            patterns.append({"urlPattern": "*", "requestStage": "Response"})
        if not self._rules.images and self._loads_images:
            patterns.append({"urlPattern": "*", "resourceType": "Image"})
        if not self._rules.media:
            patterns.append({"urlPattern": "*", "resourceType": "Media"})
        if not self.http2:
            patterns.append({"urlPattern": "https://*"})
        if self._capture is not None:
            patterns.append({"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"})
        if self._first is not None or self._content is not None or self._must_see_documents:
            patterns.append({"urlPattern": "*", "resourceType": "Document"})
        return patterns

    def forget(self) -> None:
        self._rules, self._first, self._content, self._capture = Rules(), None, None, None
        self._followed = None
        self._watcher, self.own, self.http2, self._limited = Watcher(), None, True, False
        self._holding = self._parking = self._expecting = self.navigation_locked = False
        self._parked, self._waiting = [], 0
        self._requested_url = ""
        self._ours.clear()
        for task in self._held:
            task.cancel()
        if self._patterns and not self._session.is_gone:
            self._session.send("Fetch.disable")
        self._patterns = []

    def _decide(self, event: Params) -> None:
        request, kind = event["request"], event["resourceType"]
        answer: Params = {"requestId": event["requestId"]}
        if "responseStatusCode" in event or "responseErrorReason" in event:
            self._decide_response(event)
            return
        if kind == "Image" and not self._rules.images:
            # If the request failed, the page would show the icon of a broken image.
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.fulfillRequest", answer | NO_IMAGE)
            return
        is_page = kind == "Document" and event["frameId"] == self._load.frame_id
        if is_page:
            self._requested_url = request["url"]
        # The first requests of a page may come before the event for its document.
        page_url = self._load.url or self._requested_url
        if self._rules.refuses(kind, request["url"], "" if is_page else page_url):
            # Splash reports a blocked page as one with an unknown scheme.
            reason = "AccessDenied" if is_page else "BlockedByClient"
            self._session.send("Fetch.failRequest", answer | {"errorReason": reason})
            return
        if is_page and self.navigation_locked:
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.failRequest", answer | {"errorReason": "Aborted"})
            if self._watcher.locked is not None:
                self._start_task(self._watcher.locked(event))
            return
        holds = self._holding or (self._parking and not self._waiting)
        if is_page and not self._is_ours(event) and holds:
            self._start_task(self._hold(event))
            return
        if kind == "Document" and self._content is not None:
            content, headers = self._content
            self._content = None
            answer |= {
                "responseCode": 200,
                "responseHeaders": [{"name": name, "value": value} for name, value in headers.items()],
                "body": base64.b64encode(content).decode("ascii"),
            }
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.fulfillRequest", answer)
        elif kind == "Document" and self._first is not None:
            first, self._first = self._first, None
            self._change(event, first)
        elif (again := self._followed_by(event)) is not None:
            self._change(event, again)
            return
        else:
            self._continue(event, {})
            return
        # The first document has been handled; Chromium need not pause later ones.
        self._narrowing = asyncio.ensure_future(self._enable())

    def _followed_by(self, event: Params) -> FirstRequest | None:
        """Return the changes for a request that is a redirect or a repetition of the first one; None for any other."""
        if self._followed is None:
            return None
        before, first = self._followed
        if event.get("redirectedRequestId") == before["requestId"]:
            return first.redirected(event["request"], before["request"]["url"])
        # Chromium repeats a request with client hints that the server requires (Critical-CH).
        is_again = event.get("networkId") == before.get("networkId") is not None
        return first if is_again else None

    def _change(self, event: Params, first: FirstRequest) -> None:
        """Send the document's request with its changes, and remember it for its redirects."""
        request = event["request"]
        self._followed = event, first
        self._network.rewrite(event.get("networkId", ""), method=first.method, body=first.body)
        self._continue(event, first.changes(request))

    def _continue(self, event: Params, changes: Params) -> None:
        if self._watcher.request is not None:
            self._start_task(self._apply_decision(event, partial(self._watcher.request, event, changes)))
        elif self.own is not None and self._capture is None and self.own.handles(event, changes):
            self._start_task(self._apply_decision(event, partial(self.own.decide, event, changes)))
        else:
            self._answer(event, "Fetch.continueRequest", changes)

    def _answer(self, event: Params, method: str, parameters: Params) -> None:
        if method == "Fetch.continueRequest" and "headers" in parameters:
            parameters = parameters | {"headers": acceptable(parameters["headers"])}
        self._session.send(method, {"requestId": event["requestId"]} | parameters)

    async def _apply_decision(self, event: Params, decide: Callable[[], Awaitable[FetchDecision]]) -> None:
        # ``decide`` makes the coroutine here: if this task is cancelled before it starts, there is none to await.
        method, parameters = await decide()
        with contextlib.suppress(TargetGone):
            self._answer(event, method, parameters)

    def _start_task(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._held.add(task)
        task.add_done_callback(self._held.discard)

    def _decide_response(self, event: Params) -> None:
        if (
            self._capture is not None
            and event["resourceType"] == "Document"
            and "responseStatusCode" in event
        ):
            self._capturing = asyncio.ensure_future(self._take(event, self._capture))
            return
        answer: Params = {"requestId": event["requestId"]}
        types = [
            header["value"]
            for header in event.get("responseHeaders", ())
            if header["name"].lower() == "content-type"
        ]
        is_redirect = 300 <= event.get("responseStatusCode", 0) < 400
        if types and not is_redirect and self._rules.refuses_type(types[-1]):
            if event["resourceType"] == "Document" and event["frameId"] == self._load.frame_id:
                self._network.given_up_status = event["responseStatusCode"]
            self._session.send("Fetch.failRequest", answer | {"errorReason": "BlockedByClient"})
        elif self._watcher.response is not None and "responseStatusCode" in event:
            self._start_task(self._apply_decision(event, partial(self._watcher.response, event)))
        else:
            self._session.send("Fetch.continueRequest", answer)

    def _is_ours(self, event: Params) -> bool:
        """Return whether the renderer requested this main document, directly or through a server's redirect."""
        # The network id recognizes a request that Chromium repeats with client hints that the server requires.
        earlier = (event.get("redirectedRequestId"), event.get("networkId"))
        if not self._expecting and self._ours.isdisjoint(earlier):
            return False
        self._expecting = False
        self._ours |= {event["requestId"], event.get("networkId") or event["requestId"]}
        return True

    async def _hold(self, event: Params) -> None:
        answer: Params = {"requestId": event["requestId"]}
        network_id = event.get("networkId", "")
        self._network.hide(network_id)
        if await self._is_still_loading():
            self._network.hide(network_id, hidden=False)
            self._ours.add(event["requestId"])
            self._continue(event, {})
            return
        self._session.send("Fetch.failRequest", answer | {"errorReason": "Aborted"})
        if not self._load.loaded or self._holding:
            # Chromium fires no load event in a page that has navigated before that event.
            self._load.on_load_event({})
        if self._waiting:
            self._repeat_navigation(event)
        elif self._parking:
            self._parked.append(event)

    def _repeat_navigation(self, held: Params) -> None:
        # The request was aborted and is made again here: Chromium runs no scripts in a page while its navigation waits.
        if self.navigation_locked:
            if self._watcher.locked is not None:
                self._start_task(self._watcher.locked(held))
            return
        request = held["request"]
        if request["method"] != "GET":
            kept = [
                (name, text) for name, text in request["headers"].items() if name.lower() == "content-type"
            ]
            self._first = FirstRequest(method=request["method"], headers=kept, body=body_of(held))
        self.expect_document()
        target: Params = {"url": request["url"] + request.get("urlFragment", "")}
        if referrer := request["headers"].get("Referer"):
            target["referrer"] = referrer
        self._session.send("Page.navigate", target)

    async def _is_still_loading(self) -> bool:
        if not self._load.loaded:
            await asyncio.sleep(REPORT_DELAY)
        return not self._load.loaded and self._network.loads_resources()

    async def _take(self, event: Params, capture: asyncio.Future[tuple[bytes, str]]) -> None:
        request = {"requestId": event["requestId"]}
        headers = {header["name"].lower(): header["value"] for header in event.get("responseHeaders", ())}
        if 300 <= event["responseStatusCode"] < 400 and "location" in headers:
            self._session.send("Fetch.continueRequest", request)
            return
        try:
            body = await self._session.call("Fetch.getResponseBody", request)
        except (CommandFailed, TargetGone) as error:
            capture.set_exception(error)
            return
        content = base64.b64decode(body["body"]) if body["base64Encoded"] else body["body"].encode()
        self._network.take(event, content)
        capture.set_result((content, headers.get("content-type", "text/html")))
        self._capture = None
        self._session.send("Fetch.failRequest", request | {"errorReason": "Aborted"})
