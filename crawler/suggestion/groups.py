"""Groups of elements that may be the records of a page: siblings, or elements with one path, of one tag and class."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from statistics import median_low
from typing import Any

from crawler.suggestion.aria_grid import CELL_ROLES, grid_of, has_records, is_row
from crawler.suggestion.document import Document, Element, classes
from crawler.suggestion.words import words

MOST_GROUPS = 30  # that are looked at in detail
MOST_LEVELS = 20  # between a cell and an element in it
MOST_PARENTS = 12  # whose children are groups of their own
# Parts of a text, a table or a form are no records.
NO_RECORDS = words(
    "html head body b i em strong code small sub sup u s font br hr label button input textarea select option optgroup "
    "img picture source video audio canvas col colgroup caption td th thead tbody tfoot kbd mark abbr wbr pre "
    "h1 figcaption legend nav footer header main form"
)
# The words in class, id and role of what is no list of records.
MENUS = words(
    "nav navbar navigation menu menubar menuitem sidebar footer header breadcrumb breadcrumbs pagination pager "
    "paginator pages toc toctree filter filters facet facets dropdown tabs tablist social share cookie carousel "
    "toolbar banner contentinfo topbar masthead submenu sitemap languages object-tools actions tagcloud"
)
PAGERS = words("pagination pager paginator pages load")  # of these, and of a button that loads more
IN_MENU, IN_FORM = 0.1, 0.5  # factors of the score of records there
PARENT_FOLDERS = ("..", "../")
MENU_TAGS = frozenset(("nav", "footer", "header", "aside", "menu", "form"))


@dataclass(frozen=True, eq=False)
class Group:
    """Elements of one tag, and the class that they share, or None."""

    elements: tuple[Element, ...]
    tag: str
    class_name: str | None
    text_length: int  # characters of all records
    scattered: bool  # in different places of the page
    penalty: float  # the factor of its score, from 0 to 1


def groups(document: Document) -> list[Group]:
    """Return the groups of a page that are worth a look, the largest texts first."""
    found: dict[tuple[int, ...], Group] = {}
    judged: dict[Element, float] = {}
    for elements, class_name in _alike(document):
        identity = (len(elements), id(elements[0]), id(elements[-1]))
        if len(elements) < 2:
            continue
        length = sum(document.text_length[element] for element in elements)
        if identity in found and (class_name is None or found[identity].class_name is not None):
            continue
        if length < 2 * len(elements) or not _differ(document, elements):
            continue
        penalty = median_low(
            _penalty(document, element, judged) for element in elements[:: len(elements) // 9 + 1]
        )
        scattered = len({document.path[element] for element in elements}) > 1
        found[identity] = Group(tuple(elements), elements[0].tag, class_name, length, scattered, penalty)
    return sorted(found.values(), key=_promise, reverse=True)[:MOST_GROUPS]


def _promise(group: Group) -> float:
    """Return a first score: much text, but not all of it in one record."""
    number = min(len(group.elements), 50)
    return float(group.penalty * group.text_length**0.5 * number**0.5)


def _alike(document: Document) -> Iterator[tuple[list[Element], str | None]]:
    """Yield lists of at least two elements of the same tags from the root, also by parent and by class."""
    yield from _scattered(document)
    by_path: dict[int, list[Element]] = defaultdict(list)
    for element in document.elements:
        if _may_be_record(document, element):
            by_path[document.path[element]].append(element)
    for same_path in by_path.values():
        if len(same_path) < 2:
            continue
        yield same_path, None
        yield from _by_class(same_path)
        by_parent: dict[Element, list[Element]] = defaultdict(list)
        for element in same_path:
            by_parent[element.getparent()].append(element)
        if 1 < len(by_parent) <= MOST_PARENTS:
            for siblings in by_parent.values():
                if len(siblings) > 1:
                    yield siblings, None
                    yield from _by_class(siblings)


def _may_be_record(document: Document, element: Element) -> bool:
    if element.tag in NO_RECORDS or not document.text_length[element] or element in document.heads:
        return False
    if element.get("href") in PARENT_FOLDERS:
        return False
    if is_row(element):
        return has_records(element)
    if document.grids and _is_in_cell(document, element):
        return False
    return element.tag != "tr" or any(cell.tag == "td" for cell in element)  # no rows of headers


def _is_in_cell(document: Document, element: Element) -> bool:
    """Return whether an element is a cell of a grid with headers, or inside of one."""
    around = chain([element], islice(element.iterancestors(), MOST_LEVELS))
    cell = next((one for one in around if one.get("role") in CELL_ROLES), None)
    return cell is not None and grid_of(cell) in document.grids


def _scattered(document: Document) -> Iterator[tuple[list[Element], str | None]]:
    """Yield the elements of one class, articles and items of microdata that are in different places of the page."""
    having: dict[tuple[str, str | None], list[Element]] = defaultdict(list)
    for element in document.elements:
        if not _may_be_record(document, element):
            continue
        if element.tag == "article":
            having[element.tag, None].append(element)
        for name in classes(element):
            having[element.tag, name].append(element)
    for (_, shared), some in having.items():
        if len(some) > 1 and len({document.path[element] for element in some}) > 1:
            yield _outermost(some), shared


def _outermost(elements: list[Element]) -> list[Element]:
    """Return the elements that are not inside another one of them, such as the answers to a comment."""
    all_of_them = set(elements)
    return [
        one for one in elements if not any(above in all_of_them for above in islice(one.iterancestors(), 12))
    ]


def _by_class(elements: list[Element]) -> Iterator[tuple[list[Element], str | None]]:
    """Yield the elements of each class that at least two of them have."""
    having: dict[str, list[Element]] = defaultdict(list)
    for element in elements:
        for name in classes(element):
            having[name].append(element)
    for name, some in having.items():
        if len(some) > 1:
            yield some, name


def _differ(document: Document, elements: list[Element]) -> bool:
    """Return whether the elements are not all of one short text, such as "Add to basket"."""
    lengths = Counter(document.text_length[element] for element in elements)
    if len(lengths) > 1:
        return True
    return len({"".join(element.itertext()).strip() for element in elements[:20]}) > 1


def _penalty(document: Document, element: Element, judged: dict[Element, float]) -> float:
    """Return the factor for a group inside a menu, a footer or a form. A folder of half of the page is no menu."""
    half = document.text_length.get(document.body, 0) / 2
    way: list[Any] = []
    node = element
    while node is not None and node not in judged:
        way.append(node)
        node = node.getparent()
    factor = 1.0 if node is None else judged[node]
    for node in reversed(way):
        if is_menu(node) and (document.text_length.get(node, 0) < half or node.tag in ("nav", "footer")):
            factor = min(factor, IN_FORM if node.tag == "form" else IN_MENU)
        judged[node] = factor
    return factor


def is_menu(element: Element) -> bool:
    """Return whether an element is a menu, a header, a footer or the like by its tag, role, id or classes."""
    return element.tag in MENU_TAGS or not MENUS.isdisjoint(_names(element, "role", "id", "class"))


def is_pager(element: Element) -> bool:
    """Return whether an element has the links to the other pages of a list by its names."""
    return not PAGERS.isdisjoint(_names(element, "role", "id", "class", "aria-label"))


def _names(element: Element, *attributes: str) -> list[str]:
    text = " ".join(element.get(name) or "" for name in attributes)[:500].lower()
    return text.replace("-", " ").replace("_", " ").split()
