"""The HTTP status of a document that is an error of its site, from Chromium's log.

Chromium logs each response with a status of 400 or more. Unlike the events of the domain Network, the log costs nothing
for all other responses.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from renderer.chromium.cdp import Params, Session

_STATUS = re.compile(r"with a status of (\d{3})\b")


class ErrorStatus:
    """The error statuses of a tab's responses in one render, by document."""

    def __init__(self, session: Session) -> None:
        self._statuses: dict[str, int] = {}
        session.on("Log.entryAdded", self._on_entry)

    def _on_entry(self, event: Params) -> None:
        entry = event["entry"]
        if entry["source"] == "network" and (found := _STATUS.search(entry["text"])):
            self._statuses[entry.get("networkRequestId", "")] = int(found[1])

    def of_last(self, documents: Sequence[str]) -> int:
        """Return the status of the last of these documents, if it is an error of the site; otherwise 0."""
        return self._statuses.get(documents[-1], 0) if documents else 0

    def forget(self) -> None:
        self._statuses.clear()
