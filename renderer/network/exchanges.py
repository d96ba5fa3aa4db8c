"""What a render asked of the network and what came back, as HAR entries. Off until somebody wants to know."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from typing import Any

from renderer.cdp import CommandFailed, Session, TargetGone
from renderer.har import entry_of

Params = dict[str, Any]


# How often, and after how many seconds, it is looked whether Chromium has told of a request's end.
REPORTS, REPORT_DELAY = 5, 0.01


class Exchange:
    """One request and its response, as far as they are known; each redirect is an exchange of its own."""

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
        self.request_body: bytes | None = None
        self.response_body: bytes | None = None
        self.finished: float | None = None
        self.size = 0
        self.failure = ""
        self.taken = False  # the response was taken away from Chromium
        self.hidden = False  # Chromium's business, not the page's

    @property
    def started_at(self) -> str:
        return datetime.fromtimestamp(self.wall_time, UTC).isoformat(timespec="milliseconds")

    def respond(self, response: Params) -> None:
        self.response = response
        self.response_headers = self.response_headers or dict(response["headers"])


class Network:
    """Collects exchanges while it is on; a render that wants no history pays nothing."""

    def __init__(self, session: Session, main_frame: str) -> None:
        self._session, self._main_frame = session, main_frame
        self._on = False
        self._exchanges: list[Exchange] = []
        self._current: dict[str, Exchange] = {}
        self._early_headers: dict[str, Params] = {}
        self._keeps_requests = self._keeps_responses = False
        self._amendments: dict[str, Callable[[Exchange], None]] = {}
        self._kept: set[str] = set()  # requests whose responses are kept all the same
        self._reading: set[asyncio.Future[None]] = set()
        self.holds_redirects = False  # then a main document without a response is one that nobody wanted
        self.failed_url = ""
        self.gave_up_main_document = False
        # Called with every exchange that is over, for good or bad.
        self.on_over: Callable[[Exchange], object] | None = None
        session.on("Network.requestWillBeSent", self._while_on(self._requested))
        session.on("Network.responseReceived", self._while_on(self._responded))
        session.on("Network.responseReceivedExtraInfo", self._while_on(self._raw_response))
        session.on("Network.requestWillBeSentExtraInfo", self._while_on(self._raw_request))
        session.on("Network.loadingFinished", self._while_on(self._finished))
        session.on("Network.loadingFailed", self._while_on(self._failed))

    def turn_on(self) -> asyncio.Future[Params] | None:
        """Start collecting; the commands that follow on the same session are seen already."""
        if self._on:
            return None
        self._on = True
        return self._session.send("Network.enable")

    def keep_bodies(self, *, requests: bool = False, responses: bool = False) -> None:
        """From now on keep what is sent, and what is received."""
        self._keeps_requests, self._keeps_responses = requests, responses

    async def bodies_read(self) -> None:
        """Return when the bodies of all that has happened so far are here."""
        if self._reading:
            await asyncio.wait(self._reading)

    async def settled(self) -> None:
        """Give Chromium a moment to tell of what is over: another of its processes tells of load events."""
        awaited = [e for e in self._current.values() if e.finished is None and not e.hidden]
        for _ in range(REPORTS):
            if all(e.finished is not None for e in awaited):
                return
            await asyncio.sleep(REPORT_DELAY)

    def forget(self) -> None:
        self.keep_bodies()
        self.holds_redirects = False
        self.on_over = None
        self._kept.clear()
        self._amendments.clear()
        for reading in self._reading:
            reading.cancel()
        self._exchanges, self._current, self._early_headers = [], {}, {}
        self.failed_url = ""
        self.gave_up_main_document = False
        if self._on and not self._session.is_gone:
            self._session.send("Network.disable")
        self._on = False

    def reset(self) -> None:
        """Start the records anew, and go on collecting."""
        self._exchanges = []

    # -- events

    def _while_on(self, feed: Callable[[Params], None]) -> Callable[[Params], None]:
        """Chromium goes on telling of the page that is left, until it knows that nobody wants to hear it."""

        def feed_while_on(event: Params) -> None:
            if self._on:
                feed(event)

        return feed_while_on

    def _requested(self, event: Params) -> None:
        request_id = event["requestId"]
        previous = self._current.get(request_id)
        if previous is not None and "redirectResponse" in event:
            previous.respond(event["redirectResponse"])
            previous.finished = event["timestamp"]
            self._tell(previous)
        exchange = Exchange(event)
        self._exchanges.append(exchange)
        self._current[request_id] = exchange
        exchange.request_headers = self._early_headers.pop(request_id, exchange.request_headers)
        if amendment := self._amendments.pop(request_id, None):
            amendment(exchange)
        if self._keeps_requests and exchange.request.get("hasPostData"):
            self._read(self._read_request_body(exchange))

    def _raw_request(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.request_headers = dict(event["headers"])
        else:
            self._early_headers[event["requestId"]] = dict(event["headers"])

    def _raw_response(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.response_headers = dict(event["headers"])

    def _responded(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.respond(event["response"])

    def _finished(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is not None:
            exchange.finished = event["timestamp"]
            exchange.size = int(event.get("encodedDataLength", 0))
            if self._keeps_responses or exchange.request_id in self._kept:
                self._read(self._read_response_body(exchange))
            self._tell(exchange)

    def _failed(self, event: Params) -> None:
        exchange = self._current.get(event["requestId"])
        if exchange is None:
            return
        exchange.finished = event["timestamp"]
        if exchange.taken:
            return
        exchange.failure = event.get("errorText", "")
        if self._is_main_document(exchange):
            self.failed_url = exchange.request["url"]
        self._tell(exchange)

    def _tell(self, exchange: Exchange) -> None:
        if self.on_over is not None and not exchange.hidden:
            self.on_over(exchange)

    def add(self, exchange: Exchange) -> None:
        """Tell of an exchange that was not Chromium's."""
        self._exchanges.append(exchange)

    def current(self, request_id: str) -> Exchange | None:
        """What Chromium knows by this id, in its latest hop."""
        return self._current.get(request_id)

    @property
    def keeps_requests(self) -> bool:
        return self._keeps_requests

    def keep_body(self, request_id: str) -> None:
        """Keep what is received for this request, whatever holds for the others."""
        self._kept.add(request_id)

    def hide(self, request_id: str, *, hidden: bool = True) -> None:
        """Leave this out of what is told, as long as no request of it reaches the network."""

        def amendment(exchange: Exchange) -> None:
            exchange.hidden = hidden

        self._amend(request_id, amendment)

    def rewrite(
        self, request_id: str, *, method: str | None = None, url: str | None = None, body: bytes | None = None
    ) -> None:
        """Tell what really leaves, where Chromium tells what the page asked for."""

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
            self._amendments[request_id] = amendment  # the request stands still before we are told of it

    def take(self, paused: Params, body: bytes) -> None:
        """Count the response to a paused request, which Chromium is not going to see, as received."""
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
        with contextlib.suppress(CommandFailed, TargetGone):  # a body from a file or a stream has no text
            answer = await self._session.call(
                "Network.getRequestPostData", {"requestId": exchange.request_id}
            )
            exchange.request_body = _bytes(answer["postData"], answer.get("base64Encoded", False))

    async def _read_response_body(self, exchange: Exchange) -> None:
        with contextlib.suppress(
            CommandFailed, TargetGone
        ):  # Chromium keeps no body of some kinds of requests
            answer = await self._session.call("Network.getResponseBody", {"requestId": exchange.request_id})
            exchange.response_body = _bytes(answer["body"], answer["base64Encoded"])

    # -- what was seen

    def _is_main_document(self, exchange: Exchange) -> bool:
        return exchange.kind == "Document" and exchange.frame_id == self._main_frame

    def main_documents(self) -> list[Exchange]:
        """The main frame's documents in the order they were asked for; of an HTTP redirect only the final one."""
        last_hops = {id(exchange) for exchange in self._current.values()}
        return [
            exchange
            for exchange in self._exchanges
            if self._is_main_document(exchange) and id(exchange) in last_hops
        ]

    def main_status(self) -> int | None:
        """The HTTP status of the document that is shown now."""
        for exchange in reversed(self.main_documents()):
            if exchange.response is not None:
                return int(exchange.response["status"])
        return None

    def history(self) -> list[Params]:
        documents = [exchange for exchange in self.main_documents() if exchange.response is not None]
        return [entry_of(exchange) for exchange in documents if not exchange.hidden]

    def shown(self) -> list[Exchange]:
        """What is told of, in the order in which it was asked for."""
        shown = (exchange for exchange in self._exchanges if not exchange.hidden)
        return [exchange for exchange in shown if not self._was_held(exchange)]

    def _was_held(self, exchange: Exchange) -> bool:
        is_first = bool(self._exchanges) and exchange is self._exchanges[0]
        return (
            self.holds_redirects
            and exchange.response is None
            and not is_first
            and self._is_main_document(exchange)
        )

    def slow(self, now: float, seconds: float) -> list[Exchange]:
        """Requests that have taken longer than this and are still under way."""
        return [e for e in self._current.values() if e.finished is None and now - e.wall_time > seconds]

    def in_flight(self) -> int:
        return sum(exchange.finished is None for exchange in self._current.values())

    def loads_resources(self) -> bool:
        """Whether anything but main documents is under way."""
        return any(e.finished is None and not self._is_main_document(e) for e in self._current.values())

    def give_up(self, exchanges: Iterable[Exchange]) -> None:
        """Count these as over, whether or not Chromium says so too."""
        for exchange in exchanges:
            exchange.finished = exchange.started
            exchange.failure = "net::ERR_ABORTED"
            if self._is_main_document(exchange):
                self.gave_up_main_document = True


def _bytes(text: str, is_base64: bool) -> bytes:
    return base64.b64decode(text) if is_base64 else text.encode("utf-8", "surrogatepass")
