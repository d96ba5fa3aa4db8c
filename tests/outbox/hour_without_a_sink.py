"""A sink is down for an hour by a clock that is moved: the others get all events, and then it does, too.

python -m tests.outbox.hour_without_a_sink --sink rabbitmq --step 30 --database sqlite:////tmp/hour.db

The relay is a process whose memory is measured. It must not grow, and the alarm must come once and end once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from models import run
from models.relay import sink_states
from models.session import make_engine
from tests.outbox.events import history, store_changes, wait_until, without_repeats
from tests.outbox.gate import gate_before
from tests.outbox.moved_clock import MovedClock
from tests.outbox.receivers import (
    KafkaReceiver,
    MqttReceiver,
    RabbitReceiver,
    StompReceiver,
    WebhookReceiver,
    closing,
)
from tests.processes import ROOT

HOUR = 3600  # seconds
ROWS = 20  # that change with each step
WARM = 6  # steps until the relay has the memory that it needs
MOST_GROWTH = 6 * 2**20  # bytes


def unsent(engine: Engine) -> dict[str, int]:
    with Session(engine) as session:
        return {state.name: state.unsent for state in sink_states(session)}


def hour_without(down: str, url: str, brokers: dict[str, str], folder: Path, step: int) -> str:
    """Move the clock through an hour in which a sink is down, and check everything; return what was measured.

    Args:
        url: a database without rows.
        brokers: the URLs of rabbitmq, stomp, mqtt and kafka.
        step: the seconds of a step. An attempt of the sink is made in each; in 30 seconds no more than that.
    """
    clock, engine = MovedClock(folder / "clock"), make_engine(url)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        stack.enter_context(pytest.MonkeyPatch.context()).setattr(run, "CLOCKS", clock.statements())
        receivers: dict[str, Any] = {
            "rabbitmq": RabbitReceiver(brokers["rabbitmq"], "&name=rabbitmq"),
            "stomp": StompReceiver(brokers["stomp"], "&name=stomp"),
            "mqtt": stack.enter_context(closing(MqttReceiver(brokers["mqtt"], "&name=mqtt"))),
            "webhook": stack.enter_context(closing(WebhookReceiver("&name=webhook"))),
            "kafka": KafkaReceiver(brokers["kafka"], "&name=kafka"),
        }
        alarms = stack.enter_context(closing(WebhookReceiver()))
        gate = stack.enter_context(gate_before(receivers[down].url))
        urls = [gate.url if name == down else receiver.url for name, receiver in receivers.items()]
        env = {
            **os.environ,
            "DATABASE_URL": url,
            "BROKER_URL": " ".join(urls),
            "ALERT_URLS": f"json://{urlsplit(alarms.url).netloc}/alarm",
            "LOG_LEVEL": "WARNING",
        }
        program = [sys.executable, "-m", "tests.outbox.moved_clock", str(clock.file), "relay"]
        said = folder / "relay.log"
        with said.open("w") as log:
            relay = subprocess.Popen(
                [*program, "-s", f"ALERT_STATES={folder}"], cwd=ROOT, env=env, stdout=log, stderr=log
            )
        stack.callback(relay.kill)
        memory = psutil.Process(relay.pid).memory_info

        store_changes(engine, [range(ROWS)])
        wait_until(lambda: unsent(engine) == dict.fromkeys(receivers, 0))
        gate.close()
        sizes = []
        steps = HOUR // step
        for _ in range(steps):
            attempts = gate.attempts
            clock.move(step)
            store_changes(engine, [range(ROWS)])
            wait_until(lambda attempts=attempts: gate.attempts > attempts)  # type: ignore[misc]
            wait_until(lambda: not any(number for name, number in unsent(engine).items() if name != down))
            sizes.append(memory().rss)
        assert unsent(engine)[down] == steps * ROWS
        assert alarms.bodies.qsize() == 1
        attempts = gate.attempts

        gate.open()
        clock.move(step)
        wait_until(lambda: unsent(engine)[down] == 0)
        sizes.append(memory().rss)
        clock.move(step)
        wait_until(lambda: alarms.bodies.qsize() == 2)
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(60) == 0, said.read_text()[-3000:]
        titles = [json.loads(alarms.bodies.get())["title"] for _ in range(2)]
        assert f"sink {down}: " in titles[0] and "events are not sent, the oldest from" in titles[0]
        assert titles[1] == f"sink {down} is good again"
        changes = history(engine)
        for name, receiver in receivers.items():
            assert without_repeats(receiver.receive((steps + 1) * ROWS)) == changes, name
        growth = max(sizes) - sizes[WARM]
        assert growth < MOST_GROWTH, f"the memory grows by {growth} bytes"
    return (
        f"{down} was down for {HOUR} s by the clock: {attempts} attempts, {steps * ROWS} events later, "
        f"memory {sizes[WARM] >> 10} KB after {WARM + 1} steps, {max(sizes[:-1]) >> 10} KB at most in the hour, "
        f"{sizes[-1] >> 10} KB when it had all events; alarms: {titles}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sink", default="rabbitmq", choices=["rabbitmq", "stomp", "mqtt", "webhook"])
    parser.add_argument("--step", type=int, default=30)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    brokers = {
        name: os.environ[f"TEST_{name.upper()}_URL"] for name in ("rabbitmq", "stomp", "mqtt", "kafka")
    }
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        from tests.conftest import empty  # noqa: PLC0415

        url = options.database or f"sqlite:///{folder}/hour.db"
        empty(url)
        print(hour_without(options.sink, url, brokers, Path(folder), options.step))
    print(f"{time.monotonic() - began:.0f} s: equal")


if __name__ == "__main__":
    main()
