"""docs/values.md and the examples in its tables."""

from __future__ import annotations

import ast
import html
import re
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy
from sqlalchemy import Column

from models import types

PAGE = Path(__file__).parents[2] / "docs" / "values.md"
EXAMPLE = re.compile(r"\| `(?P<text>.+?)` \| `(?P<type>.+?)` \| (?:`(?P<info>.+?)`)? \| (?P<becomes>.+) \|")


class Example(NamedTuple):
    text: str
    type: str
    info: dict[str, Any]
    becomes: str

    def column(self, **more: Any) -> Column[Any]:
        names = {**vars(sqlalchemy), **vars(types)}
        return Column("x", eval(self.type, names), info={**self.info, **more})


def examples() -> list[Example]:
    found = (EXAMPLE.fullmatch(line) for line in PAGE.read_text("utf-8").splitlines())
    return [
        Example(
            html.unescape(one["text"]), one["type"], ast.literal_eval(one["info"] or "{}"), one["becomes"]
        )
        for one in found
        if one
    ]
