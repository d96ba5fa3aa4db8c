"""The code on docs/spiders.md, for spiders that run it on a test's site."""

from __future__ import annotations

from tests.doc_pages import DocPage

PAGE = DocPage("spiders.md")
SITE = "https://shop.example"


def lua_of_the_docs(section: str) -> str:
    """Return the Lua script below this heading."""
    (script,) = [block.text for block in PAGE.below(section) if "function main(" in block.text]
    return script


def examples_of_the_docs(section: str, site: str, holding: str = "yield self.") -> str:
    """Return the lines of code below this heading, with the site's URL, for the body of a spider's ``start()``.

    Args:
        section: the text of the heading.
        site: the URL that stands in place of https://shop.example.
        holding: a text that the examples have; other ones are left out.
    """
    texts = [block.text for block in PAGE.below(section)]
    blocks = [text for text in texts if text.startswith("yield ") and holding in text]
    assert blocks, f"docs/{PAGE.name} has no example below {section}"
    lines = "".join(blocks).splitlines()
    return "\n".join(f"        {line}" for line in lines).strip().replace(SITE, site)
