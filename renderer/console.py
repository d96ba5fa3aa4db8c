"""What a page writes to the console, as texts."""

from __future__ import annotations

import json
from typing import Any

from renderer.cdp import Params
from renderer.tab import Tab

MAX_MESSAGES = 1000


class Console:
    """Listens from its creation until the tab is cleaned."""

    def __init__(self, tab: Tab) -> None:
        self.messages: list[str] = []
        tab.session.on("Runtime.consoleAPICalled", self._add)
        tab.override("Runtime.enable", {}, "Runtime.disable", {})

    def _add(self, event: Params) -> None:
        if len(self.messages) < MAX_MESSAGES:
            self.messages.append(" ".join(_as_text(argument) for argument in event["args"]))


def _as_text(argument: Params) -> str:
    value: Any = argument.get("value", argument.get("unserializableValue", argument.get("description")))
    return value if isinstance(value, str) else json.dumps(value)
