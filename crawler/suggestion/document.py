"""The HTML of a page as elements, with what the search needs to know about each: path, classes, length of its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit

from lxml import etree
from parsel import Selector

from crawler.suggestion.aria_grid import GRID_ROLES
from crawler.suggestion.icons import is_icon
from crawler.suggestion.stable_name import is_stable
from crawler.suggestion.words import words

Element = Any  # lxml has no types

MOST_ELEMENTS = 15_000  # of a page that are searched; later ones only count as records
MOST_CLASSES = 16  # of an element
NOISE = words("script style template noscript head meta link svg math iframe object select datalist")
SPACE = re.compile("[ \t\r\n]+")  # what normalize-space() of XPath replaces


@dataclass
class Document:
    """A parsed page.

    ``elements`` are in the order of the page, without those of scripts, styles and the like. ``text_length`` has, for
    each of them, the characters of its text (without icons and without white space around the parts), and ``path`` a
    number that is the same for elements with the same tags from the root. ``around_icons`` has the elements with an
    icon inside whose text is not theirs.
    """

    root: Element
    url: str
    complete_root: Element | None = None  # of a large page, whose end is not in ``root``
    elements: list[Element] = field(default_factory=list)
    text_length: dict[Element, int] = field(default_factory=dict)
    path: dict[Element, int] = field(default_factory=dict)
    around_icons: set[Element] = field(default_factory=set)

    @cached_property
    def base(self) -> str:
        """Return the URL against which the page's links are resolved."""
        found = self.root.xpath("string(//base/@href)")
        return self.absolute(str(found).strip(), self.url) if found else self.url

    @cached_property
    def heads(self) -> set[Element]:
        """Return the elements around the headers of the columns of a grid: they look like its rows."""
        headers = (element for element in self.elements if element.get("role") == "columnheader")
        return {above for header in headers for above in islice(header.iterancestors(), 3)}

    @cached_property
    def grids(self) -> set[Element]:
        """Return the grids that are made of ARIA roles and have headers."""
        headers = (element for element in self.elements if element.get("role") == "columnheader")
        grids = (
            next((above for above in header.iterancestors() if above.get("role") in GRID_ROLES), None)
            for header in headers
        )
        return {grid for grid in grids if grid is not None}

    @cached_property
    def body(self) -> Element:
        """Return the element with the page's text: body, or the root if the page has none."""
        return next((element for element in self.elements if element.tag == "body"), self.root)

    def absolute(self, href: str, base: str | None = None) -> str:
        """Return the absolute URL of a link, or the link itself if it is no URL."""
        try:
            return urljoin(self.base if base is None else base, href)
        except ValueError:
            return href

    def is_same_site(self, href: str) -> bool:
        """Return whether a link leads to the page's host and port."""
        try:
            return urlsplit(self.absolute(href)).netloc == urlsplit(self.url).netloc
        except ValueError:
            return False

    def select(self, xpath: str) -> list[Any]:
        """Return what the XPath finds on the page: elements or texts, or nothing if it is invalid."""
        return evaluate(self.root, xpath)

    def count(self, xpath: str) -> int:
        """Return how many elements the XPath finds on the complete page."""
        return len(evaluate(self.root if self.complete_root is None else self.complete_root, xpath))


def parse(html: str, url: str) -> Document:
    """Return the page as a spider's callback gets it: parsed by parsel. Of a large page the beginning is enough."""
    document = Document(_root(html), url)
    elements = list(islice(_elements(document.root), MOST_ELEMENTS))
    document.elements = elements
    if len(elements) == MOST_ELEMENTS:
        document.complete_root = _root(html)
        _cut_after(elements[-1])
    numbers: dict[tuple[int, str], int] = {}
    for element in elements:
        step = (document.path.get(element.getparent(), -1), element.tag)
        document.path[element] = numbers.setdefault(step, len(numbers))
    lengths = document.text_length
    for element in reversed(elements):
        parent = element.getparent()
        if is_icon(element) or element in document.around_icons:
            document.around_icons.add(parent)
        length = lengths.get(element, 0) + (0 if is_icon(element) else len((element.text or "").strip()))
        length += sum(len((child.tail or "").strip()) for child in element)
        lengths[element] = length
        if parent is not None:
            lengths[parent] = lengths.get(parent, 0) + length
    return document


def _root(html: str) -> Element:
    try:
        return Selector(text=html, type="html").root
    except (ValueError, UnicodeError):  # lone surrogates
        return Selector(text=html.encode("utf-8", "replace").decode("utf-8", "replace"), type="html").root


def _cut_after(element: Element) -> None:
    """Remove everything after an element from its tree."""
    del element[:]
    while (parent := element.getparent()) is not None:
        del parent[parent.index(element) + 1 :]
        element = parent


def _elements(root: Element) -> Iterator[Element]:
    """Yield the elements of a tree in the order of the page, without noise, and without recursion: it may be deep."""
    stack = [root]
    while stack:
        element = stack.pop()
        if is_noise(element):
            continue
        yield element
        stack.extend(reversed(element))


def is_noise(element: Element) -> bool:
    """Return whether an element is a comment, a processing instruction or a script, and no property of microdata."""
    if not isinstance(element.tag, str):
        return True
    return element.tag in NOISE and not (element.tag in ("meta", "link") and element.get("itemprop"))


def children(element: Element) -> list[Element]:
    """Return the element's children without noise."""
    return [child for child in element if not is_noise(child)]


def classes(element: Element) -> tuple[str, ...]:
    """Return the element's classes that will be the same after the site's next build."""
    return _stable_classes((element.get("class") or "")[:1000])


@lru_cache(maxsize=10_000)
def _stable_classes(text: str) -> tuple[str, ...]:
    names = dict.fromkeys(text.split()[:MOST_CLASSES])
    return tuple(name for name in names if is_stable(name))


def text_of(element: Element) -> str:
    """Return the text of an element as ``normalize-space(.)`` does."""
    return str(_TEXT(element))


def own_texts(element: Element) -> list[str]:
    """Return the texts directly in the element, between its children, without blank ones."""
    texts = [element.text or "", *(child.tail or "" for child in element)]
    return [text for one in texts if (text := SPACE.sub(" ", one).strip(" \t\r\n"))]


def is_glued(element: Element) -> bool:
    """Return whether the text of an element joins words of several elements: "Anonymous", "v1.0", "Published".

    A number and its unit ("3", "kg") may be joined once, and text without capital and small letters always.
    """
    joints, before = 0, ""
    for text in element.itertext():
        if text[:1].islower() or text[:1].isupper():
            joints += 2 if before[-1:].islower() or before[-1:].isupper() else before[-1:].isdigit()
        before = text or before
    return joints > 1


def evaluate(element: Element, xpath: str) -> list[Any]:
    """Return what an XPath finds from the element; a text is a list of one, and an invalid XPath finds nothing."""
    compiled = _compiled(xpath)
    if compiled is None:
        return []
    try:
        found = compiled(element)
    except etree.XPathError:
        return []
    return found if isinstance(found, list) else [found]


def value_of(element: Element, xpath: str) -> str:
    """Return the text that a spider gets by ``element.xpath(xpath).get()``, without white space around it."""
    found = evaluate(element, xpath)
    return str(found[0]).strip() if found and not hasattr(found[0], "tag") else ""


@lru_cache(maxsize=20_000)
def _compiled(xpath: str) -> Any:
    try:
        return etree.XPath(xpath, smart_strings=False)
    except (etree.XPathError, ValueError):
        return None


_TEXT = etree.XPath("normalize-space(.)", smart_strings=False)
