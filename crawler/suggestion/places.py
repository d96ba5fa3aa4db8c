"""The places inside records that have values: a place in every record is one ``Place``."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from crawler.suggestion import aria_grid
from crawler.suggestion.document import Document, Element, children, classes, is_glued, own_texts, text_of
from crawler.suggestion.icons import icons_in, is_only_icons, shown_text, without_icons
from crawler.suggestion.labels import label_of
from crawler.suggestion.stable_name import is_stable
from crawler.suggestion.words import words
from crawler.suggestion.xpath_text import is_name

SAMPLE = 60  # records that are looked at
MOST_DEPTH = 24  # levels below a record
MOST_INSIDE = 500  # elements of a record
LONGEST = 20_000  # characters of a text
SHARED = 0.6  # the share of records that have a class, a label or a value
NO_MARK = ("", "")
MARKS = words(
    "col-id data-testid data-test data-qa data-cy data-field data-column data-col data-label data-title data-th "
    "data-name data-key tabulator-field headers field slot part"
)
MARK_VALUE = re.compile(r"[A-Za-z][A-Za-z0-9_. -]{1,39}")
BEHIND = "following-sibling::*[1][self::"  # the step to the element behind a record that belongs to it
WITH_ELEMENT_BEHIND = words("dt tr h2 h3 h4 h5 h6")
LABELLED = re.compile(r"([^\W\d][^:]{0,28}):\s+(\S.*)")  # "Price: 5.00"
CELLS = ("td", "th")
WHOLE_TEXTS = words("td th dd dt h1 h2 h3 h4 h5 h6 p a li time div span")
NO_LINK = re.compile(
    r"javascript:|#(?![/!])", re.IGNORECASE
)  # "#/films/1" is a page of a JavaScript application
# Attributes that count the elements of a list: another sort order changes them.
COUNTER = re.compile(r"data-(?:[\w-]+-)?(?:\w*index|idx|position|focuszone-id)")
ATTRIBUTES = words("src data-src datetime content value title alt aria-label")


@dataclass(frozen=True)
class Step:
    """An element on the way from a record to a value. ``position`` counts equal steps below one parent."""

    tag: str
    classes: tuple[str, ...]
    itemprop: str
    mark: tuple[
        str, str
    ]  # an attribute that names the value, such as data-testid="price"; or two empty texts
    label: str
    position: int
    role: str = ""  # of a cell of a grid of ARIA roles

    @property
    def is_cell(self) -> bool:
        return self.tag in CELLS or bool(self.role)


@dataclass(eq=False)
class Place:
    """A place in the records: the elements on the way to it, and ``"text"``, ``"own"`` (the first text that is
    directly in the element), ``"after"`` (the text after the record) or ``"@name"``."""

    way: tuple[Step, ...]
    kind: str
    values: dict[int, str] = field(default_factory=dict)  # by the number of the record
    own_parts: list[int] = field(default_factory=list)  # how many texts are directly in the element
    links: list[str] = field(default_factory=list)  # the texts of the elements of an @href
    glued: int = 0  # in how many records the text is that of several elements without a space between them
    icons: str = ""  # the private-use characters in its texts, which are not in its values

    @property
    def end(self) -> Step | None:
        """Return the element of the value; None for the record itself."""
        return self.way[-1] if self.way else None


def places(document: Document, records: Sequence[Element], shared: float = SHARED) -> list[Place]:
    """Return the places of the first records, in the order of the page.

    Args:
        shared: the share of records that have to have a class, a label or an attribute that names a place.
    """
    return _Collection(document, records[:SAMPLE], shared).places()


class _Collection:
    def __init__(self, document: Document, records: Sequence[Element], shared: float) -> None:
        self.document = document
        self.least = shared * len(records)  # records
        self.records = records
        self.behind = _tag_behind(records)
        self.inside = [list(_inside(record, self.behind)) for record in records]
        self.uses: Counter[str] = Counter()  # the elements of each class
        self.cell_classes: set[str] = set()
        self.shared_classes = self._shared_classes()
        self.shared_labels = self._shared_labels()
        self.shared_marks = self._shared_marks()
        self.found: dict[tuple[tuple[Step, ...], str], Place] = {}

    def places(self) -> list[Place]:
        for number, record in enumerate(self.records):
            self._read(number, (), record)
            ways: dict[Element, tuple[Step, ...]] = {record: ()}
            seen: Counter[tuple[Element, Step]] = Counter()
            for element in self.inside[number]:
                way = ways.get(element.getparent(), ())
                step = self._step(element)
                if element.getparent() not in ways:
                    step = Step(f"{BEHIND}{self.behind}]", step.classes, step.itemprop, NO_MARK, "", 0)
                if not step.is_cell:
                    among = (element.getparent(), step)
                    step = replace(step, position=seen[among])
                    seen[among] += 1
                ways[element] = (*way, step)
                self._read(number, ways[element], element)
        return [place for place in self.found.values() if not self._counts_rows(place)]

    def _counts_rows(self, place: Place) -> bool:
        """Return whether an attribute of the rows of a grid is their number: 0, 1, 2 and so on."""
        if place.way or not place.kind.startswith("@data-") or not aria_grid.is_row(self.records[0]):
            return False
        return all(value == str(number) for number, value in place.values.items())

    def _step(self, element: Element) -> Step:
        # A class that a record has once says more than one that it has on each cell.
        role = element.get("role") if aria_grid.is_cell(element) else ""
        is_cell = element.tag in CELLS or bool(role)
        shared = self.cell_classes if is_cell else self.shared_classes
        own = shared & {*classes(element)}
        if role:  # a class that all cells have would find the first one
            own = {name for name in own if self.uses[name] <= 1.1 * len(self.records)}
        names = tuple(sorted(own, key=lambda name: (self.uses[name], "__" not in name, len(name), name)))
        label = label_of(element)
        label = label if label in self.shared_labels else ""
        position = _cell_number(element) if is_cell else 0
        mark = next((mark for mark in marks(element) if mark in self.shared_marks), NO_MARK)
        return Step(element.tag, names, element.get("itemprop") or "", mark, label, position, role)

    def _read(self, number: int, way: tuple[Step, ...], element: Element) -> None:
        """Note the texts and attributes of an element of a record."""
        for name, value in element.attrib.items():
            if value.strip() and _is_wanted(element, str(name), value, is_record=not way):
                place = self._note(number, way, f"@{name}", value.strip())
                if name == "href" and place is not None:
                    place.links.append(
                        shown_text(element) if self.document.text_length.get(element, 0) < 500 else ""
                    )
        if not way and _is_inline_list(element) and (text := (element.tail or "").strip()):
            self._note(number, way, "after", " ".join(text.split()))
        if not 0 < self.document.text_length.get(element, 0) <= LONGEST:
            return
        own = [text for text in own_texts(element) if not is_only_icons(text)]
        lines = [found for text in own if (found := LABELLED.fullmatch(text))]
        for line in lines:
            self._note(number, way, f"line:{line[1]}", line[2])
        if lines and any(child.tag == "br" for child in element):
            return
        # The text of an element around an icon has the icon's word in it.
        if (own or element.tag in WHOLE_TEXTS) and element not in self.document.around_icons:
            place = self._note(number, way, "text", text_of(element))
            if place is not None:
                place.own_parts.append(len(own))
                place.glued += not own and is_glued(element)
        if own and children(element):
            self._note(number, way, "own", own[0])

    def _note(self, number: int, way: tuple[Step, ...], kind: str, value: str) -> Place | None:
        place = self.found.setdefault((way, kind), Place(way, kind))
        if number in place.values:
            return None
        if kind in ("text", "own") and (icons := icons_in(value)):
            place.icons = "".join(dict.fromkeys(place.icons + icons))
            value = " ".join(without_icons(value).split())
        place.values[number] = value
        return place

    def _shared_classes(self) -> set[str]:
        """Return the classes that most records have, without variants: "Three" of ``star-rating Three``."""
        having: Counter[str] = Counter()
        beside: dict[str, Counter[str]] = defaultdict(Counter)
        for inside in self.inside:
            of_record: set[str] = set()
            for element in inside:
                names = classes(element)
                of_record.update(names)
                for name in names:
                    self.uses[name] += 1
                    beside[name].update(names)
            having.update(of_record)
        most = len(self.records)
        # The column tells a cell from the others, so classes that only some of its cells have are variants.
        self.cell_classes = {name for name, number in having.items() if number >= 0.95 * most}
        shared = {name for name, number in having.items() if number >= self.least}
        return {name for name in shared if not self._is_variant(name, shared, having, beside)}

    def _is_variant(
        self,
        name: str,
        shared: set[str],
        having: Counter[str],
        beside: dict[str, Counter[str]],
    ) -> bool:
        """Return whether all elements of the class have another class that is once in more records."""
        return any(
            other in shared
            and number == self.uses[name]
            and having[other] > having[name]
            and self.uses[other] <= 1.1 * having[other]
            for other, number in beside[name].items()
        )

    def _shared_labels(self) -> set[str]:
        having: Counter[str] = Counter()
        for inside in self.inside:
            having.update({label for element in inside if (label := label_of(element))})
        return {label for label, number in having.items() if number >= self.least}

    def _shared_marks(self) -> set[tuple[str, str]]:
        """Return the marks that most records have, or at least two of them, and none of them often."""
        having: Counter[tuple[str, str]] = Counter()
        uses: Counter[tuple[str, str]] = Counter()
        for inside in self.inside:
            here = [mark for element in inside for mark in marks(element)]
            uses.update(here)
            having.update(set(here))
        return {
            mark
            for mark, number in having.items()
            if number >= max(self.least, 2) and uses[mark] <= 1.2 * number
        }


def marks(element: Element) -> list[tuple[str, str]]:
    """Return the attributes of an element that may say what it holds, the telling ones first."""
    found = []
    for name, value in element.attrib.items():
        telling = name in MARKS or (name.startswith("data-") and is_name(name))
        if telling and MARK_VALUE.fullmatch(value) and is_stable(value):
            found.append((str(name), str(value)))
    return sorted(found, key=lambda mark: mark[0] not in MARKS)


def _tag_behind(records: Sequence[Element]) -> str | None:
    """Return the tag of the elements behind the records that belong to them: the description of a term, a second row.

    A row with as many cells as its record is another record, as in tables with dark and light rows.
    """
    if not records or records[0].tag not in WITH_ELEMENT_BEHIND:
        return None
    here = set(records)
    tags: Counter[str] = Counter()
    for record in records:
        behind = record.getnext()
        if behind is not None and behind not in here and isinstance(behind.tag, str) and is_name(behind.tag):
            tags[behind.tag] += behind.tag != "tr" or len(behind) != len(record)
    tag, number = max(tags.items(), key=lambda one: one[1], default=("", 0))
    return tag if number >= 0.8 * len(records) else None


def _inside(record: Element, behind: str | None) -> Iterator[Element]:
    """Yield the elements inside a record, and those of the element behind it that belongs to it."""
    stack = [(child, 1) for child in reversed(children(record))]
    if behind is not None and (following := record.getnext()) is not None and following.tag == behind:
        stack.insert(0, (following, 1))
    for _ in range(MOST_INSIDE):
        if not stack:
            return
        element, depth = stack.pop()
        yield element
        if depth < MOST_DEPTH:
            stack.extend((child, depth + 1) for child in reversed(children(element)))


def _cell_number(cell: Element) -> int:
    """Return how many cells of the row are before this one."""
    if cell.tag not in CELLS:
        return aria_grid.column_of(cell)
    return sum(1 for before in cell.itersiblings(*CELLS, preceding=True))


def _is_inline_list(element: Element) -> bool:
    return (
        element.tag == "a"
        and element.getparent() is not None
        and element.getparent().tag in ("pre", "p", "td")
    )


def _is_wanted(element: Element, name: str, value: str, is_record: bool) -> bool:
    """Return whether an attribute can be a field."""
    if len(value) > 2000:
        return False
    if name == "href":
        return element.tag in ("a", "area", "link") and not NO_LINK.match(value)
    if name == "value":
        return element.tag in ("data", "li", "meter", "progress", "input")
    if COUNTER.fullmatch(name):
        return False
    if name.startswith("data-"):
        return len(value) <= 200 and value[0] not in "{[<" and not name.startswith(("data-v-", "data-react"))
    if name == "id":
        return is_record and any(char.isdigit() for char in value) and not aria_grid.is_row(element)
    return name in ATTRIBUTES
