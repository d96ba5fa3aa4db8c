"""One of the workers that find at the same moment that nothing is left ends the run, and tells of it."""

from __future__ import annotations

from models.session import make_engine, make_sessions
from tests.workers.run_end import end_together


def test_eight_workers_that_end_at_the_same_moment_end_the_run_once(server_url: str) -> None:
    engine = make_engine(server_url, pool_size=16)
    sessions = make_sessions(engine)
    assert [end_together(sessions, 8, number) for number in range(3)] == [[]] * 3
    engine.dispose()
