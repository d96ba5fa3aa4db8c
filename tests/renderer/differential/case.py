"""The cases of the differential suite, in the files of ``scripts/``."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).parent / "scripts"
_FIELD = re.compile(r"-- (case|endpoint|arguments|differs|ours): (.*)")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and the reason if its answers differ."""

    name: str
    topic: str  # the file's name
    endpoint: str
    arguments: dict[str, Any] = field(default_factory=dict)
    differs: str = ""  # the words of renderer/README.md that explain the difference
    ours: Any = None  # our answer if it differs, without its type

    @property
    def id(self) -> str:
        return f"{self.topic}: {self.name}"


def read_cases(folder: Path = SCRIPTS) -> list[Case]:
    """Return the cases of all files in the folder, in order."""
    return [case for path in sorted(folder.glob("*.lua")) for case in _read(path)]


def record(case: Case, answer: dict[str, Any], folder: Path = SCRIPTS) -> None:
    """Write our answer into the script's file, below the reason."""
    path = folder / f"{case.topic}.lua"
    before, head, after = path.read_text(encoding="utf-8").partition(f"-- case: {case.name}\n")
    line = f"-- ours: {json.dumps(comparable(answer), ensure_ascii=False)}\n"
    after = re.sub(
        r"(?m)(?<=^-- differs: )(.*)\n(?:-- ours: .*\n)?", lambda m: f"{m[1]}\n{line}", after, count=1
    )
    path.write_text(before + head + after, encoding="utf-8")


def comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the parts of an answer that are compared: all but its type."""
    return {key: value for key, value in answer.items() if key != "type"}


def _read(path: Path) -> list[Case]:
    _, *sections = re.split(r"^(?=-- case: )", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return [_case(path.stem, section.splitlines()) for section in sections]


def _case(topic: str, lines: list[str]) -> Case:
    fields: dict[str, str] = {}
    while lines and (found := _FIELD.fullmatch(lines[0])):
        fields[found[1]] = found[2]
        del lines[0]
    arguments = json.loads(fields.get("arguments", "{}"))
    source = "\n".join(lines).strip("\n")
    has_main = re.search(r"^function main\b", source, re.MULTILINE) is not None
    if source.strip():
        arguments["lua_source"] = source
    return Case(
        name=fields["case"],
        topic=topic,
        endpoint=fields.get("endpoint", "/execute" if has_main else "/run"),
        arguments=arguments,
        differs=fields.get("differs", ""),
        ours=json.loads(fields["ours"]) if "ours" in fields else None,
    )
