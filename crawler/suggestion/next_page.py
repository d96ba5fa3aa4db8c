"""The link to the next page of a list: by rel=next, then by its name, then by the numbers of the pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urldefrag, urlsplit

from crawler.suggestion.document import Document, Element, classes, text_of
from crawler.suggestion.words import words
from crawler.suggestion.xpath_text import has_class, has_text, is_name, literal

SIGNS = words("› » > >> → ⟩ ▶ ❯ ⇒ ▸")
WORDS = words(
    "next|next page|next posts|older|older posts|older entries|more results|weiter|nächste|nächste seite|vor|suivant|"
    "page suivante|siguiente|página siguiente|successivo|avanti|próxima|próximo|volgende|następna|nästa|neste|næste|"
    "seuraava|další|следующая|вперед|далее|下一页|下一頁|下页|次へ|次のページ|다음|التالي|הבא|sonraki",
    "|",
)
NEXT_CLASSES = (
    "next",
    "pagination-next",
    "next-page",
    "page-next",
    "nextpage",
    "older",
    "nav-next",
    "pager-next",
)
CURRENT_CLASSES = ("active", "current", "this-page", "selected", "is-active", "page-current", "current-page")
PAGE_PARAMETERS = re.compile(
    r"p|pg|page|paged|start|offset|from|skip|after|cursor|before|_next|next|token|row|begin|b|s", re.I
)
PAGE_PATH = re.compile(r"\d|page|next|older|archive", re.I)


def next_page(document: Document) -> str | None:
    """Return the XPath of the next page's @href, or None if no link leads there."""
    for xpath in _paths(document):
        found = document.select(xpath)
        if found and _leads_on(document, str(found[0])):
            return xpath
    return None


def _paths(document: Document) -> Iterator[str]:
    yield "//a[contains(concat(' ', @rel, ' '), ' next ')]/@href"
    yield "//link[contains(concat(' ', @rel, ' '), ' next ')]/@href"
    links = [element for element in document.elements if element.tag == "a" and element.get("href")]
    yield from _by_name(links)
    yield from _by_number(links)


def _by_name(links: list[Element]) -> Iterator[str]:
    for link in links:
        label = (link.get("aria-label") or "").strip()
        if _says_next(label):
            yield f"//a[@aria-label={literal(label)}]/@href"
    for link in links:
        for name in NEXT_CLASSES:
            if name in (link.get("class") or "").split():
                yield f"//a[{has_class(name)}]/@href"
            parent = link.getparent()
            if parent is not None and name in (parent.get("class") or "").split() and is_name(parent.tag):
                yield f"//{parent.tag}[{has_class(name)}]/a/@href"
    for link in links:
        text = text_of(link) if len(link) < 4 else ""
        if _says_next(text):
            yield f"//a[{has_text(text)}]/@href"
        title = (link.get("title") or "").strip()
        if _says_next(title):
            yield f"//a[@title={literal(title)}]/@href"


def _says_next(text: str) -> bool:
    if not 0 < len(text) < 40:
        return False
    if text in SIGNS:
        return True
    return re.sub(r"[^\w\s]|_", " ", text).strip().casefold() in WORDS


def _by_number(links: list[Element]) -> Iterator[str]:
    """Yield XPaths of the link whose number follows the current page's, which is marked or no link."""
    numbered = [
        link
        for link in links
        if (text := text_of(link) if len(link) < 3 else "").isdecimal() and len(text) < 6
    ]
    for link in numbered:
        holder = link
        for _ in range(3):
            before = holder.getprevious()
            if before is not None and isinstance(before.tag, str) and is_name(before.tag):
                yield from _from_current(before, holder, link)
                break
            holder = holder.getparent()
            if holder is None or holder.tag in ("body", "html"):
                break


def _from_current(before: Element, holder: Element, link: Element) -> Iterator[str]:
    """Yield XPaths of the link from the element before it, if that is the current page's number."""
    digits = "".join(char for char in text_of(before)[:40] if char.isdecimal())
    if not digits or len(digits) > 5 or int(digits) + 1 != int(text_of(link)):
        return
    inner = "" if holder is link else "/".join(["", *_tags_between(holder, link)])
    for condition in _marks(before):
        current = f"//{before.tag}[{condition}]"
        same = f"number(.) = number(preceding-sibling::{before.tag}[{condition}]) + 1"
        if holder.tag == link.tag or holder.tag == before.tag:
            yield f"{current}/following-sibling::{holder.tag}[{same}]{inner}/@href"
        yield f"{current}/following-sibling::{holder.tag}{inner}/@href"


def _tags_between(holder: Element, link: Element) -> list[str]:
    tags: list[str] = []
    node = link
    while node is not holder and node is not None:
        tags.insert(0, node.tag)
        node = node.getparent()
    return tags


def _marks(current: Element) -> Iterator[str]:
    """Yield conditions that tell the current page's number from the others."""
    if current.get("aria-current"):
        yield "@aria-current"
    if any(child.get("aria-current") for child in current.iter("*")):
        yield ".//*[@aria-current]"
    names = (current.get("class") or "").split()
    yield from (has_class(name) for name in CURRENT_CLASSES if name in names)
    if current.tag in ("span", "strong", "b", "em") and not current.get("href"):
        yield from (has_class(name) for name in classes(current))
        yield (
            f"following-sibling::a[number(.) = {int(text_of(current)) + 1}]"
            if text_of(current).isdecimal()
            else "false()"
        )
    if not any(True for _ in current.iter("a")) and current.tag == "li":
        yield "not(.//a)"


def _leads_on(document: Document, href: str) -> bool:
    """Return whether a link can lead to another page of the list: on the same site, by a number or the like."""
    href = href.strip()
    if not href or href.startswith(("#", "javascript:", "mailto:")):
        return False
    try:
        here, there = urlsplit(document.url), urlsplit(urldefrag(document.absolute(href)).url)
        if here.netloc != there.netloc or there[:4] == here[:4]:
            return False
    except ValueError:
        return False
    changed = set(parse_qsl(there.query)) - set(parse_qsl(here.query))
    if any(
        PAGE_PARAMETERS.fullmatch(name) or value.isdecimal() or len(value) > 15 for name, value in changed
    ):
        return True
    return there.path != here.path and PAGE_PATH.search(_new_part(here.path, there.path)) is not None


def _new_part(here: str, there: str) -> str:
    """Return the parts of the other path that this one does not have."""
    return "/".join(part for part in there.split("/") if part not in here.split("/"))
