"""Python source text of strings: literals of one line or of several, as the formatter of the project writes them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

LINE = 110  # columns of a line, as in pyproject.toml
NEVER = "never"  # the mode of RENDERING in which render() makes a plain request
NO_RENDERER = 'custom_settings = {"RENDERER_ENABLED": False}'  # of a spider whose pages are plain ones


class Nested(NamedTuple):
    """A call, a list or a dict as text: what is before its parts, with the bracket, the parts, and what is after.

    ``parts`` is a str for a call whose only argument is a literal: the text of the literal.
    """

    before: str
    parts: Sequence[str | Nested]
    after: str

    def __str__(self) -> str:
        parts = [literal(self.parts)] if isinstance(self.parts, str) else map(str, self.parts)
        return f"{self.before}{', '.join(parts)}{self.after}"


def literal(text: str) -> str:
    """Return the text as a literal that holds only this text, whatever is in it: quotes, backslashes, line ends."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_escaped(char, quote) for char in text) + quote


def _escaped(char: str, quote: str) -> str:
    if char == quote:
        return "\\" + char
    if char == "\\" or not char.isprintable():
        return repr(char)[1:-1]
    # Marks join the character before them, and wide symbols have no width that all programs agree on.
    if unicodedata.category(char)[0] == "M" or ord(char) > 0xFFFF or unicodedata.category(char) == "So":
        return f"\\U{ord(char):08x}" if ord(char) > 0xFFFF else f"\\u{ord(char):04x}"
    return char


def width(text: str) -> int:
    """Return the columns of a text on a screen: two for each wide character, such as those of Chinese."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def around(before: str, text: str, after: str, indent: int) -> list[str]:
    """Return the lines of ``before("text")after``; ``before`` ends with its bracket or, in an assignment, with "= ".

    Args:
        indent: the spaces before the first line.
    """
    space = " " * indent
    one_line = f"{space}{before}{literal(text)}{after}"
    if width(one_line) <= LINE:
        return [one_line]
    if before.endswith("= "):
        before, after = f"{before}(", f"){after}"
    return [
        space + before,
        *(f"{space}    {piece}" for piece in pieces(text, LINE - indent - 4)),
        space + after,
    ]


def wrapped(before: str, parts: Sequence[str | Nested], after: str, indent: int) -> list[str]:
    """Return the lines of a call, a list or a dict: one line, or its parts on a line, or a line for each of them.

    Args:
        indent: the spaces before the first line.
    """
    space, inner = " " * indent, " " * (indent + 4)
    one_line = space + str(Nested(before, parts, after))
    if width(one_line) <= LINE or not parts:
        return [one_line]
    if isinstance(parts, str):
        return [space + before, *(inner + one for one in pieces(parts, LINE - len(inner))), space + after]
    body = inner + str(Nested("", parts, ""))
    if width(body) <= LINE and before.endswith("("):
        return [space + before, body, space + after]
    lines = [space + before]
    for part in parts:
        if isinstance(part, Nested):
            lines += wrapped(part.before, part.parts, f"{part.after},", indent + 4)
        else:
            lines.append(f"{inner}{part},")
    return [*lines, space + after]


def pieces(text: str, columns: int) -> list[str]:
    """Return literals of at most so many columns that make the text together."""
    if width(literal(text)) <= columns:
        return [literal(text)]
    found, start = [], 0
    while start < len(text):
        end = _end_of_piece(text, start, columns)
        found.append(literal(text[start:end]))
        start = end
    return found


def _end_of_piece(text: str, start: int, columns: int) -> int:
    """Return where the piece that begins at ``start`` ends: after a space or a slash, if one is near."""
    end, used = start, 2
    while end < len(text):
        used += max(width(_escaped(text[end], '"')), width(_escaped(text[end], "'")))
        if used > columns:
            break
        end += 1
    if end == len(text):
        return end
    near = max(text.rfind(mark, max(start, end - 40), end) for mark in " /")
    return near + 1 if near > start else max(end, start + 1)
