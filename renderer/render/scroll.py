"""The ``scroll`` argument: the result has all items of lists that grow, or that keep only their visible items."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib import resources
from typing import Any

from renderer.chromium.cdp import CommandFailed
from renderer.tab.tab import Tab

_SCRIPT = resources.files(__package__).joinpath("scroll.js").read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Scrolling:
    """How far to scroll, and which items to collect. A selector is an XPath or a CSS selector."""

    screens: int
    item: str | None  # a selector
    end: str | None  # the selector of an element after the last item
    patience: float  # seconds to wait for more at the end
    seconds: float  # the limit of all steps together


class BadScrollSelector(Exception):
    """The browser does not accept the selector of this argument."""

    def __init__(self, argument: str, why: str) -> None:
        super().__init__(why)
        self.argument = argument


async def scroll(tab: Tab, scrolling: Scrolling) -> dict[str, Any]:
    """Scroll the page; return the number of ``steps`` and ``items``, and ``reached_end``.

    Raises:
        BadScrollSelector: a selector is not valid.
        ScriptFailed: the page has replaced functions that the script calls.
    """
    tab.drawing.start()  # without frames, the page gets no scroll events
    # In an isolated world: the page cannot replace the functions that we call.
    world = await tab.session.call("Page.createIsolatedWorld", {"frameId": tab.target_id})
    # The file begins with a comment; the brackets make all of it one expression.
    call = f"(\n{_SCRIPT})({json.dumps(asdict(scrolling))})"
    try:
        found: dict[str, Any] = await tab.document.evaluate(
            call, context=world["executionContextId"], wait=True
        )
    except CommandFailed:  # the page navigated
        return {"steps": 0, "items": 0, "reached_end": False}
    if "wrong" in found:
        raise BadScrollSelector(found["wrong"], found["why"])
    return found


def as_header(scrolled: dict[str, Any]) -> str:
    """Return the value of the header ``X-Splashdown-Scroll``."""
    end = "end" if scrolled["reached_end"] else "more"
    return f"{end}; steps={scrolled['steps']}; items={scrolled['items']}"
