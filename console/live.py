"""Event streams: the server sends the parts of a page again when the tables that they show have changed.

One thread looks into the database for all viewers of a topic. A topic has a thread only while someone views it. Its
parts are rendered once for a change and a role, by the thread of the first viewer.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from flask import Flask, Response, current_app, stream_with_context
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from console.database import end_reading
from console.security.identity import csrf_token, person, roles_of_viewers
from models.error_text import error_line

logger = logging.getLogger("splashdown.console")

EVERY = 2.0  # seconds between two looks
SILENCE = 15.0  # seconds after which a stream sends a comment, so that a lost viewer is noticed
MOST_VIEWERS = 200  # more are told to load the page by hand
KEY = "splashdown_live"
SECRET = "\x00secret\x00"  # noqa: S105 - in a shared text, in place of a viewer's token; JSON has no NUL

# The events of a stream. The data of CHANGED are the parts, those of the others the name of the topic.
CHANGED = "changed"
AWAY = "away"  # the database does not answer
FAILED = "failed"  # a fault of the console; its log has it
ENDED = "ended"  # the viewer's session is over, or the role has changed: the page is to be loaded again

# Returns text that changes when something that the topic's viewers see has changed.
Look = Callable[[Session], str]
# Returns the parts of a page by the id of their element: HTML as a string, or the data of a chart.
Parts = Callable[[], Mapping[str, Any]]
# Returns the role of each cookie whose session is not over.
Roles = Callable[[Collection[str]], Mapping[str, str]]


class TooManyViewers(Exception):
    """So many streams are open that another one would leave no thread for pages."""


@dataclass(eq=False, kw_only=True)
class Viewer:
    """Who has a stream open.

    Attributes:
        cookie: of the session.
        secret: the token of the viewer's forms, which is the one difference between viewers with the same role.
    """

    cookie: str
    role: str
    secret: str
    events: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue, init=False)

    def next_event(self) -> str:
        """Return the newest event that was not returned yet; wait for one.

        Raises:
            queue.Empty: there was none for SILENCE seconds.
        """
        event = self.events.get(timeout=SILENCE)
        while not self.events.empty():  # a slow viewer misses events between: each has all parts
            event = self.events.get()
        return event


@dataclass
class _Topic:
    look: Look
    viewers: set[Viewer] = field(default_factory=set)
    last: str = ""  # what was seen last; empty before the first look
    event: str = AWAY  # what the viewers were told last
    rendering: threading.Lock = field(default_factory=threading.Lock)
    # By role: what was seen last when it was rendered, and the text.
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


class Live:
    """The viewers of all topics."""

    def __init__(self, engine: Engine, roles: Roles) -> None:
        self.engine = engine
        self._roles = roles
        self._lock = threading.Lock()
        self._topics: dict[str, _Topic] = {}
        self.stopping = threading.Event()

    def stop(self) -> None:
        """End all streams: the server stops."""
        self.stopping.set()
        with self._lock:
            for topic in self._topics.values():
                for viewer in topic.viewers:
                    viewer.events.put("")

    def stream(
        self, name: str, look: Look, parts: Parts, viewer: Viewer, *, is_shared: bool = True
    ) -> Iterator[str]:
        """Yield a server-sent event with the parts now and after each change, until the viewer or the server ends.

        Args:
            is_shared: the parts are the same for all viewers of the topic with this role.

        Raises:
            TooManyViewers: at once, and not when the first event is asked for.
        """
        with self._lock:
            if sum(len(topic.viewers) for topic in self._topics.values()) >= MOST_VIEWERS:
                raise TooManyViewers
            topic = self._topics.get(name)
            if topic is None:
                topic = self._topics[name] = _Topic(look)
                threading.Thread(
                    target=self._watch, args=(name, topic), name=f"live {name}", daemon=True
                ).start()
            elif topic.last:
                viewer.events.put(topic.event)
            topic.viewers.add(viewer)
        return self._events(name, topic, viewer, parts, is_shared=is_shared)

    def _events(
        self, name: str, topic: _Topic, viewer: Viewer, parts: Parts, *, is_shared: bool
    ) -> Iterator[str]:
        is_first = True  # its page is newer than what the viewers share: an order may have been given since
        try:
            yield f"retry: {int(EVERY * 1000)}\n\n"
            while not self.stopping.is_set():
                try:
                    event = viewer.next_event()
                except queue.Empty:
                    yield ": still here\n\n"
                    continue
                if event == CHANGED:
                    if is_first or not is_shared:
                        text = _event_of(name, parts)
                    else:
                        text = self._shared_event(name, topic, viewer, parts)
                    if text.startswith(f"event: {AWAY}\n"):
                        with self._lock:
                            topic.last = AWAY  # so that the next look tells the viewers that it is back
                    is_first = False
                    yield text
                elif event:
                    yield f"event: {event}\ndata: {name}\n\n"
                if event == ENDED:
                    return
        finally:
            with self._lock:
                topic.viewers.discard(viewer)

    def _shared_event(self, name: str, topic: _Topic, viewer: Viewer, parts: Parts) -> str:
        """Return the event with the parts, which are rendered once for a change and a role."""
        with topic.rendering:
            seen = topic.last
            known = topic.texts.get(viewer.role)
            if known is None or known[0] != seen:
                text = _event_of(name, parts).replace(viewer.secret, SECRET)
                known = topic.texts[viewer.role] = (seen, text)
        return known[1].replace(SECRET, viewer.secret)

    def _watch(self, name: str, topic: _Topic) -> None:
        while not self.stopping.is_set():
            began = time.monotonic()
            with self._lock:
                viewers = list(topic.viewers)
                if not viewers:
                    del self._topics[name]
                    return
            roles: Mapping[str, str] | None = None
            try:
                with Session(self.engine) as session:
                    found, event = topic.look(session), CHANGED
                if found != topic.last:
                    roles = self._roles({viewer.cookie for viewer in viewers})
            except SQLAlchemyError as error:
                logger.warning("the viewers of %s wait for the database: %s", name, error_line(error))
                found = event = AWAY
            except Exception:
                logger.exception("the look at %s failed", name)
                found = event = FAILED
            if found != topic.last:
                self._tell(topic, found, event, viewers, roles)
            self.stopping.wait(max(0.1, EVERY - (time.monotonic() - began)))

    def _tell(
        self, topic: _Topic, found: str, event: str, viewers: list[Viewer], roles: Mapping[str, str] | None
    ) -> None:
        """Tell the viewers of an event; end the stream of those whose session is over or has another role.

        Args:
            viewers: whose roles were looked up. A viewer who came since has just shown the session.
        """
        with self._lock:
            topic.last, topic.event = found, event
            for viewer in viewers:
                if roles is not None and roles.get(viewer.cookie) != viewer.role:
                    topic.viewers.discard(viewer)
                    viewer.events.put(ENDED)
            for viewer in topic.viewers:
                viewer.events.put(event)


def _event_of(name: str, parts: Parts) -> str:
    """Return the event that has the parts, or that says why there are none."""
    try:
        return f"event: {CHANGED}\ndata: {json.dumps(parts())}\n\n"
    except SQLAlchemyError as error:
        logger.warning("the viewers of %s wait for the database: %s", name, error_line(error))
        event = AWAY
    except HTTPException:  # what the page shows exists no more
        event = ENDED
    except Exception:
        logger.exception("the parts of %s cannot be rendered", name)
        event = FAILED
    return f"event: {event}\ndata: {name}\n\n"


def init(app: Flask, engine: Engine) -> None:
    """Give the application its viewers."""
    app.extensions[KEY] = Live(engine, roles_of_viewers(app, engine))


def stream(name: str, look: Look, parts: Parts, *, is_shared: bool = True) -> Response:
    """Return the event stream of a topic as a response.

    Args:
        is_shared: the parts are the same for all viewers of the topic with this role.
    """
    cookie = person().cookie
    assert cookie is not None  # programs with a token read the API, which has no streams
    viewer = Viewer(cookie=cookie, role=person().role, secret=csrf_token(cookie))

    def parts_then_close() -> Mapping[str, Any]:
        try:
            return parts()
        finally:
            end_reading()

    end_reading()  # the stream must not keep the connection of the login
    live = cast(Live, current_app.extensions[KEY])
    try:
        events = live.stream(name, look, parts_then_close, viewer, is_shared=is_shared)
    except TooManyViewers:
        return Response("too many viewers: load the page by hand", status=503, headers={"Retry-After": "60"})
    return Response(
        stream_with_context(events),
        mimetype="text/event-stream",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )
