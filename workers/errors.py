"""What is wrong with WORKERS_URL."""

from __future__ import annotations


class WrongWorkersUrl(ValueError):
    """WORKERS_URL cannot be used; the message says in one line what to change, and has no password."""
