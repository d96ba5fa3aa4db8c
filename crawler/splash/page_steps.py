"""What a page needs before it is read, as arguments of the render scripts: clicks, a quiet network, and so on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Arguments of Splash, and those that requests of render() have.
RESERVED = frozenset(
    (
        *("url", "lua_source", "timeout", "images", "wait_for", "wait_timeout", "cookies", "headers", "body"),
        *("http_method", "load_args", "save_args", "auth_storage", "storage", "uid"),
    )
)
MOST_QUIET = 30.0  # seconds

Selectors = str | Sequence[str]


def step_arguments(
    *,
    click: Selectors = (),
    dismiss: Selectors = (),
    quiet: float | None = None,
    shadow_roots: bool = False,
    screenshot: bool = False,
    waits: bool,
) -> dict[str, Any]:
    """Return the arguments of ``spiders/lua/steps.lua``; those without a value are left out.

    Args:
        click: elements that are clicked in their order, each a selector.
        dismiss: elements that are clicked if they appear.
        quiet: seconds in which no request is in flight.
        shadow_roots: whether selectors match elements in open shadow roots, which the HTML then has.
        screenshot: whether the response has a picture of the page.
        waits: whether the request says what has to be on the page after the clicks.
    Raises:
        ValueError: a selector is empty, or nothing says when the clicks have worked.
        TypeError: a selector is not text.
    """
    arguments: dict[str, Any] = {
        "click": _selectors("click", click),
        "dismiss": _selectors("dismiss", dismiss),
        "shadow_roots": int(shadow_roots),
        "screenshot": int(screenshot),
    }
    if quiet is not None:
        if not 0 < quiet <= MOST_QUIET:
            raise ValueError(f"quiet={quiet!r} is no number of seconds between 0 and {MOST_QUIET:g}")
        arguments["quiet"] = quiet
    if arguments["click"] and not waits and quiet is None:
        raise ValueError("click= needs wait_for=, an element that is on the page after the clicks, or quiet=")
    return {name: value for name, value in arguments.items() if value}


def own_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an own render script.

    Raises:
        ValueError: an argument has a name that the request sets itself.
    """
    if taken := sorted(RESERVED & given.keys()):
        raise ValueError(f"args= has {taken[0]!r}, which the request sets itself: choose another name")
    return dict(given)


def step_seconds(arguments: dict[str, Any], timeout: float) -> float:
    """Return how many seconds the steps may take, each as long as ``timeout``."""
    return timeout * (len(arguments.get("click", ())) + ("quiet" in arguments))


def _selectors(name: str, given: Selectors) -> list[str]:
    selectors = [given] if isinstance(given, str) else list(given)
    for selector in selectors:
        if not isinstance(selector, str):
            raise TypeError(
                f"{name}= has {selector!r}, which is no selector: write an XPath or a CSS selector as text"
            )
        if not selector.strip():
            raise ValueError(f"{name}= has an empty selector")
    return selectors
