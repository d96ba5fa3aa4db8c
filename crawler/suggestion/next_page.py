"""The link to the next page of a list: by rel=next, then by its name, then by the numbers of the pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import islice
from urllib.parse import parse_qsl, urldefrag, urljoin, urlsplit

from w3lib.url import safe_url_string

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
MOST_LINKS = 5000  # of a page, whose names are read
LONGEST_URL = 2000
PAGE_PATH = re.compile(r"\d|page|next|older|archive", re.I)


def next_page(document: Document) -> str | None:
    """Return the XPath of the next page's @href, or None if no link leads there."""
    for xpath in _paths(document):
        found = document.select(xpath)
        if found and _leads_on(document, str(found[0])):
            return xpath
    return None


def next_page_on(first: Document, second: Document) -> str | None:
    """Return the XPath of the next page's @href that leads on from the first and from the second page of a list.

    On the first page, names such as "next page" may find the right link only because there is none to a page before.
    If the second page is the last one, an XPath without a link that leads back is returned.
    """
    target = _target(first, next_page(first))
    if target is None:
        return None
    paths = [xpath for xpath in dict.fromkeys(_paths(first)) if _target(first, xpath) == target]
    later = {xpath: _target(second, xpath) for xpath in paths}
    seen = {urldefrag(first.url).url, urldefrag(second.url).url, target}

    def leads_back(url: str) -> bool:
        return url == urldefrag(first.url).url or _is_before(url, target)

    for xpath, url in later.items():
        if url is not None and url not in seen and not leads_back(url) and _leads_on(second, url):
            return xpath
    return next((xpath for xpath, url in later.items() if url is None or not leads_back(url)), paths[0])


def next_link_left(root: Element, url: str, base: str, requested: Collection[str]) -> str | None:
    """Return the URL of a link to the next page that is not among the requested ones; None if there is none.

    Args:
        root: of the page's HTML.
        url: of the page.
        base: the URL against which its links are resolved.
        requested: the URLs of the page's requests.
    """
    seen = {urldefrag(one).url for one in (url, *requested)}
    for link in islice(root.iter("a", "link"), MOST_LINKS):
        href = (link.get("href") or "").strip()
        if not href or not _is_named_next(link):
            continue
        try:
            there = urldefrag(safe_url_string(urljoin(base, href))).url
        except ValueError:
            continue
        if (
            there not in seen
            and len(there) <= LONGEST_URL
            and _is_on(url, there)
            and not _is_before(there, url)
        ):
            return there
    return None


def _is_named_next(link: Element) -> bool:
    if "next" in (link.get("rel") or "").split():
        return True
    if link.tag != "a":
        return False
    texts = (link.get("aria-label"), link.get("title"), text_of(link) if len(link) < 4 else "")
    return any(_says_next((text or "").strip()) for text in texts)


def _target(document: Document, xpath: str | None) -> str | None:
    """Return the absolute URL of the first link that an XPath finds."""
    found = document.select(xpath) if xpath is not None else []
    return urldefrag(document.absolute(str(found[0]).strip())).url if found else None


def _is_before(url: str, target: str) -> bool:
    """Return whether two URLs differ in numbers only, and those of the first one are lower: ?page=1 and ?page=2."""
    texts, numbers = zip(*(_split(one) for one in (url, target)), strict=True)
    return bool(texts[0] == texts[1] and numbers[0] < numbers[1])


def _split(url: str) -> tuple[list[str], list[int]]:
    """Return the texts of a URL between its numbers, and the numbers."""
    parts = re.split(r"(\d+)", url, flags=re.ASCII)
    return parts[::2], [int(digits[:18]) for digits in parts[1::2]]


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
    return _is_on(document.url, document.absolute(href))


def _is_on(url: str, other: str) -> bool:
    """Return whether another URL is on the same site and differs by a number or the like."""
    try:
        here, there = urlsplit(url), urlsplit(urldefrag(other).url)
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
