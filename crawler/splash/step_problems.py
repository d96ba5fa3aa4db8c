"""Why a step of a page failed, in words: a click, the button of a list, a list that was scrolled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crawler.splash.render_arguments import MAX_TIMEOUT

# Why no page followed a click of render_pages, by the word of spiders/lua/click_next.lua.
CLICKS = {
    "none": "{changes!r} matched nothing within {timeout:g} s",
    "empty": "the text of {changes!r} did not change within {timeout:g} s (it is empty)",
    "same": "the text of {changes!r} did not change within {timeout:g} s (it is the same)",
    "gone": "{wait_for!r} did not appear within {timeout:g} s",
}

# What Splash lacks, by the word of the render scripts.
NOT_SUPPORTED = {
    "shadow_roots": "shadow_roots= needs Splashdown's own renderer: Splash has no shadow DOM",
}

# Why a step of click= failed, by the word of spiders/lua/steps.lua.
STEPS = {
    "none": "{selector!r} to click is not on the page (waited {timeout:g} s)",
    "disabled": "{selector!r} to click is disabled (waited {timeout:g} s)",
    "gone": "clicked {selector!r}, but {wait_for!r} did not appear within {timeout:g} s",
    "same": "clicked {selector!r}, but {wait_for!r}, which was there before, did not change within {timeout:g} s",
}
EFFECTS = {False: "the click changed nothing", True: "the click changed other parts of the page"}


def problem_of(data: Mapping[str, Any], arguments: Mapping[str, Any], timeout: float) -> str | None:
    """Return which step of a page failed, and why; None if the wait for its element failed.

    Args:
        data: the answer of a render script or of ``render.page``.
        arguments: the arguments of the script.
        timeout: seconds.
    """
    if data.get("sent"):
        return (
            f"sent the form, but logged_in={arguments.get('logged_in')!r} did not appear within {timeout:g} s"
        )
    if "step" in data:
        return step_problem(data["step"], arguments, timeout)
    if "click" in data:
        return click_problem(data["click"], arguments, timeout)
    return scroll_problem(data, arguments)


def step_problem(step: Mapping[str, Any], arguments: Mapping[str, Any], timeout: float) -> str:
    """Return which click of ``click=`` failed, and why.

    Args:
        step: the answer of ``spiders/lua/steps.lua``: the selector, its number in ``click=``, and the problem.
    """
    if step["problem"] == "busy":
        url = f": {step['url']} was in flight" if step.get("url") else ""
        return f"the network was not quiet for {arguments.get('quiet', 0):g} s within {timeout:g} s{url}"
    words = {"selector": step["selector"], "wait_for": arguments.get("wait_for"), "timeout": timeout}
    problem = STEPS[str(step["problem"])].format(**words)
    if "changed" in step:
        return f"{problem}: {EFFECTS[bool(step['changed'])]}"
    before = list(arguments.get("click", ()))[: int(step["number"]) - 1]
    return f"{problem}, after the click on {before[-1]!r}" if before else problem


def click_problem(click: Mapping[str, Any], arguments: Mapping[str, Any], timeout: float) -> str:
    """Return why no other page followed a click on the button of a list.

    Args:
        click: the answer of ``spiders/lua/click_next.lua``: the page's number, and the problem.
        arguments: the arguments of the script.
    """
    wait_for = arguments.get("wait_for")
    changes = arguments.get("next_changes") or wait_for
    problem = str(click["problem"])
    why = CLICKS[problem].format(changes=changes, wait_for=wait_for, timeout=timeout)
    hint = "" if problem == "gone" else ": name an element whose text changes with changes="
    return f"after the click on next_button {arguments.get('next_button')!r} of page {click['page']:g} {why}{hint}"


def scroll_problem(data: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    """Return why a list that was scrolled counts as not complete; None if it was not scrolled.

    Args:
        data: the answer of ``spiders/lua/scroll.lua`` or of ``render.page``.
        arguments: the arguments of the script.
    """
    items = data["scroll"]["items"] if "scroll" in data else data.get("scrolled_items")
    if items is None:
        return None
    end, seconds = arguments.get("scroll_end"), arguments.get("scroll_timeout", 0)
    found = f"{items:g} of {arguments.get('scroll_items')!r} were there"
    if end:
        return f"the list was scrolled, and end={end!r} never appeared: {found}"
    return f"the list still grew after {seconds:g} s (scroll_timeout): {found}"


def list_limit(arguments: Mapping[str, Any]) -> str | None:
    """Return why a list did not end within the time of its render, and what to change; None if it is no list.

    Args:
        arguments: the arguments of the script, with the seconds of the render.
    """
    if "next_button" not in arguments:
        return None
    seconds = float(arguments.get("timeout", MAX_TIMEOUT))
    changes = "it needs fewer pages (max_pages=) or a faster site"
    if seconds < MAX_TIMEOUT:
        changes += f", or more than the {seconds:g} s of this one (busy_seconds=)"
    return f"all pages of a list are one render, which may take {MAX_TIMEOUT:g} seconds at most: {changes}"
