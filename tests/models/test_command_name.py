"""Messages name the program that the user typed."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from models.command_name import command
from tests.processes import ROOT

ROOMS = (
    "crawler",
    "frontier",
    "models",
    "outbox",
    "pipelines",
    "renderer",
    "spiders",
    "splashdown",
    "workers",
)
COMMANDS = [file.stem for file in (ROOT / "crawler" / "commands").glob("*.py") if file.stem != "__init__"]
NAMED = re.compile(rf"\b(?:scrapy|splashdown) (?:{'|'.join(COMMANDS)})\b")
# Files whose texts are not for the user who typed the command: crontabs, metrics, the demo of the checkout.
OTHERS = {"crawler/metrics/collector.py", "crawler/schedule/export.py", "crawler/commands/demo.py"}


@pytest.mark.parametrize(
    ("started", "shown"),
    {
        "/usr/bin/splashdown": "splashdown runs show 7",
        "/venv/splashdown/__main__.py": "splashdown runs show 7",
        "/usr/bin/scrapy": "scrapy runs show 7",
        "/venv/scrapy/__main__.py": "scrapy runs show 7",
        "/usr/bin/pytest": "scrapy runs show 7",
        "": "scrapy runs show 7",
    }.items(),
)
def test_a_command_is_named_as_the_program_was_started(
    started: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [started, "crawl"])
    assert command("runs show 7") == shown


def test_no_message_names_a_command_by_itself() -> None:
    found = []
    for file in (file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))):
        name = str(file.relative_to(ROOT))
        tree = ast.parse(file.read_text("utf-8"))
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        found += [
            f"{name}:{node.lineno}: {match[0]}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings
            for match in NAMED.finditer(node.value)
            if name not in OTHERS
        ]
    assert not found, f"write command('...') of models/command_name.py in place of: {', '.join(found)}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    {
        "-h": 'Use "splashdown <command> -h"',
        "runs show 1 2 3": "splashdown runs: too many arguments: 2 3; `splashdown runs --help` prints the usage",
        "crawl --help": "usage: splashdown crawl [options] <spider>",
    }.items(),
)
def test_our_program_names_itself(arguments: str, said: str) -> None:
    program = Path(sys.executable).parent / "splashdown"
    done = subprocess.run(
        [program, *arguments.split()],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert said in done.stdout + done.stderr
    assert not re.search(r"(?i:use|usage)\W+scrapy\b|scrapy <", done.stdout + done.stderr)
