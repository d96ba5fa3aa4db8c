"""Event streams: a page is told when the tables that it shows have changed, and then loads its parts again.

One thread looks into the database for all viewers of a topic. A topic has a thread only while someone views it.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from flask import Flask, Response, current_app
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from console.database import end_reading
from console.security.identity import csrf_token, person
from models.error_text import error_line

logger = logging.getLogger("splashdown.console")

EVERY = 2.0  # seconds between two looks
SILENCE = 15.0  # seconds after which a stream sends a comment, so that a lost viewer is noticed
MOST_VIEWERS = 200  # more are told to load the page by hand
KEY = "splashdown_live"
AWAY = "away"  # what a look has found while the database is away
SECRET = "\x00secret\x00"  # noqa: S105 - in a shared text, in place of a viewer's token; no page has a NUL

# Returns text that changes when something that the topic's viewers see has changed.
Look = Callable[[Session], str]


class TooManyViewers(Exception):
    """So many streams are open that another one would leave no thread for pages."""


@dataclass
class _Topic:
    look: Look
    viewers: set[queue.SimpleQueue[str]] = field(default_factory=set)
    last: str = ""
    rendering: threading.Lock = field(default_factory=threading.Lock)
    texts: dict[str, tuple[str, str]] = field(
        default_factory=dict
    )  # by role: what was seen last, and the text


class Live:
    """The viewers of all topics."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._topics: dict[str, _Topic] = {}
        self.stopping = threading.Event()

    @property
    def viewers(self) -> int:
        """Return how many streams are open."""
        with self._lock:
            return sum(len(topic.viewers) for topic in self._topics.values())

    def stop(self) -> None:
        """End all streams: the server stops."""
        self.stopping.set()
        with self._lock:
            for topic in self._topics.values():
                for viewer in topic.viewers:
                    viewer.put("")

    def stream(self, name: str, look: Look) -> Iterator[str]:
        """Yield a server-sent event now and for each change, until the viewer or the server ends.

        Raises:
            TooManyViewers: at once, and not when the first event is asked for.
        """
        viewer: queue.SimpleQueue[str] = queue.SimpleQueue()
        with self._lock:
            if sum(len(topic.viewers) for topic in self._topics.values()) >= MOST_VIEWERS:
                raise TooManyViewers
            topic = self._topics.get(name)
            if topic is None:
                topic = self._topics[name] = _Topic(look)
                threading.Thread(
                    target=self._watch, args=(name, topic), name=f"live {name}", daemon=True
                ).start()
            topic.viewers.add(viewer)
        return self._events(name, topic, viewer)

    def shared_text(self, name: str, role: str, secret: str, render: Callable[[], str]) -> str:
        """Return a part of a page that all viewers of a topic with this role share, rendered once for a change.

        Args:
            secret: the token of the viewer's forms, which is the one difference between the viewers.
        """
        with self._lock:
            topic = self._topics.get(name)
        if topic is None or not secret or topic.last in ("", AWAY):
            return render()
        with topic.rendering:
            seen = topic.last
            known = topic.texts.get(role)
            if known is None or known[0] != seen:
                known = topic.texts[role] = (seen, render().replace(secret, SECRET))
        return known[1].replace(SECRET, secret)

    def _events(self, name: str, topic: _Topic, viewer: queue.SimpleQueue[str]) -> Iterator[str]:
        try:
            yield f"retry: {int(EVERY * 1000)}\n\n"
            while not self.stopping.is_set():
                try:
                    event = viewer.get(timeout=SILENCE)
                except queue.Empty:
                    yield ": still here\n\n"
                    continue
                if event:
                    yield f"event: {event}\ndata: {name}\n\n"
        finally:
            with self._lock:
                topic.viewers.discard(viewer)

    def _watch(self, name: str, topic: _Topic) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                with Session(self.engine) as session:
                    found = topic.look(session)
                event = "changed"
            except SQLAlchemyError as error:
                logger.warning("the viewers of %s wait for the database: %s", name, error_line(error))
                found, event = AWAY, AWAY
            except Exception:
                logger.exception("the look at %s failed", name)
                found, event = AWAY, AWAY
            with self._lock:
                if not topic.viewers:
                    del self._topics[name]
                    return
                if found != topic.last:
                    topic.last = found
                    for viewer in topic.viewers:
                        viewer.put(event)
            self.stopping.wait(max(0.1, EVERY - (time.monotonic() - began)))


def init(app: Flask, engine: Engine) -> None:
    """Give the application its viewers."""
    app.extensions[KEY] = Live(engine)


def live() -> Live:
    """Return the viewers of the application."""
    return cast(Live, current_app.extensions[KEY])


def shared_text(name: str, render: Callable[[], str]) -> str:
    """Return what ``render`` returns, rendered once for all viewers of the topic with the role of this person."""
    viewer = person()
    secret = csrf_token(viewer.cookie) if viewer.cookie is not None else ""
    return live().shared_text(name, viewer.role, secret, render)


def stream(name: str, look: Look) -> Response:
    """Return the event stream of a topic as a response."""
    end_reading()  # the stream must not keep the connection of the login
    try:
        events = live().stream(name, look)
    except TooManyViewers:
        return Response("too many viewers: load the page by hand", status=503, headers={"Retry-After": "60"})
    return Response(
        events,
        mimetype="text/event-stream",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )
