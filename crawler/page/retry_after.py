"""Retry-After: for how long a site asks a client to wait."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LIMITING = (
    429,
    503,
)  # the statuses whose Retry-After says when a request may be made again (RFC 6585, RFC 9110)


def retry_after(value: bytes | None, now: datetime) -> float | None:
    """Return the seconds that the header asks to wait; None without the header, or if it has no meaning.

    Args:
        value: seconds, or a date in one of HTTP's forms. A date in the past is 0.
        now: with a time zone.
    """
    text = (value or b"").decode("latin-1").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:12]), 10**9))
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())
