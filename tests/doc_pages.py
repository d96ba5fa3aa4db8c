"""DocPage: the blocks of code, commands and outputs on a page of docs/, for the tests that run them."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROMPT = "$ "


@dataclass(frozen=True, kw_only=True)
class Block:
    """An indented block: its heading, the line before it, and its text without the indentation."""

    heading: str
    before: str
    text: str

    @property
    def steps(self) -> list[tuple[str, str]]:
        """The commands behind the prompt ``$``, each with the output that the page shows below it."""
        parts = re.split(r"^\$ (.+)\n", self.text, flags=re.MULTILINE)
        return list(zip(parts[1::2], parts[2::2], strict=True))

    @property
    def commands(self) -> list[list[str]]:
        """The words of each line, without the comment at its end."""
        return [shlex.split(line, comments=True) for line in self.text.splitlines() if line.strip()]


class DocPage:
    """A page of docs/ by its name, for example ``projects.md``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (ROOT / "docs" / name).read_text("utf-8")

    @cached_property
    def blocks(self) -> list[Block]:
        """All blocks in their order. A list item that is indented has its blocks four spaces further in."""
        found, heading, before, lines = [], "", "", []
        for line in [*self.text.splitlines(), "end"]:
            if line.startswith("    ") or (lines and not line):
                lines.append(line)
                continue
            if lines:
                text = textwrap.dedent("\n".join(lines)).strip("\n") + "\n"
                found.append(Block(heading=heading, before=before, text=text))
                lines = []
            if line.startswith("#"):
                heading = line.lstrip("# ")
            if line:
                before = line
        return found

    def block(self, begins: str) -> Block:
        """Return the block whose first line begins with this text."""
        (found,) = [block for block in self.blocks if block.text.startswith(begins)]
        return found

    def below(self, heading: str) -> list[Block]:
        """Return the blocks below a heading."""
        found = [block for block in self.blocks if block.heading == heading]
        assert found, f"docs/{self.name} has no block below {heading!r}"
        return found


def is_shown(output: str, shown: str) -> bool:
    """Return whether an output is the one that a page shows; ``...`` on the page stands for any text."""
    flags = ELLIPSIS | NORMALIZE_WHITESPACE
    return OutputChecker().check_output(shown.strip(), output.strip(), flags)
