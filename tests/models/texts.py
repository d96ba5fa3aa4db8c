"""Texts that an encoding may damage."""

from __future__ import annotations

TEXTS = [
    "'; DROP TABLE many_rows_kinds; --",
    "back\\slash, \"quotes\", it's \\' and \\",
    "%s %(name)s 100 % %%",
    "line\nline\r\n\ttab\x1a end",
    "unit\x1fseparator\x1f",
    "漢字 😀 ä \u2028 \ufeff",
    "",
    "NULL",
    "),(",
    "?",
]
