"""The limit on failed logins: after some failures a name, an address, or both together have to wait.

Few passwords are looked at at the same time: argon2 needs 64 MiB for each, and the transaction waits for it.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, TypeVar, cast

from flask import abort
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from console.database import end_reading
from models.console_account import LoginFailure

FORGOTTEN_AFTER = timedelta(hours=24)
LONGEST_WAIT = timedelta(minutes=15)
# Failures without a wait. The pair of name and address has few. An address may be shared by many people, and the name
# alone must not be a way to lock a person out, so both have more.
FREE = {"pair": 5, "address": 30, "name": 50}
AT_ONCE = 4  # passwords that are looked at
PATIENCE = 2.0  # seconds that another one waits for its place

F = TypeVar("F", bound=Callable[..., Any])
_places = threading.BoundedSemaphore(AT_ONCE)


def few_at_once(view: F) -> F:
    """Let a view that looks at a password run AT_ONCE times at most; HTTP 503 for others, which try again."""

    @wraps(view)
    def limited(*args: Any, **kwargs: Any) -> Any:
        end_reading()  # who waits here keeps no connection to the database
        if not _places.acquire(timeout=PATIENCE):
            abort(503, "too many people log in at this moment: try again in a few seconds")
        try:
            return view(*args, **kwargs)
        finally:
            _places.release()

    return cast(F, limited)


def subjects(name: str, address: str) -> dict[str, bytes]:
    """Return the hashes of what failures are counted for, by kind."""
    return {
        "pair": _hash("pair", name, address),
        "address": _hash("address", address),
        "name": _hash("name", name),
    }


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()


def wait_after(kind: str, failures: int) -> timedelta:
    """Return how long a subject of this kind has to wait after its last failure."""
    beyond = failures - FREE[kind]
    return timedelta() if beyond < 0 else min(timedelta(seconds=2 ** min(beyond, 12)), LONGEST_WAIT)


def seconds_to_wait(session: Session, name: str, address: str, now: datetime) -> int:
    """Return after how many seconds the next login with this name from this address is looked at; 0: now."""
    kinds = {subject: kind for kind, subject in subjects(name, address).items()}
    found = session.execute(
        select(LoginFailure.subject, LoginFailure.failures, LoginFailure.last_at).where(
            LoginFailure.subject.in_(list(kinds)), LoginFailure.last_at > now - FORGOTTEN_AFTER
        )
    )
    waits = [
        last_at + wait_after(kinds[bytes(subject)], failures) - now for subject, failures, last_at in found
    ]
    longest = max(waits, default=timedelta())
    return max(0, int(-(-longest.total_seconds() // 1)))


def note_failure(session: Session, name: str, address: str, now: datetime) -> None:
    """Count a failed login, and forget old ones."""
    session.execute(delete(LoginFailure).where(LoginFailure.last_at <= now - FORGOTTEN_AFTER))
    for subject in subjects(name, address).values():
        row = session.get(LoginFailure, subject, with_for_update=True)
        if row is not None:
            row.failures, row.last_at = row.failures + 1, now
            continue
        try:
            with session.begin_nested():
                session.add(LoginFailure(subject=subject, failures=1, last_at=now))
        except IntegrityError:  # another request counted at the same moment
            known = session.get_one(LoginFailure, subject, with_for_update=True)
            known.failures, known.last_at = known.failures + 1, now


def forget_failures(session: Session, name: str, address: str) -> None:
    """Forget the failures of a name from an address, after a login; those of the address alone stay."""
    known = subjects(name, address)
    session.execute(delete(LoginFailure).where(LoginFailure.subject.in_([known["pair"], known["name"]])))
