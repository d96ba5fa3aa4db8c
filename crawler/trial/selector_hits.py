"""How often each XPath and CSS selector of a project's files matched something, during a trial of a spider."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from parsel import Selector

from crawler.yaml_site.nodes import PlacedText

_OURS = f"{Path(__file__).parents[1]}/"  # in the checkout it is in the folder of the project
_OF_FIELD = re.compile(r"\.(?:xpath|css)$")
# An XPath, perhaps in calls and brackets, whose first step is out of its element.
LEAVES = re.compile(
    r"(?:[\w-]*\()*\s*(?:\./)?(?:\.\.|(?:ancestor|following|parent|preceding)(?:-sibling)?::)"
)


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """A selector in a line of a file of the project; ``name`` is its path in a YAML file."""

    file: str
    line: int
    query: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}" + (f", {self.name}" if self.name else "")


class SelectorHits:
    """Counts calls and hits by place. A text of white space only is no hit: ``string(.//h4)`` returns "" without h4."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve()) + "/"
        self._is_in_css = False
        self.calls: dict[Place, int] = {}
        self.hits: dict[Place, int] = {}

    def leaving_records(self) -> list[Place]:
        """Return the XPaths that begin outside of the element that they are relative to, and have hits."""
        return sorted(place for place, hits in self.hits.items() if hits and LEAVES.match(place.query))

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count in this block. Selectors of parsel are replaced in it, also for other threads."""
        before = Selector.xpath, Selector.css
        Selector.xpath = self._counted(Selector.xpath)  # type: ignore[method-assign]
        Selector.css = self._counted(Selector.css)  # type: ignore[method-assign]
        try:
            yield
        finally:
            Selector.xpath, Selector.css = before  # type: ignore[method-assign]

    def _counted(self, method: Any) -> Any:
        @functools.wraps(method)
        def select(selector: Selector, query: str, *args: Any, **kwargs: Any) -> Any:
            if self._is_in_css:  # css() calls xpath()
                return method(selector, query, *args, **kwargs)
            self._is_in_css = method.__name__ == "css"
            try:
                found = method(selector, query, *args, **kwargs)
            finally:
                self._is_in_css = False
            place = self._place(query)
            if place is not None:
                self.calls[place] = self.calls.get(place, 0) + 1
                self.hits[place] = self.hits.get(place, 0) + sum(map(_is_hit, found))
            return found

        return select

    def _place(self, query: str) -> Place | None:
        """Return the line of the project's file that asked; None if a library or Splashdown asked for itself."""
        if isinstance(query, PlacedText):
            file = str(query.file.resolve()).removeprefix(self._folder)
            name = query.name if query.name.count(".") < 3 else _OF_FIELD.sub("", query.name)
            return Place(file=file, line=query.line, query=query, name=name)
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            file = frame.f_code.co_filename
            if file.startswith(_OURS):
                return None
            if file.startswith(self._folder) and "site-packages" not in file:
                return Place(file=file.removeprefix(self._folder), line=frame.f_lineno, query=query)
            if "/parsel/" not in file and "/scrapy/" not in file and "/itemloaders/" not in file:
                return None
            frame = frame.f_back
        return None


def _is_hit(selector: Selector) -> bool:
    root = selector.root
    return bool(root.strip()) if isinstance(root, str) else root is not None and root is not False
