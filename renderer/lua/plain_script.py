"""Whether a script is plain: it only loads a page, waits for it, and reads it.

Chromium has to do more for other scripts: it records the page's requests and pauses them, so that the page navigates
only while the script waits. That costs as much as a light page. The text of a script shows that it is plain, if every
use of ``splash`` in it is a call of one of ``METHODS``, or one of ``ATTRIBUTES``. Whatever is not certain is not plain.
"""

from __future__ import annotations

import functools
import re

METHODS = frozenset(
    {
        *("go", "wait", "wait_for", "html", "url"),
        *("init_cookies", "add_cookie", "get_cookies"),
        *("set_user_agent", "set_viewport_size", "get_viewport_size", "get_version"),
        *("set_result_content_type", "set_result_status_code", "set_result_header"),
    }
)
ATTRIBUTES = frozenset({"args", "images_enabled"})
# With these a script can reach ``splash`` without its name, or have effects that must not happen twice.
_FORBIDDEN = frozenset(
    {
        *(
            "_G",
            "_ENV",
            "debug",
            "load",
            "loadstring",
            "loadfile",
            "dofile",
            "require",
            "package",
            "io",
            "os",
        ),
        *("coroutine", "getmetatable", "setmetatable", "rawget", "rawset"),
    }
)
# Words of a script that may load more than one page. The second one would have to be requested twice.
_REPEATING = frozenset({"for", "while", "repeat", "goto"})
MAX_SOURCE = 20_000  # characters

_TOKEN = re.compile(
    r"""--\[(?P<comment>=*)\[.*?\](?P=comment)\] | --[^\r\n]*
    | \[(?P<text>=*)\[.*?\](?P=text)\] | "(?:\\.|[^"\\\r\n])*" | '(?:\\.|[^'\\\r\n])*'
    | (?P<name>[A-Za-z_]\w*) | \d[\w.]* | (?P<sign>\S)""",
    re.DOTALL | re.VERBOSE | re.ASCII,
)
_STRING = "text"  # stands for every string


@functools.lru_cache(maxsize=64)  # a crawl sends the same script for each of its pages
def plain_methods(source: str) -> frozenset[str] | None:
    """Return the methods of ``splash`` that a plain script uses; None if the script is not certainly plain."""
    if len(source) > MAX_SOURCE:
        return None
    tokens = _tokens(source)
    if not _FORBIDDEN.isdisjoint(tokens) or {'"', "'", "\\"} & set(tokens) or tokens.count("main") != 1:
        return None
    if tokens.count("go") > 1 or ("go" in tokens and _may_repeat(tokens)):
        return None
    at = tokens.index("main")
    head = [*tokens[max(at - 1, 0) : at + 4], ""]
    if head[:4] != ["function", "main", "(", "splash"] or head[4] not in (",", ")"):
        return None
    others = [n for n, name in enumerate(tokens) if name == "splash" and n != at + 2]
    uses = [tokens[n + 1 : n + 4] for n in others]
    return frozenset(use[1] for use in uses) - ATTRIBUTES if all(map(_is_plain_use, uses)) else None


def _may_repeat(tokens: list[str]) -> bool:
    """Return whether a part of the script may run twice: in a loop, or in a function that it calls."""
    return not _REPEATING.isdisjoint(tokens) or tokens.count("function") > 1


def _tokens(source: str) -> list[str]:
    """Return the names and signs of the source, and ``_STRING`` in quotation marks for each string."""
    tokens = []
    for found in _TOKEN.finditer(source):
        if found["name"] or found["sign"]:
            tokens.append(found[0])
        elif not found[0].startswith("--"):
            tokens.append(f"<{_STRING}>")
    return tokens


def _is_plain_use(following: list[str]) -> bool:
    """Return whether these tokens after the name ``splash`` are a plain use of it."""
    match following:
        case [":", name, "(" | "{" | "<text>"]:
            return name in METHODS
        case [".", name, *_]:
            return name in ATTRIBUTES
    return False
