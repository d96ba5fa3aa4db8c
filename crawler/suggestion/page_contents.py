"""What is on a page without a list of records, for a person who has to find out where the list is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urljoin

from crawler.suggestion.document import Document, own_texts, parse

MOST = 3  # names of one kind
LONGEST = 80  # characters of a name
FEWEST_JSON = 200  # characters of a script that may have records
SHADOW_ROOTS = "//template[@shadowrootmode]"


@dataclass(frozen=True, kw_only=True)
class PageContents:
    """Numbers and names of what a page has."""

    elements: int
    characters: int
    iframes: tuple[str, ...]  # their URLs
    shadow_roots: int
    own_elements: tuple[str, ...]  # the tags of elements without content that the page's scripts define
    json_scripts: tuple[str, ...]  # their ids or types, with their sizes
    text: str


def page_contents(html: str, url: str) -> PageContents:
    """Return what is on a page.

    Args:
        html: as a renderer returns it, with shadow roots if it can.
        url: of the page.
    """
    document = parse(html, url)
    text = " ".join(part for one in document.elements for part in own_texts(one))
    empty = (one.tag for one in document.elements if "-" in one.tag and not document.text_length[one])
    return PageContents(
        elements=len(document.elements),
        characters=document.text_length.get(document.body, 0),
        iframes=tuple(_iframes(document)),
        shadow_roots=len(document.select(SHADOW_ROOTS)),
        own_elements=tuple(dict.fromkeys(empty)),
        json_scripts=tuple(_json_scripts(document)),
        text=text,
    )


def _iframes(document: Document) -> list[str]:
    found = (str(one.get("src") or "").strip() for one in document.select("//iframe | //frame"))
    return [urljoin(document.base, src)[:LONGEST] for src in found if src and not src.startswith("about:")]


def _json_scripts(document: Document) -> list[str]:
    """Return the scripts that are JSON: by their type, or because they can be read as JSON."""
    found = []
    for script in document.select("//script[not(@src)]"):
        text = "".join(script.itertext()).strip()
        kind = (script.get("type") or "").lower()
        if len(text) >= FEWEST_JSON and ("json" in kind or (text[0] in "[{" and _is_json(text))):
            name = script.get("id") or kind or "without a name"
            found.append(f"{name[:LONGEST]}, {max(1, round(len(text) / 1000))} kB")
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def described(page: PageContents, later: PageContents | None = None, seconds: float = 0) -> str:
    """Return what a page has, in words.

    Args:
        later: the same page after a longer wait.
        seconds: of that wait.
    """
    last = later or page
    parts = [f"{last.elements} elements and {last.characters} characters of text"]
    if later is not None:
        text = "the same text as" if later.text == page.text else "another text than"
        parts[0] += f" ({text} {seconds:g} s before)"
    parts += _counted("iframe", last.iframes)
    if last.shadow_roots:
        parts.append(f"{last.shadow_roots} shadow roots" if last.shadow_roots > 1 else "1 shadow root")
    elif last.own_elements:
        parts += _counted("empty own element", last.own_elements)
    parts += _counted("script with JSON", last.json_scripts, "scripts with JSON")
    return "; ".join(parts)


def _counted(noun: str, names: tuple[str, ...], nouns: str | None = None) -> list[str]:
    if not names:
        return []
    number = "1 " + noun if len(names) == 1 else f"{len(names)} {nouns or noun + 's'}"
    more = ", ..." if len(names) > MOST else ""
    return [f"{number} ({', '.join(names[:MOST])}{more})"]


def advice(page: PageContents, *, is_plain: bool, waits: bool) -> list[str]:
    """Return what a user can try, the most likely first.

    Args:
        is_plain: the page was not rendered.
        waits: the user named an element to wait for.
    """
    found = []
    if is_plain:
        found.append("without --plain: the list may be made by JavaScript")
    if page.iframes:
        found.append("the URL of the iframe in place of this one")
    if page.shadow_roots or page.own_elements:
        found.append("shadow_roots=True in render() of a spider: the list may be in a shadow root")
    if not is_plain and not waits:
        found.append("--wait-for CSS with a selector of the list: it may come later")
    if not is_plain:
        json_first = " (its JSON may have the records)" if page.json_scripts else ""
        found.append(f"--plain: the page as it is before its scripts run{json_first}")
    return found
