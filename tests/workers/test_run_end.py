"""One of the workers that find at the same moment that nothing is left ends the run, and tells of it."""

from __future__ import annotations

from pathlib import Path

from models.session import make_engine, make_sessions
from tests.alarm_endpoint import alarm_endpoint
from tests.workers.run_end import end_together


def test_eight_workers_that_end_at_the_same_moment_end_the_run_and_send_its_alarm_once(
    server_url: str, tmp_path: Path
) -> None:
    engine = make_engine(server_url, pool_size=16)
    sessions = make_sessions(engine)
    with alarm_endpoint() as endpoint:
        faults = [end_together(sessions, 8, number, endpoint, tmp_path) for number in range(3)]
    assert faults == [[]] * 3
    engine.dispose()
