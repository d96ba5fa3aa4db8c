"""Requests that are changed or refused: first-document headers, images, domains, types, filters, our own content."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Protocol
from urllib.parse import urlsplit

from renderer.cdp import CommandFailed, Session, TargetGone
from renderer.filters import Filters
from renderer.first_request import FirstRequest, acceptable, body_of
from renderer.network import Network
from renderer.page_load import PageLoad

Params = dict[str, Any]

NO_IMAGE: Params = {
    "responseCode": 200,
    "responseHeaders": [{"name": "Content-Type", "value": "image/svg+xml"}],
    "body": base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0"/>').decode(),
}

# What is to become of a paused request: a method of CDP's Fetch, and its parameters.
Verdict = tuple[str, Params]

# Another process tells us of a page's pictures than of its redirects.
REPORT_DELAY = 0.02


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for every request of a render."""

    images: bool = True
    media: bool = True
    allowed_domains: tuple[str, ...] = ()
    # Patterns like image/*; None allows every type.
    allowed_content_types: tuple[str, ...] | None = None
    forbidden_content_types: tuple[str, ...] = ()
    filters: Filters = field(default_factory=Filters, compare=False)
    filter_names: tuple[str, ...] = ()

    def refuses(self, kind: str, url: str, page_url: str) -> bool:
        """Whether this request may not leave; ``page_url`` is empty for the page itself."""
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
        return self.allowed_content_types is not None or bool(self.forbidden_content_types)

    def refuses_type(self, content_type: str) -> bool:
        """Whether a response of this type is dropped; one that does not say its type is not."""
        kind = content_type.partition(";")[0].strip().lower()
        if not kind:
            return False
        if any(fnmatchcase(kind, pattern.lower()) for pattern in self.forbidden_content_types):
            return True
        allowed = self.allowed_content_types
        return allowed is not None and not any(fnmatchcase(kind, pattern.lower()) for pattern in allowed)


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Somebody who is asked about each request before it leaves, and about each response before it is read."""

    request: Callable[[Params, Params], Awaitable[Verdict]] | None = None
    response: Callable[[Params], Awaitable[Verdict]] | None = None
    locked: Callable[[Params], Coroutine[Any, Any, None]] | None = None


class StandIn(Protocol):
    """Somebody who makes requests in Chromium's place where Chromium could not."""

    def take(self, paused: Params, planned: Params) -> bool: ...

    async def verdict(self, paused: Params, planned: Params) -> Verdict: ...


class Interception:
    """Asks Chromium to stop only at the requests that some rule is about; by default at none."""

    def __init__(self, session: Session, load: PageLoad, network: Network) -> None:
        self._session, self._load, self._network = session, load, network
        self._rules = Rules()
        self._first: FirstRequest | None = None
        self._content: tuple[bytes, str] | None = None
        self._capture: asyncio.Future[tuple[bytes, str]] | None = None
        self._watcher = Watcher()
        self.own: StandIn | None = None
        self.http2 = True
        self.navigation_locked = False
        self._holding = False
        self._parking = False
        self._waiting = 0
        self._parked: list[Params] = []
        self._expecting = False
        self._asked_url = ""  # of the main document that was asked for last
        self._ours: set[str] = set()
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
        """Without it, https requests are not Chromium's."""
        self.http2 = enabled
        await self._enable()

    async def change_first_document(self, first: FirstRequest) -> None:
        self._first = None if first.is_plain else first
        await self._enable()

    async def answer_first_document(self, content: bytes, mime_type: str) -> None:
        self._content = (content, mime_type)
        await self._enable()

    async def capture_first_document(self) -> asyncio.Future[tuple[bytes, str]]:
        """Take the content and type of the next document away before it is shown; its navigation is aborted."""
        self._capture = asyncio.get_running_loop().create_future()
        await self._enable()
        return self._capture

    async def hold_redirects(self) -> None:
        """Give up redirects of the page itself, unless its load event has to wait for its pictures."""
        self._holding = True
        self._network.turn_on()
        self._network.holds_redirects = True
        await self._enable()

    async def park_redirects(self) -> None:
        """For scripts: redirects of a page that is ready have to wait until the script waits."""
        self._parked.clear()
        if not self._parking:
            self._parking = True
            self._network.turn_on()
            await self._enable()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Meanwhile the page may go where it likes."""
        self._waiting += 1
        parked, self._parked = self._parked, []
        for event in parked[-1:]:
            self._go_on(event)
        try:
            yield
        finally:
            self._waiting -= 1

    async def watch(self, watcher: Watcher) -> None:
        """From now on ask this one; an empty one is asked nothing."""
        self._watcher = watcher
        await self._enable()

    async def lock_navigation(self, locked: bool) -> None:
        """Keep the main frame on its page, or let it go again."""
        self.navigation_locked = locked
        await self._enable()

    def expect_document(self) -> None:
        """The next main document is one that we ask for."""
        self._expecting = True

    async def _enable(self) -> None:
        patterns = self._wanted()
        if patterns == self._patterns:
            return
        self._patterns = patterns
        if patterns:
            await self._session.call("Fetch.enable", {"patterns": patterns})
        else:
            await self._session.call("Fetch.disable")

    @property
    def _must_see_documents(self) -> bool:
        return self._holding or self._parking or self.navigation_locked

    def _wanted(self) -> list[Params]:
        patterns: list[Params] = []
        if self._rules.allowed_domains or self._rules.filter_names or self._watcher.request:
            patterns.append({"urlPattern": "*"})
        if self._rules.check_responses or self._watcher.response:
            patterns.append({"urlPattern": "*", "requestStage": "Response"})
        if not self._rules.images:
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
        self._watcher, self.own, self.http2 = Watcher(), None, True
        self._holding = self._parking = self._expecting = self.navigation_locked = False
        self._parked, self._waiting = [], 0
        self._asked_url = ""
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
            # A refused one would leave the mark of a broken image.
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.fulfillRequest", answer | NO_IMAGE)
            return
        is_page = kind == "Document" and event["frameId"] == self._load.frame_id
        if is_page:
            self._asked_url = request["url"]
        # A page's first requests may be here before the news that it is there.
        page_url = self._load.url or self._asked_url
        if self._rules.refuses(kind, request["url"], "" if is_page else page_url):
            self._session.send("Fetch.failRequest", answer | {"errorReason": "BlockedByClient"})
            return
        if is_page and self.navigation_locked:
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.failRequest", answer | {"errorReason": "Aborted"})
            if self._watcher.locked is not None:
                self._spawn(self._watcher.locked(event))
            return
        holds = self._holding or (self._parking and not self._waiting)
        if is_page and not self._is_ours(event) and holds:
            self._spawn(self._hold(event))
            return
        if kind == "Document" and self._content is not None:
            content, mime_type = self._content
            self._content = None
            answer |= {
                "responseCode": 200,
                "responseHeaders": [{"name": "Content-Type", "value": mime_type}],
                "body": base64.b64encode(content).decode("ascii"),
            }
            self._network.hide(event.get("networkId", ""))
            self._session.send("Fetch.fulfillRequest", answer)
        elif kind == "Document" and self._first is not None:
            first, self._first = self._first, None
            self._network.rewrite(event.get("networkId", ""), method=first.method, body=first.body)
            self._continue(event, first.changes(request))
        else:
            self._continue(event, {})
            return
        # The first document is through; what follows need not stop here.
        self._narrowing = asyncio.ensure_future(self._enable())

    def _continue(self, event: Params, changes: Params) -> None:
        if self._watcher.request is not None:
            self._spawn(self._obey(event, self._watcher.request(event, changes)))
        elif self.own is not None and self._capture is None and self.own.take(event, changes):
            self._spawn(self._obey(event, self.own.verdict(event, changes)))
        else:
            self._answer(event, "Fetch.continueRequest", changes)

    def _answer(self, event: Params, method: str, parameters: Params) -> None:
        if method == "Fetch.continueRequest" and "headers" in parameters:
            parameters = parameters | {"headers": acceptable(parameters["headers"])}
        self._session.send(method, {"requestId": event["requestId"]} | parameters)

    async def _obey(self, event: Params, asked: Awaitable[Verdict]) -> None:
        method, parameters = await asked
        with contextlib.suppress(TargetGone):
            self._answer(event, method, parameters)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
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
            self._session.send("Fetch.failRequest", answer | {"errorReason": "BlockedByClient"})
        elif self._watcher.response is not None and "responseStatusCode" in event:
            self._spawn(self._obey(event, self._watcher.response(event)))
        else:
            self._session.send("Fetch.continueRequest", answer)

    def _is_ours(self, event: Params) -> bool:
        """Whether we asked for this main document, or a server sent us on to it."""
        if not self._expecting and event.get("redirectedRequestId") not in self._ours:
            return False
        self._expecting = False
        self._ours.add(event["requestId"])
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
            # Chromium fires no load event of its own in a page that sent itself elsewhere before.
            self._load.feed_load_event({})
        if self._waiting:
            self._go_on(event)
        elif self._parking:
            self._parked.append(event)

    def _go_on(self, held: Params) -> None:
        # Not held for all that time: Chromium runs no scripts in a page that is about to leave.
        if self.navigation_locked:
            if self._watcher.locked is not None:
                self._spawn(self._watcher.locked(held))
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
