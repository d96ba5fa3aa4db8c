"""The hosts that asked to wait, on each database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from models.host import store_wait, waits_of_hosts
from models.run import claim_run
from models.session import make_sessions

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_last_wait_of_a_run_and_the_longest_of_all_runs_hold(engine: Engine) -> None:
    sessions = make_sessions(engine)
    first, second = claim_run(sessions, "books", {}).id, claim_run(sessions, "quotes", {}).id
    with sessions() as session:
        store_wait(session, first, "shop:80", NOW + timedelta(seconds=10))
        store_wait(session, first, "shop:80", NOW + timedelta(seconds=30))
        store_wait(session, second, "shop:80", NOW + timedelta(seconds=20))
        store_wait(session, second, "other", NOW - timedelta(seconds=1))
        session.commit()
        assert waits_of_hosts(session, NOW) == {"shop:80": 30.0}
        assert waits_of_hosts(session, NOW + timedelta(seconds=30)) == {}
