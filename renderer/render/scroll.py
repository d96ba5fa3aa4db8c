"""The ``scroll`` argument: lists that grow, or that show only a part of themselves, come into the result whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

from renderer.cdp import CommandFailed
from renderer.tab import ScriptFailed, Tab

_SCRIPT = resources.files("renderer").joinpath("scroll.js").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Scrolling:
    """How far, and what to keep on the way."""

    screens: int
    item: str | None  # a CSS selector
    patience: float  # seconds to wait for more at the end


class BadItem(Exception):
    """The selector is none that the browser understands."""


async def scroll(tab: Tab, scrolling: Scrolling) -> dict[str, Any]:
    """Scroll; returns how many steps it took, how many items were seen, and whether the end was reached."""
    # In a world of our own, where the page cannot have replaced what we call.
    world = await tab.session.call("Page.createIsolatedWorld", {"frameId": tab.target_id})
    arguments = {"screens": scrolling.screens, "item": scrolling.item, "patience": scrolling.patience}
    # A comment comes first in the file; brackets keep it one expression.
    call = f"(\n{_SCRIPT})({json.dumps(arguments)})"
    try:
        found: dict[str, Any] = await tab.evaluate(call, context=world["executionContextId"], wait=True)
    except CommandFailed:  # the page went elsewhere
        return {"steps": 0, "items": 0, "reached_end": False}
    except ScriptFailed as error:
        raise BadItem(error.text) from error
    return found


def as_header(scrolled: dict[str, Any]) -> str:
    end = "end" if scrolled["reached_end"] else "more"
    return f"{end}; steps={scrolled['steps']}; items={scrolled['items']}"
