"""The JSON Schema of YAML sites: it accepts what is read, and refuses what the reader refuses for its structure."""

from __future__ import annotations

import argparse
import json
import re
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from crawler.commands.new import Command
from crawler.suggestion.left_out import with_left_out
from crawler.suggestion.suggest import suggest
from crawler.yaml_site.definition import read_definition
from crawler.yaml_site.json_schema import FILE, LINE, json_schema, write_schema
from crawler.yaml_site.members import DETAIL, FIELD, INFO, LIST, SITE
from crawler.yaml_site.yaml_text import yaml_text
from pipelines.values.type_guess import type_of
from tests.crawler.suggestion.scoring import pages
from tests.crawler.yaml_site.files import FAULTS, GOOD, with_fault
from tests.crawls import ROOT

VALIDATOR = jsonschema.Draft7Validator(json_schema())
# Faults that are not in the structure of the file: its syntax, two places that have to agree, and selectors.
ONLY_READER = {
    "no YAML",
    "a name twice",
    "a key that is no field",
    "a button and a link",
    "a button and scroll",
    "the same field twice",
    "a long key",
    "no XPath",
    "no CSS selector",
    "CSS in an XPath",
    "an XPath that calls no function",
    "an unknown part of CSS",
    "an XPath without its beginning",
    "a text of the record",
    "an unknown language",
    "no value in Python's words",
    "a wait without end",
    "a hint for another type",
}


def problems(text: str) -> list[str]:
    return [error.message for error in VALIDATOR.iter_errors(yaml.safe_load(text))]


def yaml_of_the_docs() -> dict[str, str]:
    """Return the code blocks of the docs that are YAML sites."""
    blocks = {}
    for page in [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]:
        for match in re.finditer(r"(?:^(?: {4}.*)?\n)+", page.read_text("utf-8"), re.MULTILINE):
            text = textwrap.dedent(match[0])
            if re.search(r"^start: ", text, re.MULTILINE) and re.search(r"^list:", text, re.MULTILINE):
                blocks[f"{page.name}:{match.start()}"] = text
    return blocks


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("text", [GOOD, *yaml_of_the_docs().values()])
def test_a_good_file_is_accepted(text: str) -> None:
    assert yaml_of_the_docs() and problems(text) == []


def test_what_new_writes_is_accepted(tmp_path: Path) -> None:
    file = tmp_path / "films.yaml"
    for page in pages()[::5]:
        found = suggest(page.html, page.url, type_of)
        assert found is not None
        text = yaml_text(with_left_out(found, page.html, page.url, type_of), page.url, ".film")
        assert problems(text) == [], page.name
        taken = re.sub(r"^    # (?!Left out)", "    ", text, flags=re.MULTILINE)
        assert problems(taken) == [], page.name
        file.write_text(taken, "utf-8")
        names = {one.name for one in read_definition(file).fields}
        assert {one.name for one in found.fields} <= names


@pytest.mark.parametrize("case", sorted(FAULTS.keys() - ONLY_READER))
def test_a_fault_in_the_structure_is_refused(case: str) -> None:
    assert problems(with_fault(case))


@pytest.mark.parametrize("case", sorted(ONLY_READER - {"no YAML"}))
def test_the_schema_does_not_know_other_faults(case: str) -> None:
    assert problems(with_fault(case)) == []  # else the case belongs to the faults in the structure


@pytest.mark.parametrize(
    ("old", "new"),
    {
        "start: https": "start: [https",  # with the bracket below
        "key: sku": "key: [sku, price]",
        'css: ".price"': "constant: 7",
        '{css: ".price"': "{css: .price, join: ''",
        "length: 20": "length: 20, required: true, info: {tracked: false}",
        "type: decimal": "type: decimal, info: {decimal: ',', group: ' ', scale: {k: 1000}, words: {free: 0},"
        " percent: points, accounting: true}",
        'css: ".price", type: decimal': "css: .day, type: datetime, info: {languages: [de], date_order: DMY,"
        " years_from: 1970, timezone: Europe/Berlin, fold: 1}",
        "  follow:": "  next: a.next\n  scroll: true\n  wait_for: .x\n  wait_timeout: 2.5\n  follow:",
        "  follow: .": "  next_button: .next\n  follow: .",
        "detail:\n": "rendering: auto\nschedule: 1 * * * *\ntable: t\nsite: s\n"
        "detail:\n  wait_for: h1\n  wait_timeout: 20\n",
    }.items(),
)
def test_every_name_is_accepted(old: str, new: str, tmp_path: Path) -> None:
    text = GOOD.replace(old, new).replace("[https://shop.example/films", "[https://shop.example/films]")
    file = tmp_path / "films.yaml"
    file.write_text(text)
    read_definition(file)
    assert problems(text) == []


def test_every_name_has_a_description_for_editors() -> None:
    schema = json_schema()
    kinds = [
        (SITE, schema),
        (LIST, schema["definitions"]["list"]),
        (DETAIL, schema["definitions"]["detail"]),
        (FIELD, schema["definitions"]["detailField"]["anyOf"][1]),
        (INFO, schema["definitions"]["info"]),
    ]
    for members, part in kinds:
        assert {name: one["description"] for name, one in part["properties"].items()} == {
            name: one.text for name, one in members.items()
        }


def test_the_command_prints_it_and_a_file_has_it_beside_the_sites(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command: Any = Command()
    command.settings = {}
    command.run([], argparse.Namespace(schema=True))
    assert command.exitcode == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == json_schema()
    write_schema(tmp_path)
    assert (tmp_path / FILE).read_text("utf-8") == printed
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o644
    assert f"# yaml-language-server: $schema={FILE}" == LINE  # a path from the YAML file
