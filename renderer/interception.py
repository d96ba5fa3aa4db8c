"""Requests that are changed or refused before they leave: first-document headers, images, domains, our own content."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from renderer.cdp import CommandFailed, Session, TargetGone

Params = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FirstRequest:
    """What only the first request of a navigation is to look like."""

    method: str = "GET"
    headers: Sequence[tuple[str, str]] = ()
    body: bytes | None = None

    @property
    def is_plain(self) -> bool:
        return self.method == "GET" and not self.headers and self.body is None


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for every request of a render."""

    images: bool = True
    allowed_domains: tuple[str, ...] = ()

    def refuses(self, kind: str, url: str) -> bool:
        if not self.images and kind == "Image":
            return True
        if not self.allowed_domains:
            return False
        host = urlsplit(url).hostname or ""
        return not any(host == domain or host.endswith(f".{domain}") for domain in self.allowed_domains)


class Interception:
    """Asks Chromium to stop only at the requests that some rule is about; by default at none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rules = Rules()
        self._first: FirstRequest | None = None
        self._content: tuple[bytes, str] | None = None
        self._capture: asyncio.Future[tuple[bytes, str]] | None = None
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

    async def _enable(self) -> None:
        patterns = self._wanted()
        if patterns == self._patterns:
            return
        self._patterns = patterns
        if patterns:
            await self._session.call("Fetch.enable", {"patterns": patterns})
        else:
            await self._session.call("Fetch.disable")

    def _wanted(self) -> list[Params]:
        patterns: list[Params] = []
        if self._rules.allowed_domains:
            patterns.append({"urlPattern": "*"})
        if not self._rules.images:
            patterns.append({"urlPattern": "*", "resourceType": "Image"})
        if self._capture is not None:
            patterns.append({"urlPattern": "*", "resourceType": "Document", "requestStage": "Response"})
        if self._first is not None or self._content is not None:
            patterns.append({"urlPattern": "*", "resourceType": "Document"})
        return patterns

    def forget(self) -> None:
        self._rules, self._first, self._content, self._capture = Rules(), None, None, None
        if self._patterns and not self._session.is_gone:
            self._session.send("Fetch.disable")
        self._patterns = []

    def _decide(self, event: Params) -> None:
        request, kind = event["request"], event["resourceType"]
        answer: Params = {"requestId": event["requestId"]}
        if self._rules.refuses(kind, request["url"]):
            self._session.send("Fetch.failRequest", answer | {"errorReason": "BlockedByClient"})
            return
        if "responseStatusCode" in event and self._capture is not None:
            self._capturing = asyncio.ensure_future(self._take(event, self._capture))
            return
        if kind == "Document" and self._content is not None:
            content, mime_type = self._content
            self._content = None
            answer |= {
                "responseCode": 200,
                "responseHeaders": [{"name": "Content-Type", "value": mime_type}],
                "body": base64.b64encode(content).decode("ascii"),
            }
            self._session.send("Fetch.fulfillRequest", answer)
        elif kind == "Document" and self._first is not None:
            first, self._first = self._first, None
            self._session.send("Fetch.continueRequest", answer | _changes(first, request))
        else:
            self._session.send("Fetch.continueRequest", answer)
            return
        # The first document is through; what follows need not stop here.
        self._narrowing = asyncio.ensure_future(self._enable())

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
        capture.set_result((content, headers.get("content-type", "text/html")))
        self._capture = None
        self._session.send("Fetch.failRequest", request | {"errorReason": "Aborted"})


def _changes(first: FirstRequest, request: Params) -> Params:
    given = {name.lower() for name, _ in first.headers}
    headers = [
        {"name": name, "value": value}
        for name, value in request["headers"].items()
        if name.lower() not in given
    ]
    headers += [{"name": name, "value": value} for name, value in first.headers]
    changes: Params = {"headers": headers, "method": first.method}
    if first.method != "GET":
        if "content-type" not in given:
            headers.append({"name": "Content-Type", "value": "application/x-www-form-urlencoded"})
        changes["postData"] = base64.b64encode(first.body or b"").decode("ascii")
    return changes
