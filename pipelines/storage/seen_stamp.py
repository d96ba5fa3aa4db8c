"""SeenStamp: the run and the time that a transaction writes into every row that it sees."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SeenStamp:
    """The run and the time that a transaction writes into every row that it sees."""

    run_id: int
    now: datetime

    @property
    def columns(self) -> dict[str, Any]:
        return {"last_seen_at": self.now, "run_id": self.run_id}

    @property
    def first_columns(self) -> dict[str, Any]:
        """Return the columns for a row that may be new."""
        return {"first_seen_at": self.now, **self.columns}
