"""The text of XPaths: literals, predicates, and the names that may stand in them."""

from __future__ import annotations

import re

NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*")


def literal(text: str) -> str:
    """Return the text as an XPath literal. XPath has no escapes: a text with both quotes becomes ``concat(...)``."""
    if "'" not in text:
        return f"'{text}'"
    if '"' not in text:
        return f'"{text}"'
    return "concat(" + ', "\'", '.join(f"'{part}'" for part in text.split("'")) + ")"


def has_class(name: str) -> str:
    """Return the condition that an element has the class."""
    return f"contains(concat(' ', normalize-space(@class), ' '), {literal(f' {name} ')})"


def has_text(text: str) -> str:
    """Return the condition that the text of an element, without white space around it, is this text."""
    return f"normalize-space()={literal(text)}"


def is_name(text: str) -> bool:
    """Return whether the text can stand in an XPath as the name of an element or attribute."""
    return NAME.fullmatch(text) is not None
