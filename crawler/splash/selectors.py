"""Which selector of a request is wrong, and why: browsers do not say it, or only in part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from crawler.page_selector import IS_XPATH, fault_of

# The messages of Chromium and QtWebKit for a text that is no CSS selector or no XPath.
WRONG_SELECTOR = re.compile(
    r"is not a valid (?:selector|XPath)|unresolvable namespaces|DOM (?:XPath )?Exception (?:12|14|51)\b"
)
# The arguments of our render scripts that are selectors, with the names that a spider gives them. wait_for is the last:
# it may have the text of another one.
SELECTORS = {
    "click": "click",
    "dismiss": "dismiss",
    "scroll_items": "items",
    "scroll_end": "end",
    "next_button": "next_button",
    "next_changes": "changes",
    "logged_in": "logged_in",
    "submit": "submit",
    "wait_for": "wait_for",
}


def wrong_selector(message: str, arguments: Mapping[str, Any]) -> str | None:
    """Return which of a request's selectors the browser refused, and why; None if the error has another cause.

    Args:
        message: the browser's error.
        arguments: the arguments of the render script.
    """
    if not WRONG_SELECTOR.search(message):
        return None
    given = {text: name for name, text in _selectors(arguments)}
    named = {text: name for text, name in given.items() if repr(text) in message or f"'{text}'" in message}
    faults = {text: fault for text in named or given if (fault := fault_of(text)) is not None}
    wrong = {text: faults.get(text, "a browser does not accept it") for text in named or faults or given}
    return " or ".join(_described(given[text], text, fault) for text, fault in wrong.items())


def wrong_in_html(name: str, selector: str) -> str | None:
    """Return why a selector cannot be looked for in the HTML of a response; None if it can.

    Args:
        name: the name that the spider gives it.
    """
    fault = fault_of(selector)
    return None if fault is None else _described(name, selector, fault)


def _described(name: str, selector: str, fault: str) -> str:
    return f"{name}={selector!r} is no {_kind(selector)}: {fault}"


def _kind(selector: str) -> str:
    return "XPath" if selector.startswith(IS_XPATH) else "CSS selector"


def _selectors(arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each selector, the last one of the same text first."""
    for argument, name in reversed(SELECTORS.items()):
        value = arguments.get(argument)
        for text in value if isinstance(value, list) else [value]:
            if text:
                yield name, str(text)
