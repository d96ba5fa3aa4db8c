"""Errors that end a run: a writer raises them, and the run's extension tells them from faults of the code."""

from __future__ import annotations


class DatabaseLost(Exception):
    """The database takes part in no transaction any more. What was committed before is safe. The message says why."""
