"""How the relay learns of new events: PostgreSQL tells it; other databases are asked, rarely while nothing happens."""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from models.outbox import OUTBOX_CHANNEL

logger = logging.getLogger("splashdown.relay")

# Seconds between two looks: soon after an event, and when nothing happens. With shorter ones the relay would take more
# from a crawl beside it: after a look that finds something there are two transactions that write.
SHORTEST, LONGEST = 0.2, 0.5
CALM = 5.0  # seconds without an event until the looks become rare
LISTENING = 5.0  # seconds between two looks while PostgreSQL tells of events


class WakeUp:
    """Waits until there may be new events."""

    def __init__(self, engine: Engine) -> None:
        self._woken = threading.Event()
        self._last_event = 0.0
        self._listener = _Listener(engine, self._woken) if engine.dialect.name == "postgresql" else None
        if self._listener is not None:
            self._listener.start()

    def found(self) -> None:
        """Say that there were new events."""
        self._last_event = time.monotonic()

    def wait(self) -> None:
        """Wait until new events are likely."""
        if self._listener is not None and self._listener.listens:
            if self._woken.wait(LISTENING):
                time.sleep(max(0.0, SHORTEST - self._since_last_event()))
        else:
            self._woken.wait(SHORTEST if self._since_last_event() < CALM else LONGEST)
        self._woken.clear()

    def _since_last_event(self) -> float:
        return time.monotonic() - self._last_event

    def wake(self) -> None:
        """End ``wait`` now."""
        self._woken.set()

    def stop(self) -> None:
        if self._listener is not None:
            self._listener.stopping = True


class _Listener(threading.Thread):
    """Listens to PostgreSQL's notifications, on a connection of its own."""

    def __init__(self, engine: Engine, woken: threading.Event) -> None:
        super().__init__(name="relay listener", daemon=True)
        self.engine, self.woken = engine, woken
        self.listens = False
        self.stopping = False

    def run(self) -> None:
        while not self.stopping:
            try:
                self._listen()
            except Exception as error:  # the connection is lost; meanwhile the relay looks by itself
                logger.debug("the relay does not hear of new events: %s", error)
            self.listens = False
            if not self.stopping:
                time.sleep(1)

    def _listen(self) -> None:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(f"LISTEN {OUTBOX_CHANNEL}"))
            driver = connection.connection.driver_connection
            assert driver is not None
            self.listens = True
            self.woken.set()  # for events from before
            try:
                while not self.stopping:
                    for _ in driver.notifies(timeout=1, stop_after=1):
                        self.woken.set()
                    if driver.closed:
                        return
            finally:
                try:
                    connection.execute(text(f"UNLISTEN {OUTBOX_CHANNEL}"))
                except DBAPIError:
                    connection.invalidate()
