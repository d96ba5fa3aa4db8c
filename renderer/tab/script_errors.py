"""Errors that the page's own scripts threw and did not catch."""

from __future__ import annotations

import json
from typing import Any

from renderer.chromium.cdp import Params
from renderer.tab.tab import Tab

MAX_ERRORS = 100
MAX_MESSAGE = 1000
# Errors, and characters of each message: a header has to be short.
ERRORS_IN_HEADER, MESSAGE_IN_HEADER = 3, 200


class ScriptErrors:
    """The uncaught errors of a tab's pages, from the creation of this object until the tab is cleaned."""

    def __init__(self, tab: Tab) -> None:
        self.errors: list[dict[str, Any]] = []
        tab.session.on("Runtime.exceptionThrown", self._add)
        self._frozen_page = tab.frozen_page
        # Without this, Chromium repeats the errors of the page before, which may be another render's page.
        tab.session.send("Runtime.discardConsoleEntries")
        tab.override("Runtime.enable", {}, "Runtime.disable", {})

    def _add(self, event: Params) -> None:
        # Chromium may still report errors of the page before while the tab shows it.
        if not self._frozen_page.is_shown and len(self.errors) < MAX_ERRORS:
            self.errors.append(describe(event["exceptionDetails"]))


def describe(details: Params) -> dict[str, Any]:
    """Return CDP's exceptionDetails as message, source and line (counted from 1)."""
    thrown = details.get("exception", {})
    message = thrown.get("description") or str(thrown.get("value", details.get("text", "")))
    frames = details.get("stackTrace", {}).get("callFrames", ())
    return {
        "message": message.split("\n    at ")[0][:MAX_MESSAGE],
        "source": details.get("url") or (frames[0]["url"] if frames else ""),
        "line": int(details["lineNumber"]) + 1,
    }


def as_header(errors: list[dict[str, Any]]) -> str:
    """Return the first errors as one line of JSON."""
    first = [error | {"message": error["message"][:MESSAGE_IN_HEADER]} for error in errors[:ERRORS_IN_HEADER]]
    return json.dumps(first)
