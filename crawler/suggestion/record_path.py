"""The XPath of a group of records: the shortest one that finds these elements and no others."""

from __future__ import annotations

from collections.abc import Iterator

from crawler.suggestion.document import Document, Element, children, classes
from crawler.suggestion.groups import Group
from crawler.suggestion.places import marks
from crawler.suggestion.stable_name import is_general, is_numbered, is_stable, is_utility
from crawler.suggestion.xpath_text import has_class, is_name, literal

MOST_STEPS = 8  # ancestors that an XPath may name
MOST_ANCHORS = 100
LANDMARKS = frozenset(("main", "article", "table", "dl"))
# Their parent is the list. A class that all of them have on one page may be that of a state or a kind of record, and
# records of another page may have another one.
ITEMS = frozenset(("tr", "li"))


def record_path(document: Document, group: Group) -> str | None:
    """Return the XPath of the group's elements; None if none of the XPaths finds exactly them, or nearly."""
    wanted = set(group.elements)
    nearest: tuple[float, str] | None = None
    for xpath in _paths(document, group):
        found = set(document.select(xpath))
        if found == wanted:
            return xpath
        missing, more = len(wanted - found), len(found - wanted)
        share = (missing + more) / len(wanted)
        if share <= 0.2 and (nearest is None or share < nearest[0]):
            nearest = share, xpath
    return nearest[1] if nearest else None


def _paths(document: Document, group: Group) -> Iterator[str]:
    if group.tag in ITEMS:
        yield from _paths_of_items(document, group)
    plain = list(dict.fromkeys(_plain_paths(document, group)))
    yield from plain
    for condition in _inside(group):
        for xpath in plain:
            yield f"{xpath}[{condition}]"


def _paths_of_items(document: Document, group: Group) -> Iterator[str]:
    """Yield XPaths of all items of a list that has a name, whatever their classes are."""
    anchored = [path for path in _below_ancestors(document, group, [""]) if not path.startswith("//body")]
    yield from anchored
    if group.tag == "tr":
        yield from (f"{path}[td]" for path in anchored)


def _plain_paths(document: Document, group: Group) -> Iterator[str]:
    """Yield XPaths by the records' own attributes, then by an ancestor's."""
    tag = group.tag
    if not is_name(tag):
        return
    named, looks = _own_conditions(group)
    yield from (f"//{tag}[{condition}]" for condition in named)
    yield from _below_ancestors(document, group, [*named, ""])
    yield from (f"//{tag}[{condition}]" for condition in looks)
    yield from _below_ancestors(document, group, looks)


def _below_ancestors(document: Document, group: Group, conditions: list[str]) -> Iterator[str]:
    """Yield XPaths that begin at an ancestor with an id, a class or a telling tag, else at body."""
    ends = [f"{group.tag}[{condition}]" if condition else group.tag for condition in conditions]
    if group.tag == "a" and "" in conditions:  # the first link of a listing of files
        ends.append("a[not(@href='../')]")
    if not ends:
        return
    # A browser puts tbody into a table whose HTML has none, so no XPath has a step from table to tr.
    way = "//" if group.tag == "tr" else "/"
    for ancestor in _ancestors(group):
        for anchor in _anchors(ancestor):
            yield from (f"{anchor}{way}{end}" for end in ends)
            # Many elements with a "//" behind them take a time that grows with their square.
            if way != "//" and len(document.select(anchor)) <= MOST_ANCHORS:
                yield f"{anchor}//{ends[0]}"
        if not is_name(ancestor.tag):
            way = "//"
        elif ancestor.tag not in ("tbody", "thead"):
            way = f"{'//' if ancestor.tag == 'tr' else '/'}{ancestor.tag}{way}"
    yield from (f"//body{way}{end}" for end in ends)
    yield from (f"//body//{end}" for end in ends)


def _own_conditions(group: Group) -> tuple[list[str], list[str]]:
    """Return conditions that all records meet: by what they are, and by classes that say how they look."""
    first, sample = group.elements[0], group.elements[:200]
    named = []
    kind = first.get("itemtype")
    if kind and all(element.get("itemtype") == kind for element in sample):
        named.append(f"@itemtype={literal(kind)}")
    for name, value in marks(first):
        if all(element.get(name) == value for element in sample):
            named.append(f"@{name}={literal(value)}")
    shared = [name for name in classes(first) if all(name in classes(element) for element in sample)]
    if group.class_name is not None and group.class_name not in shared:
        shared.insert(0, group.class_name)
    # "row" of "row-even row row-level-0" is the name, the others are its states.
    blocks = {name for name in shared if any(one.startswith(f"{name}-") for one in shared)}
    shared.sort(key=lambda name: (is_utility(name), name not in blocks))
    named += [has_class(name) for name in shared if not is_utility(name)]
    for name in first.attrib:
        is_data = (name.startswith("data-") or name == "itemscope") and is_name(name) and is_stable(name)
        if is_data and all(name in element.attrib for element in sample):
            named.append(f"@{name}")
    role = first.get("role")
    if role and role.isalpha() and all(element.get("role") == role for element in sample):
        named.append(f"@role={literal(role)}")
    looks = [has_class(name) for name in shared if is_utility(name)]
    looks += [f"{has_class(shared[0])} and {has_class(name)}" for name in shared[1:4]]
    return named, looks


def _ancestors(group: Group) -> Iterator[Element]:
    """Yield the ancestors of the first record, from its parent to below body."""
    ancestor = group.elements[0].getparent()
    for _ in range(MOST_STEPS):
        if ancestor is None or ancestor.tag in ("html", "body"):
            return
        yield ancestor
        ancestor = ancestor.getparent()


def _anchors(element: Element) -> Iterator[str]:
    """Yield XPaths from the root that name the element by its id, its classes or its tag."""
    tag, identifier = element.tag, element.get("id") or ""
    if is_stable(identifier) and not is_numbered(identifier):
        yield f"//{tag}[@id={literal(identifier)}]"
    for name in sorted(classes(element), key=lambda name: (is_utility(name), is_general(name))):
        if not is_numbered(name):
            yield f"//{tag}[{has_class(name)}]"
    if tag in LANDMARKS:
        yield f"//{tag}"


def _inside(group: Group) -> Iterator[str]:
    """Yield conditions on what is inside a record, which headings and totals of the same tag do not have."""
    if group.tag == "tr":
        yield "td"
        yield "not(th)"
    if group.elements[0].get("role") == "row":
        yield "not(.//*[@role='columnheader'])"
    inside = [{child.tag for child in children(element)} for element in group.elements[:50]]
    for tag in sorted(set.union(*inside)):
        if is_name(tag) and sum(tag in tags for tags in inside) >= 0.95 * len(inside):
            yield tag
    deeper = [{below.tag for below in element.iter("*")} for element in group.elements[:50]]
    if all("a" in tags for tags in deeper):
        yield ".//a"
    for tag in ("h2", "h3", "h4", "img", "time"):
        if all(tag in tags for tags in deeper):
            yield f".//{tag}"
