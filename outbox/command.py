"""What ``scrapy relay`` does: it makes the sinks of BROKER_URL, runs the relay, and tells about its state."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scrapy.settings import BaseSettings

from crawler.database import open_database
from crawler.database_command import CommandFailed
from crawler.run.alarm import Alarm
from crawler.run.verdict import ALREADY_RUNNING, BELOW_POLICY, CANNOT_START, GOOD, INTERRUPTED
from models.command_name import command
from models.relay import RelayIsAlive, SinkState
from outbox.address import addresses_of
from outbox.metrics import write_metrics
from outbox.relay import Relay
from outbox.sink import WrongSink
from outbox.sinks import make_sink

logger = logging.getLogger("splashdown.relay")

IDLE_LIMIT = 15  # seconds; a relay that is stopped in a transaction keeps the next one waiting for so long
CONNECTIONS = 2  # of a sink: to store its position, and to read ahead
OTHER_CONNECTIONS = 3  # the relay's own, the listener's, and one for checks


class RelayIsRunning(CommandFailed):
    """Another relay sends the events."""

    exit_code = ALREADY_RUNNING


def run_relay(settings: BaseSettings, *, once: bool) -> int:
    """Run the relay until SIGTERM or SIGINT, or with ``once`` until nothing is left; return the exit code.

    Raises:
        CommandFailed: a setting is wrong, or a sink cannot be used, or another relay runs.
        DatabaseUnusable: as ``open_database``.
    """
    try:
        addresses = addresses_of(settings.get("BROKER_URL") or "")
        if not addresses:
            raise CommandFailed(
                "BROKER_URL is empty: write the address of a sink, for instance BROKER_URL=stdout:"
            )
        sinks = {address.name: make_sink(address) for address in addresses}
        alarm = Alarm(settings.get("ALERT_URLS") or "", Path(settings["ALERT_STATES"]))
    except (WrongSink, ValueError) as error:
        raise CommandFailed(str(error)) from None
    limit = timedelta(seconds=settings.getfloat("OUTBOX_LAG_LIMIT"))
    folder = settings.get("METRICS_FOLDER") or ""

    def check(states: Sequence[SinkState]) -> None:
        for state in states:
            alarm.tell_state(f"sink {state.name}", fault_of(state, limit))
        if folder:
            write_metrics(Path(folder), states)

    connections = CONNECTIONS * len(sinks) + OTHER_CONNECTIONS
    engine = open_database(settings, pool_size=connections, idle_limit=IDLE_LIMIT)
    try:
        relay = Relay(engine, sinks, keep=timedelta(seconds=settings.getfloat("OUTBOX_KEEP")), check=check)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        logger.info("the relay sends to %s", ", ".join(sinks))
        gc.freeze()  # what the start has made stays: the garbage collector need not go through it for each batch
        end = relay.run(once=once)
    except RelayIsAlive as error:
        raise RelayIsRunning(str(error)) from None
    except WrongSink as error:
        raise CommandFailed(str(error)) from None
    finally:
        engine.dispose()
    for name, reason in end.errors.items():
        logger.error("%s did not get all events: %s", name, reason)
    for name, count in end.refused.items():
        logger.error(
            "%s refused %s: `%s` lists them, and after a correction `%s` sends them again",
            *(name, "an event" if count == 1 else f"{count:,} events"),
            *(command("events --refused"), command("events --retry")),
        )
    if end.faults:
        logger.error("the relay ends by a fault of its own at %s (see above)", ", ".join(end.faults))
        return CANNOT_START
    if end.lost:
        logger.error("another relay has taken over, so this one ends")
        return ALREADY_RUNNING
    if end.interrupted:
        logger.warning("a signal ended the relay before it had sent all events; the next one sends the rest")
        return INTERRUPTED
    return BELOW_POLICY if once and (end.errors or end.refused) else GOOD


def fault_of(state: SinkState, limit: timedelta) -> str | None:
    """Return what is wrong with a sink: it has ended, it refuses events, or its oldest event waits for too long."""
    if state.state == "ended":
        return f"it has ended: {state.error}; `{command('events --retry')}` begins again"
    if state.refused:
        return f"it refused {state.refused} events; `{command('events --refused')}` lists them"
    if state.oldest is not None and datetime.now(UTC) - state.oldest > limit:
        why = f": {state.error}" if state.error else ""
        return f"{state.unsent} events are not sent, the oldest from {state.oldest:%F %T} UTC{why}"
    return None
