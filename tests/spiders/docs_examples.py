"""The requests that docs/spiders.md shows, for a spider that makes them on a test's site."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs" / "spiders.md"
SITE = "https://shop.example"


def lua_of_the_docs(section: str) -> str:
    """Return the Lua script below this heading."""
    (block,) = [block for block in _blocks(section) if "function main(" in block]
    return textwrap.dedent(block)


def examples_of_the_docs(section: str, site: str) -> str:
    """Return the lines of code below this heading, with the site's URL, for the body of a spider's ``start()``.

    Args:
        section: the text of the heading.
        site: the URL that stands in place of https://shop.example.
    """
    blocks = _blocks(section)
    lines = "".join(block for block in blocks if block.startswith("    yield ")).splitlines()
    assert lines, f"{DOCS.name} has no example below {section}"
    return "\n".join(f"    {line}" for line in lines).strip().replace(SITE, site)


def _blocks(section: str) -> list[str]:
    """Return the indented blocks below a heading."""
    text = re.split(rf"^##+ {re.escape(section)}$", DOCS.read_text("utf-8"), flags=re.MULTILINE)[1]
    text = re.split(r"^##+ ", text, flags=re.MULTILINE)[0]
    return re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
