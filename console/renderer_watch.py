"""The state of the renderers at SPLASH_URL. One thread asks them for all viewers, and only while someone looks."""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import urlsplit

from flask import Flask, current_app

from crawler.security.plain_text import one_line
from models.redaction import redacted, without_secrets

logger = logging.getLogger("splashdown.console")

EVERY = 5.0  # seconds between two rounds
TIMEOUT = 2.0  # seconds for a part of an answer
DEADLINE = 4.0  # seconds for a whole answer
LONGEST_ANSWER = 256 * 1024  # bytes
UNWATCHED = 30.0  # seconds after the last look, when the thread ends
AT_ONCE = 8  # renderers
KEY = "splashdown_renderers"


@dataclass(frozen=True, kw_only=True)
class RendererState:
    """What a renderer said when it was asked last.

    Attributes:
        address: its URL without credentials.
        is_up: None: it was not asked yet.
        fault: why it is not up, in words.
        asked_at: when it was asked last, by the console's clock.
        up_at: when it was up last.
        active: renders at this moment; of ``slots`` at most. Splash does not say how many slots it has.
        queued: requests that wait for a slot.
        memory: bytes that its server process had at most; Chromium's processes are not in it.
        product: the name and version of its browser; Splash does not say it.
        pages_per_second: since it was asked before; Splash does not say it.
    """

    address: str
    is_up: bool | None = None
    fault: str | None = None
    asked_at: datetime | None = None
    up_at: datetime | None = None
    kind: str | None = None
    active: int | None = None
    slots: int | None = None
    queued: int | None = None
    memory: int | None = None
    product: str | None = None
    pages_per_second: float | None = None
    rendered: int | None = None


class NoAnswer(Exception):
    """The renderer does not answer as one; the message is the reason in a few words."""


def state_of_answers(
    before: RendererState, ping: Mapping[str, Any], debug: Mapping[str, Any], at: datetime
) -> RendererState:
    """Return the state that the answers to ``/_ping`` and ``/_debug`` say.

    Args:
        before: the state from the last time, for the speed.
    """
    active = debug.get("active")
    rendered = _number(debug.get("rendered"))
    speed = None
    if before.is_up and before.asked_at is not None and rendered is not None and before.rendered is not None:
        seconds = (at - before.asked_at).total_seconds()
        if seconds > 0 and rendered >= before.rendered:  # it counts from its start
            speed = (rendered - before.rendered) / seconds
    memory = _number(debug.get("maxrss"))
    product = debug.get("product")
    return RendererState(
        address=before.address,
        is_up=True,
        asked_at=at,
        up_at=at,
        kind="splashdown" if ping.get("additions") else "Splash",
        active=len(active) if isinstance(active, list) else _number(active),
        slots=_number(debug.get("slots")),
        queued=_number(debug.get("qsize")),
        memory=memory * 1024 if memory is not None else None,  # KiB, as the system counts it
        product=one_line(product, 100) if isinstance(product, str) else None,
        pages_per_second=speed,
        rendered=rendered,
    )


def _number(value: Any) -> int | None:
    return (
        int(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**53
        else None
    )


def ask(address: str, authorization: str | None, path: str) -> dict[str, Any]:
    """Return the JSON object with which a renderer answers a GET. No redirect is followed, and no proxy is used.

    Raises:
        NoAnswer: it does not answer in time, or with something else.
    """
    end = time.monotonic() + DEADLINE
    try:
        parts = urlsplit(address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT)
    except (ValueError, http.client.HTTPException):
        raise NoAnswer("its address is wrong") from None
    try:
        headers = {"Authorization": authorization} if authorization else {}
        connection.request("GET", f"{parts.path.rstrip('/')}{path}", headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise NoAnswer(f"it answered HTTP {response.status}")
        body = b""
        while part := response.read1(65536):
            body += part
            if len(body) > LONGEST_ANSWER:
                raise NoAnswer("it sent more than an answer of a renderer has")
            if time.monotonic() > end:
                raise NoAnswer("its answer took too long")
        answer = json.loads(body)
    except TimeoutError:
        raise NoAnswer(f"no answer for {TIMEOUT:.0f} seconds") from None
    except OSError as error:
        raise NoAnswer(one_line(redacted(error.strerror or str(error)), 200)) from None
    except (http.client.HTTPException, ValueError, RecursionError):
        raise NoAnswer("what answers is not a renderer") from None
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise NoAnswer("what answers is not a renderer")
    return answer


def look_at(before: RendererState, address: str, authorization: str | None) -> RendererState:
    """Ask a renderer, and return its new state."""
    try:
        ping = ask(address, authorization, "/_ping")
        if "status" not in ping:
            raise NoAnswer("what answers is not a renderer")
        debug = ask(address, authorization, "/_debug")
    except NoAnswer as error:
        return RendererState(
            address=before.address, is_up=False, fault=str(error), asked_at=_now(), up_at=before.up_at
        )
    return state_of_answers(before, ping, debug, _now())


def shown_address(address: str) -> str:
    """Return an address without user, password and secret arguments."""
    return one_line(without_secrets(address.rstrip("/")), 200)


class RendererWatch:
    """The renderers, and the thread that asks them."""

    def __init__(self, renderers: Sequence[tuple[str, str | None]]) -> None:
        self._renderers = renderers
        self._states = [RendererState(address=shown_address(address)) for address, _ in renderers]
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._looked = 0.0

    def states(self) -> list[RendererState]:
        """Return the last known states without asking, and let the thread ask."""
        with self._lock:
            self._looked = time.monotonic()
            if self._renderers and self._thread is None:
                self._thread = threading.Thread(target=self._run, name="renderers", daemon=True)
                self._thread.start()
            return list(self._states)

    def stamp(self) -> str:
        """Return text that changes when what is known about the renderers changes."""
        return str([replace(state, asked_at=None, up_at=None) for state in self.states()])

    def _run(self) -> None:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="renderer") as pool:
            while True:
                began = time.monotonic()
                try:
                    found = list(
                        pool.map(
                            lambda one: look_at(one[0], *one[1]),
                            zip(self._states, self._renderers, strict=True),
                        )
                    )
                except Exception:
                    logger.exception("asking the renderers failed")
                    found = self._states
                with self._lock:
                    self._states = found
                    if time.monotonic() - self._looked > UNWATCHED:
                        self._thread = None
                        return
                time.sleep(max(0.2, EVERY - (time.monotonic() - began)))


def _now() -> datetime:
    return datetime.now(UTC)


def init(app: Flask) -> None:
    """Give the application its renderers."""
    app.extensions[KEY] = RendererWatch(app.config["RENDERERS"])


def renderer_watch() -> RendererWatch:
    """Return the renderers of the application."""
    return cast(RendererWatch, current_app.extensions[KEY])
