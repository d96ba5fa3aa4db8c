"""The requests and responses of a render, from Chromium's events. Recording is off until a render needs it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from renderer.chromium.cdp import CommandFailed, Session, TargetGone
from renderer.network.har import entry_of
from renderer.network.header_text import joined_headers

Params = dict[str, Any]

# The numbers of checks whether Chromium has reported the end of a request, and the seconds between them.
REPORTS, BODY_REPORTS, REPORT_DELAY = 5, 25, 0.01


LASTING = ("EventSource", "WebSocket")  # Chromium's types of requests that last as long as the page


class Exchange:
    """A request and its response, as far as they are known; each redirect is an exchange of its own."""

    def __init__(self, event: Params) -> None:
        self.request: Params = event["request"]
        self.request_id: str = event["requestId"]
        self.loader_id: str = event.get("loaderId", "")
        self.frame_id: str = event.get("frameId", "")
        self.kind: str = event.get("type", "Other")
        self.wall_time: float = event["wallTime"]
        self.started: float = event["timestamp"]
        self.request_headers: Params = dict(self.request["headers"])
        self.response: Params | None = None
        self.response_headers: Params = {}
        self.status_line = ""  # as Chromium reports it, which is not always as the server sent it
        self.awaits_raw_headers = (
            False  # Chromium has announced an event with the headers that the server sent
        )
        self.request_body: bytes | None = None
        self.response_body: bytes | None = None
        self.finished: float | None = None
        self.size = 0
        self.failure = ""
        self.taken = False  # the renderer took the response, and Chromium did not get it
        self.reported = False  # ``on_over`` was called
        self.hidden = False  # the exchange is Chromium's own, not the page's

    @property
    def started_at(self) -> str:
        return datetime.fromtimestamp(self.wall_time, UTC).isoformat(timespec="milliseconds")

    def respond(self, response: Params) -> None:
        self.response = response
        self.response_headers = self.response_headers or joined_headers(response["headers"])


class Network:
    """The recorder of a tab's exchanges. A render that needs no exchanges keeps it off, which costs nothing."""

    def __init__(self, session: Session, main_frame: str) -> None:
        self._session, self._main_frame = session, main_frame
        self._on = False
        self._is_enabled = False  # Chromium reports requests, also while the recording is off
        self._is_check = False  # it is on only for the headers of one document
        self._only_documents = False  # it is on only for main documents
        self._needs_body: Callable[[Exchange], bool] | None = None  # says which of their bodies are saved
        self._caches = True
        self._exchanges: list[Exchange] = []
        self._archived_from = 0  # the index of the first exchange of the archive
        self._current: dict[str, Exchange] = {}
        self._early_headers: dict[str, Params] = {}
        # Redirects that Chromium reported before their headers, by request.
        self._early: dict[str, list[Exchange]] = {}
        self._keeps_requests = self._keeps_responses = False
        self._amendments: dict[str, Callable[[Exchange], None]] = {}
        self._kept: set[str] = set()  # requests whose response bodies are saved in any case
        self._reading: set[asyncio.Future[None]] = set()
        self.holds_redirects = (
            False  # if so, a main document without a response is a redirect that was not followed
        )
        self.failed_url = ""
        # The HTTP status of the page if the renderer gave it up; 0 if no response had begun; None if it did not.
        self.given_up_status: int | None = None
        # Called with every exchange that is over, with or without an error.
        self.on_over: Callable[[Exchange], object] | None = None
        session.on("Network.requestWillBeSent", self._while_on(self._requested))
        session.on("Network.responseReceived", self._while_on(self._responded))
        session.on("Network.responseReceivedExtraInfo", self._while_on(self._raw_response))
        session.on("Network.requestWillBeSentExtraInfo", self._while_on(self._raw_request))
        session.on("Network.dataReceived", self._while_on(self._received))
        session.on("Network.loadingFinished", self._while_on(self._finished))
        session.on("Network.loadingFailed", self._while_on(self._failed))

    def turn_on(self) -> asyncio.Future[Params] | None:
        """Start recording; Chromium reports the requests of all later commands of the same session."""
        self._is_check = self._only_documents = False
        return self._start()

    def _start(self) -> asyncio.Future[Params] | None:
        self._on = True
        if self._is_enabled:
            return None
        self._is_enabled = True
        return self._session.send("Network.enable")

    def check_document(self) -> None:
        """Record until the next main document is there, if the recording is off."""
        if not self._on:
            self.turn_on()
            self._is_check = True

    def watch_documents(self, needs_body: Callable[[Exchange], bool]) -> None:
        """Record the main documents, and save the bodies of those for which ``needs_body`` returns true."""
        if not self._on:
            self._only_documents = True
        self._needs_body = needs_body
        self._start()

    def on_document(self) -> None:
        """Note that the tab has a new main document."""
        if self._is_check:
            self.turn_off()
            self.disable_unused()

    def turn_off(self) -> None:
        """Stop recording; what is recorded stays."""
        self._on = self._is_check = self._only_documents = False

    def disable_unused(self) -> None:
        """Make Chromium report nothing, if the recording is off.

        Between two renders with a record Chromium goes on: to stop and to start again costs a tenth of a light page.
        """
        if self._on or not self._is_enabled or self._session.is_gone:
            return
        self._is_enabled = False
        self._session.send("Network.disable")
        if not self._caches:
            self.disable_caches()  # Network.disable has undone it

    def disable_caches(self) -> asyncio.Future[Params]:
        """Make Chromium request everything from the server, for as long as the tab is open."""
        self._caches = False
        return self._session.send("Network.setCacheDisabled", {"cacheDisabled": True})

    def keep_bodies(self, *, requests: bool = False, responses: bool = False) -> None:
        """Save the bodies of later requests, or of later responses, or of both."""
        self._keeps_requests, self._keeps_responses = requests, responses

    async def bodies_read(self) -> None:
        """Return when the bodies of all exchanges so far have been read."""
        if self._reading:
            await asyncio.wait(self._reading)

    async def settled(self) -> None:
        """Wait up to 50 ms until Chromium has reported the end of all requests that are over.

        Another process of Chromium reports the load event, so that event may come first.
        """
        awaited = [e for e in self._current.values() if e.finished is None and not e.hidden]
        for _ in range(REPORTS):
            if all(e.finished is not None for e in awaited):
                return
            await asyncio.sleep(REPORT_DELAY)

    def page_requests(self) -> tuple[int, str | None]:
        """Return the number of requests of the present page, and the URL of one that is in flight, if one is."""
        begins = [n for n, exchange in enumerate(self._exchanges) if self.is_main_document(exchange)]
        own = [exchange for exchange in self._exchanges[begins[-1] if begins else 0 :] if not exchange.hidden]
        # Without a loader it is the script of a worker, whose end Chromium reports to the worker only.
        pending = (e for e in own if e.finished is None and e.kind not in LASTING and e.loader_id)
        open_ones = (exchange.request["url"] for exchange in pending)
        return len(own), next(open_ones, None)

    async def raw_headers(self, exchange: Exchange) -> None:
        """Wait up to 50 ms for the headers that the server sent, with its cookies, from another process of Chromium."""
        for _ in range(REPORTS):
            if exchange.response_headers and not exchange.awaits_raw_headers:
                return
            await asyncio.sleep(REPORT_DELAY)

    async def body_read(self, exchange: Exchange) -> None:
        """Wait up to 250 ms for the end of the exchange, and for its body: another process of Chromium reports it."""
        for _ in range(BODY_REPORTS):
            if exchange.finished is not None:
                break
            await asyncio.sleep(REPORT_DELAY)
        await self.bodies_read()

    def forget(self) -> None:
        self.keep_bodies()
        self._needs_body = None
        self.holds_redirects = False
        self.on_over = None
        self._kept.clear()
        self._amendments.clear()
        for reading in self._reading:
            reading.cancel()
        self._exchanges, self._current, self._early_headers, self._early = [], {}, {}, {}
        self._archived_from = 0
        self.failed_url = ""
        self.given_up_status = None
        self.turn_off()

    def reset(self) -> None:
        """Start a new archive; the history keeps its entries."""
        self._archived_from = len(self._exchanges)

    # -- events

    def _while_on(self, feed: Callable[[Params], None]) -> Callable[[Params], None]:
        """Return a handler that ignores events while the recording is off: Chromium stops sending them with a delay."""

        def on_while_on(event: Params) -> None:
            if self._on:
                feed(event)

        return on_while_on

    def _requested(self, event: Params) -> None:
        if self._only_documents and not self._is_of_main_document(event):
            return
        request_id = event["requestId"]
        previous = self._current.get(request_id)
        if previous is not None and "redirectResponse" in event:
            if event.get("redirectHasExtraInfo") and not previous.response_headers:
                self._early.setdefault(request_id, []).append(previous)
                previous.awaits_raw_headers = True
                previous.response = event["redirectResponse"]
            else:
                previous.respond(event["redirectResponse"])
            previous.finished = event["timestamp"]
            self._report(previous)
        exchange = Exchange(event)
        self._exchanges.append(exchange)
        self._current[request_id] = exchange
        exchange.request_headers = self._early_headers.pop(request_id, exchange.request_headers)
        if amendment := self._amendments.pop(request_id, None):
            amendment(exchange)
        if self._keeps_responses:
            self._kept.add(request_id)
        if self._keeps_requests and exchange.request.get("hasPostData"):
            self._read(self._read_request_body(exchange))

    def _raw_request(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.request_headers = dict(event["headers"])
        elif not self._only_documents:
            self._early_headers[event["requestId"]] = dict(event["headers"])

    def _raw_response(self, event: Params) -> None:
        request_id = event["requestId"]
        redirects = self._early.get(request_id)
        exchange = redirects.pop(0) if redirects else self._current.get(request_id)
        if exchange is not None:
            exchange.response_headers = joined_headers(event["headers"])
            exchange.status_line = event.get("headersText", "").partition("\r\n")[0]
            exchange.awaits_raw_headers = False

    def _responded(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is None:
            return
        exchange.respond(event["response"])
        if self._needs_body is not None and self.is_main_document(exchange) and self._needs_body(exchange):
            self.keep_body(exchange.request_id)

    def _received(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.size += int(event["dataLength"])

    def _finished(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.finished = event["timestamp"]
            if self._keeps_responses or exchange.request_id in self._kept:
                self._read(self._read_response_body(exchange))
            self._report(exchange)

    def _failed(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is None:
            return
        exchange.finished = event["timestamp"]
        if exchange.taken:
            return
        exchange.failure = event.get("errorText", "")
        if self.is_main_document(exchange) and not self._is_check:
            self.failed_url = exchange.request["url"]
        self._report(exchange)

    def _report(self, exchange: Exchange) -> None:
        if self.on_over is not None and not exchange.reported:
            exchange.reported = True
            self.on_over(exchange)

    def add(self, exchange: Exchange) -> None:
        """Record an exchange that the renderer made without Chromium."""
        self._exchanges.append(exchange)

    def current(self, request_id: str) -> Exchange | None:
        """Return the last exchange of Chromium's request with this id; None if there is none."""
        return self._current.get(request_id)

    @property
    def keeps_requests(self) -> bool:
        return self._keeps_requests

    def keep_body(self, request_id: str) -> None:
        """Save the response body of this request, also if the render saves no others."""
        self._kept.add(request_id)

    def hide(self, request_id: str, *, hidden: bool = True) -> None:
        """Hide this exchange from archives and scripts (or show it again): its request does not reach the network."""

        def amendment(exchange: Exchange) -> None:
            exchange.hidden = hidden

        self._amend(request_id, amendment)

    def rewrite(
        self, request_id: str, *, method: str | None = None, url: str | None = None, body: bytes | None = None
    ) -> None:
        """Record the request that really leaves: Chromium's events have the request that the page made."""

        def amendment(exchange: Exchange) -> None:
            exchange.request["method"] = method or exchange.request["method"]
            exchange.request["url"] = url or exchange.request["url"]
            if body is not None:
                exchange.request["postData"] = body.decode("utf-8", "replace")
                exchange.request_body = body if self._keeps_requests else None

        self._amend(request_id, amendment)

    def _amend(self, request_id: str, amendment: Callable[[Exchange], None]) -> None:
        if request_id in self._current:
            amendment(self._current[request_id])
        else:
            self._amendments[request_id] = amendment  # Chromium pauses the request before it reports it

    def take(self, paused: Params, body: bytes) -> None:
        """Record the response to a paused request as received, although Chromium does not get it."""
        exchange = self._current.get(paused.get("networkId", ""))
        if exchange is None:
            return
        headers: dict[str, str] = {}
        for header in paused.get("responseHeaders", ()):
            name, value = header["name"], header["value"]
            headers[name] = f"{headers[name]}\n{value}" if name in headers else value
        exchange.respond(
            {
                "status": paused["responseStatusCode"],
                "statusText": paused.get("responseStatusText", ""),
                "headers": headers,
                "url": exchange.request["url"],
            }
        )
        exchange.size, exchange.taken = len(body), True
        if self._keeps_responses:
            exchange.response_body = body

    # -- bodies

    def _read(self, reading: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(reading)
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read_request_body(self, exchange: Exchange) -> None:
        entries = exchange.request.get("postDataEntries", ())
        if entries and all("bytes" in entry for entry in entries):
            exchange.request_body = b"".join(base64.b64decode(entry["bytes"]) for entry in entries)
            return
        # Chromium does not return a body that comes from a file or a stream.
        with contextlib.suppress(CommandFailed, TargetGone):
            answer = await self._session.call(
                "Network.getRequestPostData", {"requestId": exchange.request_id}
            )
            exchange.request_body = _bytes(answer["postData"], answer.get("base64Encoded", False))

    async def _read_response_body(self, exchange: Exchange) -> None:
        # Chromium saves no body for some kinds of requests.
        with contextlib.suppress(CommandFailed, TargetGone):
            answer = await self._session.call("Network.getResponseBody", {"requestId": exchange.request_id})
            exchange.response_body = _bytes(answer["body"], answer["base64Encoded"])

    # -- the recorded exchanges

    def is_main_document(self, exchange: Exchange) -> bool:
        return exchange.kind == "Document" and exchange.frame_id == self._main_frame

    def _is_of_main_document(self, event: Params) -> bool:
        return event.get("type") == "Document" and event.get("frameId") == self._main_frame

    def main_hops(self) -> list[Exchange]:
        """Return the main frame's documents and the redirects to them, in the order of their requests."""
        return [exchange for exchange in self._exchanges if self.is_main_document(exchange)]

    def main_documents(self) -> list[Exchange]:
        """Return the main frame's documents in the order of their requests, without HTTP redirects."""
        last_hops = {id(exchange) for exchange in self._current.values()}
        return [exchange for exchange in self.main_hops() if id(exchange) in last_hops]

    def asked_url(self, loader_id: str) -> str:
        """Return the requested URL of this document, before any redirect; an empty text if it is not known."""
        return next((str(e.request["url"]) for e in self._exchanges if e.request_id == loader_id), "")

    def main_status(self) -> int | None:
        """Return the HTTP status of the latest main document that has one; None if no document has one."""
        for exchange in reversed(self.main_documents()):
            if exchange.response is not None:
                return int(exchange.response["status"])
        return None

    def history(self) -> list[Params]:
        """Return the HAR entries of the main documents that have a response or an error."""
        shown = [e for e in self.main_documents() if not e.hidden and not self._was_held(e)]
        return [entry_of(e) for e in shown if e.response is not None or e.failure]

    def shown(self) -> list[Exchange]:
        """Return the exchanges of the archive, in the order of their requests."""
        shown = (exchange for exchange in self._exchanges[self._archived_from :] if not exchange.hidden)
        return [exchange for exchange in shown if not self._was_held(exchange)]

    def _was_held(self, exchange: Exchange) -> bool:
        is_first = bool(self._exchanges) and exchange is self._exchanges[0]
        return (
            self.holds_redirects
            and exchange.response is None
            and not is_first
            and self.is_main_document(exchange)
        )

    def slow(self, now: float, seconds: float) -> list[Exchange]:
        """Return the requests that are not finished and have taken longer than this many seconds."""
        return [e for e in self._current.values() if e.finished is None and now - e.wall_time > seconds]

    def in_flight(self) -> int:
        return sum(exchange.finished is None for exchange in self._current.values())

    def loads_resources(self) -> bool:
        """Return whether a request is not finished that is not for a main document."""
        return any(e.finished is None and not self.is_main_document(e) for e in self._current.values())

    def give_up(self, exchanges: Iterable[Exchange]) -> None:
        """Record these exchanges as aborted, also if Chromium never reports it."""
        for exchange in exchanges:
            exchange.finished = exchange.started
            exchange.failure = "net::ERR_ABORTED"
            if self.is_main_document(exchange):
                self.given_up_status = int(exchange.response["status"]) if exchange.response else 0


def _bytes(text: str, is_base64: bool) -> bytes:
    return base64.b64decode(text) if is_base64 else text.encode("utf-8", "surrogatepass")
