"""Values of a YAML file with their lines, so that each error names the line of its fault."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

_TAGS = {"str": "text", "int": "a whole number", "bool": "true or false", "float": "a number"}


class SiteFileError(Exception):
    """A YAML file of a site has a fault; the message names the file, the line and what to write."""

    def __init__(self, file: Path, line: int, why: str) -> None:
        super().__init__(f"{file}, line {line}: {why}")
        self.file, self.line, self.why = file, line, why


class PlacedText(str):
    """A text of the file that knows its place there. It is not for a request's arguments: ``str()`` them.

    Attributes:
        name: the path of the value, such as ``list.fields.title``.
    """

    file: Path
    line: int
    name: str


class Node:
    """A value of the file. ``name`` is its path, for messages: ``detail.fields.title``."""

    def __init__(self, file: Path, node: yaml.Node, name: str) -> None:
        self._file, self._node, self.name = file, node, name

    @classmethod
    def of_file(cls, file: Path) -> Node:
        """Return the only document of the file.

        Raises:
            SiteFileError: the file is no YAML, or has no document.
            OSError: the file cannot be read.
        """
        try:
            node = yaml.compose(file.read_text("utf-8"), Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise SiteFileError(
                file,
                mark.line + 1 if mark else 1,
                f"no YAML: {error.problem} (put texts with [ ] {{ }} : or # into quotes)",
            ) from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SiteFileError(file, 1, f"no YAML: {' '.join(str(error).split())}") from None
        if node is None:
            raise SiteFileError(file, 1, "the file is empty: it needs start, key and list")
        return cls(file, node, "")

    def error(self, why: str) -> SiteFileError:
        """Return an error at this value's line."""
        where = f"{self.name}: " if self.name else ""
        return SiteFileError(self._file, self._node.start_mark.line + 1, where + why)

    def placed(self, text: str) -> PlacedText:
        """Return a text with the place of this value."""
        placed = PlacedText(text)
        placed.file, placed.line, placed.name = self._file, self._node.start_mark.line + 1, self.name
        return placed

    @property
    def is_mapping(self) -> bool:
        return isinstance(self._node, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        return isinstance(self._node, yaml.SequenceNode)

    def members(self, known: Collection[str] | None = None) -> dict[str, Node]:
        """Return the values of a mapping by their names.

        Args:
            known: the names that are allowed; None allows all.
        Raises:
            SiteFileError: it is no mapping, or has an unknown name or one twice.
        """
        if not isinstance(self._node, yaml.MappingNode):
            raise self.error(f"a mapping is needed here{self._one_of(known)}")
        found: dict[str, Node] = {}
        for key, value in self._node.value:
            name = str(key.value)
            node = Node(self._file, value, f"{self.name}.{name}".lstrip("."))
            at_key = Node(self._file, key, self.name)
            if known is not None and name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
                raise at_key.error(f"there is no {name!r} here; {hint}")
            if name in found:
                raise at_key.error(f"{name!r} is there twice")
            found[name] = node
        return found

    def _one_of(self, known: Collection[str] | None) -> str:
        return f", with {', '.join(known)}" if known else ""

    def items(self) -> Iterator[Node]:
        """Yield the values of a list; a single value is a list of one."""
        if isinstance(self._node, yaml.SequenceNode):
            for number, node in enumerate(self._node.value, 1):
                yield Node(self._file, node, f"{self.name}[{number}]")
        else:
            yield self

    def text(self) -> str:
        """Return the value as text.

        Raises:
            SiteFileError: it is a mapping, a list or empty.
        """
        if not isinstance(self._node, yaml.ScalarNode) or not self._node.value.strip():
            raise self.error("text is needed here")
        return str(self._node.value)

    def any_text(self) -> str:
        """Return a text that may be empty or white space.

        Raises:
            SiteFileError: it is not a text, such as a number without quotes.
        """
        value = self._scalar()
        if not isinstance(value, str):
            raise self.error("text is needed here: put it into quotes")
        return value

    def number(self) -> int:
        """Return the value as a whole number above zero."""
        value = self._scalar()
        if type(value) is not int or value < 1:
            raise self.error("a whole number above zero is needed here")
        return value

    def seconds(self) -> float:
        """Return the value as seconds above zero."""
        value = self._scalar()
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self.error("a number of seconds above zero is needed here")
        return value

    def flag(self) -> bool:
        """Return the value, which is true or false."""
        value = self._scalar()
        if not isinstance(value, bool):
            raise self.error("true or false is needed here")
        return value

    def constant(self) -> Any:
        """Return a text, a number, or true or false."""
        value = self._scalar()
        if not isinstance(value, str | int | float | bool):
            raise self.error(f"{', '.join(_TAGS.values())} is needed here")
        return value

    def value(self) -> Any:
        """Return one value, a list of values, or a mapping of texts to values."""
        if self.is_mapping:
            return {name: node._scalar() for name, node in self.members().items()}
        return [node._scalar() for node in self.items()] if self.is_list else self._scalar()

    def _scalar(self) -> Any:
        if not isinstance(self._node, yaml.ScalarNode):
            raise self.error("one value is needed here")
        try:
            return yaml.safe_load(yaml.serialize(self._node))
        except (yaml.YAMLError, ValueError):  # ValueError: a date that does not exist
            raise self.error(f"{self._node.value!r} is no value: put a text into quotes") from None
