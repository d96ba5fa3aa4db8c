"""The XPath of a place, relative to the record: the first one that finds the place's values in the records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crawler.suggestion import aria_grid
from crawler.suggestion.document import Element, text_of, value_of
from crawler.suggestion.labels import header_of, says
from crawler.suggestion.places import BEHIND, NO_MARK, Place, Step
from crawler.suggestion.stable_name import is_utility
from crawler.suggestion.words import words
from crawler.suggestion.xpath_text import has_class, has_text, is_name, literal

OWN_TEXT = "text()[normalize-space()]"
HEADINGS = words("h1 h2 h3 h4 h5 h6")
# Tags that a record usually has once.
TELLING = words("h1 h2 h3 h4 h5 h6 time img dt dd th summary address figure data")
ELSEWHERE = (
    0.15  # the share of records in which an XPath with a name may find a value that the place does not have
)
WRONG = 0.02  # the share of records in which an XPath may find another value


def field_path(place: Place, records: Sequence[Element]) -> tuple[str, tuple[str, ...]] | None:
    """Return an XPath that finds the place's value in all records of the sample, and what it finds there, or None.

    An XPath with a name may also find a value in a few records that have it in another place.
    """
    wanted = [" ".join(place.values.get(number, "").split()) for number in range(len(records))]
    for path in element_paths(place, records[0]):
        xpath = _value_path(path, place)
        more = ELSEWHERE if _has_name(path) else WRONG
        got = _values_if_right(records, xpath, wanted, most_more=more * len(records))
        if got is not None:
            return xpath, got
    return None


def _values_if_right(
    records: Sequence[Element], xpath: str, wanted: Sequence[str], most_more: float
) -> tuple[str, ...] | None:
    """Return what an XPath finds in the records; None if it finds too many other values than the wanted ones.

    Args:
        most_more: how many values it may find where none is wanted.
    """
    got: list[str] = []
    wrong = more = 0
    for record, other in zip(records, wanted, strict=True):
        one = " ".join(value_of(record, xpath).split())
        if other:
            wrong += one != other
        else:
            more += bool(one)
        if wrong > WRONG * len(records) or more > most_more:
            return None
        got.append(one)
    return tuple(got)


def without(path: str, characters: str) -> str:
    """Return an XPath of the text without these characters, such as those of an icon font."""
    return f"translate({path}, {literal(characters)}, '')" if characters else path


def _has_name(path: str) -> bool:
    """Return whether the XPath names its element by a class, an itemprop or a telling tag."""
    return "@" in path or path.removeprefix(".//").split("/")[0] in TELLING


def _value_path(path: str, place: Place) -> str:
    kind = place.kind
    if kind in ("text", "own"):
        found = path if kind == "text" else f"{'' if path == '.' else path + '/'}{OWN_TEXT}"
        return f"normalize-space({without(found, place.icons)})"
    if kind.startswith("line:"):
        label = literal(kind.removeprefix("line:") + ":")
        line = f"{'' if path == '.' else path + '/'}text()[starts-with(normalize-space(), {label})]"
        return f"normalize-space(substring-after({line}, ':'))"
    if kind == "after":
        return "normalize-space(following-sibling::text())"
    return kind if path == "." else f"{path}/{kind}"


def element_paths(place: Place, record: Element) -> Iterator[str]:
    """Yield XPaths of the place's element, the ones that last longest first."""
    if not place.way:
        yield "."
        return
    way = place.way
    if way[0].tag.startswith(BEHIND):
        yield from _below_element_behind(way)
        return
    if not all(is_name(step.tag) for step in way):
        return
    yield from _by_names(place, utility=False)
    if way[0].mark != NO_MARK or any(not is_utility(name) for name in way[0].classes):
        yield from _by_ancestor(way, utility=False)
    yield from _by_header(way, record)
    yield from _by_column(way, record)
    yield from _by_label(place)
    yield from _by_ancestor(way, utility=False)
    yield from _by_telling_tags(way)
    yield from _by_names(place, utility=True)
    yield from _by_ancestor(way, utility=True)
    yield from _by_tags(way)
    yield from _by_content(place)


def _below_element_behind(way: tuple[Step, ...]) -> Iterator[str]:
    start, inner = way[0].tag, way[1:]
    if not inner:
        yield start
        return
    end = inner[-1]
    for name in _class_conditions(end, utility=True):
        yield f"{start}//{end.tag}[{name}]"
    for number, step in enumerate(inner[:-1]):
        for name in _class_conditions(step, utility=True):
            yield f"{start}//{step.tag}[{name}]/{'/'.join(one.tag for one in inner[number + 1 :])}"
    yield f"{start}/{'/'.join(step.tag for step in inner)}"
    yield f"{start}//{end.tag}"


def _by_names(place: Place, utility: bool) -> Iterator[str]:
    """Yield XPaths by the element's own itemprop, data attribute and classes, or by those that say how it looks."""
    end = place.way[-1]
    if end.itemprop:
        yield f".//*[@itemprop={literal(end.itemprop)}]"
    if end.mark != NO_MARK:
        yield f".//{end.tag}[@{end.mark[0]}={literal(end.mark[1])}]"
    for condition in _class_conditions(end, utility):
        yield f".//{end.tag}[{condition}]"
    if place.kind.startswith("@data-"):
        yield f".//{end.tag}[{place.kind}]"


def _class_conditions(step: Step, utility: bool) -> Iterator[str]:
    names = [name for name in step.classes if is_utility(name) <= utility]
    names.sort(key=is_utility)
    for name in names:
        yield has_class(name)
    for name in names[1:3]:
        yield f"{has_class(names[0])} and {has_class(name)}"


def _by_header(way: tuple[Step, ...], record: Element) -> Iterator[str]:
    """Yield XPaths of a cell by the header of its column: the one case in which a position is counted."""
    cell, below = way[0], way[1:]
    if cell.tag not in ("td", "th"):
        return
    header = header_of(record, cell.position)
    if header is None or not says(header):
        return
    for heads in ("ancestor::table[1]/thead/tr/th", "../tr/th", "ancestor::table[1]//tr/th"):
        head = f"{heads}[{says(header)}]"
        # Without the header the path matches nothing: the count alone would be that of the first column.
        column = f"./*[count({head}/preceding-sibling::*)+1][{head}]"
        if not below:
            yield column
        else:
            yield f"{column}/{'/'.join(step.tag for step in below)}"
            yield f"{column}//{below[-1].tag}"


def _by_column(way: tuple[Step, ...], record: Element) -> Iterator[str]:
    """Yield XPaths of a cell of a grid of ARIA roles by the header of its column, then by the column's number."""
    number = next((number for number, step in enumerate(way) if step.role), None)
    row = aria_grid.row_in(record)
    if number is None or row is None:
        return
    cell, below = way[number], way[number + 1 :]
    ends = ["", *([f"/{'/'.join(step.tag for step in below)}", f"//{below[-1].tag}"] if below else [])]
    cells = f".//{cell.tag}[@role={literal(cell.role)}]"
    header = aria_grid.header_of(row, cell.position)
    way_to_header = None if header is None else aria_grid.way_to(header, record, number + 1)
    if header is not None and way_to_header is not None:
        condition = (
            says(header) if text_of(header) else f"@aria-label={literal(header.get('aria-label') or '')}"
        )
        head = f"{way_to_header}[{condition}]"
        count = f"count({head}/preceding-sibling::*[@role='columnheader'])+1"
        for end in ends[1:] or ends:
            yield f"{cells}[@aria-colindex={head}/@aria-colindex]{end}"
            yield f"{cells}[@aria-colindex={count}][{head}]{end}"
            yield f"({cells})[{head}][{count}]{end}"
    for end in ends[1:] or ends:
        yield f"{cells}[@aria-colindex='{cell.position + 1}']{end}"


def _by_label(place: Place) -> Iterator[str]:
    """Yield XPaths by the constant text before a value: ``dt[.='Author']``, "Author:"."""
    for number, step in enumerate(place.way):
        if not step.label:
            continue
        below = "".join(f"/{one.tag}" for one in place.way[number + 1 :])
        label = has_text(step.label)
        for tag in ("dt", "th", "label"):
            yield f".//{tag}[{label}]/following-sibling::{step.tag}{below}"
        yield f".//{step.tag}[*[{label}]]{below}"
        for tag in ("b", "strong", "span", "em", "div"):
            yield f".//{tag}[{label}]/following-sibling::{step.tag}{below}"


def _by_ancestor(way: tuple[Step, ...], utility: bool) -> Iterator[str]:
    """Yield XPaths that begin at the nearest element with a name, such as ``.//p[class price]/span``."""
    for number in range(len(way) - 2, -1, -1):
        step = way[number]
        conditions = [f"@itemprop={literal(step.itemprop)}"] if step.itemprop else []
        if step.mark != NO_MARK:
            conditions.append(f"@{step.mark[0]}={literal(step.mark[1])}")
        conditions += [*_class_conditions(step, utility)]
        for condition in conditions:
            start = f".//{step.tag}[{condition}]"
            yield f"{start}/{'/'.join(one.tag for one in way[number + 1 :])}"
            yield f"{start}//{way[-1].tag}"


def _by_telling_tags(way: tuple[Step, ...]) -> Iterator[str]:
    """Yield XPaths by tags that a record usually has once, such as h3 and time."""
    tags = [step.tag for step in way]
    if tags[-1] in TELLING:
        yield f".//{tags[-1]}"
    heading = next((number for number, tag in enumerate(tags) if tag in HEADINGS), None)
    if heading is not None:
        yield f".//{'/'.join(tags[heading:])}"


def _by_tags(way: tuple[Step, ...]) -> Iterator[str]:
    tags = [step.tag for step in way]
    if len(tags) > 1:
        yield f".//{'/'.join(tags[-2:])}"
    yield f".//{tags[-1]}"
    yield f"./{'/'.join(tags)}"


def _by_content(place: Place) -> Iterator[str]:
    """Yield XPaths by the kind of the element's content, where its tag alone finds another one, too."""
    tag = place.way[-1].tag
    short = f".//{'/'.join(step.tag for step in place.way[-2:])}"
    bases = [f".//{tag}", f"./{'/'.join(step.tag for step in place.way)}", short]
    conditions = ["normalize-space()", "not(*)", "img", "not(.//a)", "not(.//img)"]
    if place.kind in ("text", "own", "@href") and tag == "a" and place.kind == "@href":
        conditions += _link_conditions(place)
    elif tag in ("td", "th", "span", "div", "p"):
        conditions += ["a", "time", "not(a) and normalize-space()"]
    for condition in conditions:
        for base in bases:
            yield f"{base}[{condition}]"


def _link_conditions(place: Place) -> list[str]:
    """Return conditions on the address that all links of the place begin with, and on their text."""
    start = _common_start(list(place.values.values()))
    texts = set(place.links)
    conditions = [f"starts-with(@href, {literal(start)})"] if len(start) > 1 else []
    if len(texts) == 1 and (text := texts.pop()):
        conditions.append(has_text(text))
    return conditions


def _common_start(links: Sequence[str]) -> str:
    """Return the part up to a slash or question mark that all addresses begin with."""
    lowest, highest = min(links), max(links)
    length = next(
        (number for number, (one, other) in enumerate(zip(lowest, highest, strict=False)) if one != other),
        len(lowest),
    )
    start = lowest[:length]
    return start[: start.rfind("/") + 1] or start[: start.find("?") + 1]
