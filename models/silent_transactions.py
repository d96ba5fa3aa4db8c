"""Transactions whose process is stopped or gone, and that PostgreSQL's own limits do not end."""

from __future__ import annotations

from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

# In the middle of a COPY, and between the statements of a pipeline, idle_in_transaction_session_timeout does not count.
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND usename = current_user AND application_name = :name AND pid <> pg_backend_pid() "
    "AND wait_event = 'ClientRead' AND xact_start IS NOT NULL "
    "AND state_change < clock_timestamp() - make_interval(secs => :seconds)"
)


def application_name(seconds: int) -> str:
    """Return the name of connections whose transactions may be idle for so many seconds."""
    return f"splashdown, idle at most {seconds} s"


def end_silent_transactions(where: Engine | Session, seconds: int) -> int:
    """End the transactions that are idle for longer than they may be; return their number.

    A process that is stopped in the middle of a COPY keeps its locks until it goes on. Servers other than PostgreSQL
    end such a transaction themselves: nothing is done there.

    Args:
        where: a session, whose transaction this does not change; or an engine, which opens another connection.
        seconds: the limit that ``end_idle_transactions`` (session.py) gave to the connections.
    """
    if isinstance(where, Engine):
        with Session(where) as session:
            return end_silent_transactions(session, seconds)
    if where.get_bind().dialect.name != "postgresql":
        return 0
    return len(where.execute(_END, {"name": application_name(seconds), "seconds": seconds}).all())
