"""docs/console.md: its settings, roles and screens are those of the code, and its commands run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from apiflask import APIFlask

from crawler import settings
from models.console_account import ROLES
from tests.console.conftest import Client
from tests.crawls import scrapy
from tests.processes import ROOT, free_port

TEXT = Path("docs/console.md").read_text("utf-8")


def rows_below(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip(" |") for cell in line] for line in lines[2:]]


def test_the_settings_and_their_defaults_are_those_of_the_code() -> None:
    for names, defaults, _ in rows_below("How does it run behind a proxy?"):
        found = re.findall(r"`([A-Z_]+)`", names)
        values = re.findall(r"`([^`]+)`", defaults)
        assert found
        for name, value in zip(found, values, strict=False):
            if name != "CONSOLE_HOSTS":
                assert str(getattr(settings, name)).removesuffix(".0") == value, name


def test_the_roles_are_those_of_the_code() -> None:
    assert tuple(row[0] for row in rows_below("Who may do what?")) == ROLES


def test_every_screen_is_in_the_bar_and_every_link_of_the_bar_is_a_screen(viewer: Client) -> None:
    bar = viewer.text("/").partition('aria-label="Screens"')[2].partition("</nav>")[0]
    assert re.findall(r">([A-Z][a-z ]+)</a>", bar) == [row[0] for row in rows_below("What does it show?")]
    for path in re.findall(r'href="([^"]+)"', bar):
        viewer.text(path)


def test_the_command_for_programs_gets_the_runs(operator: Client, app: APIFlask) -> None:
    page = operator.post("/account/tokens", {"name": "script", "role": "viewer"}).text
    (token,) = set(re.findall(r"sdt_[\w-]{40,}", page))
    command = next(line for line in TEXT.splitlines() if line.strip().startswith("curl "))
    _, _, header, url = shlex.split(command)
    name, _, value = header.partition(": ")
    path = "/" + url.split("/", 3)[3]
    answer = app.test_client().get(path, headers={name: value.replace("sdt_...", token)})
    assert answer.status_code == 200
    assert set(json.loads(answer.text)) == {"rows", "after"}


def test_the_link_for_a_forgotten_password_begins_with_the_address_behind_the_proxy(tmp_path: Path) -> None:
    command = next(line for line in TEXT.splitlines() if line.strip().startswith("CONSOLE_URL="))
    words = shlex.split(command)
    env = dict(word.split("=", 1) for word in words if "=" in word)
    done = scrapy("console", "--link", DATABASE_URL=f"sqlite:///{tmp_path}/shop.db", **env)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"https://crawls\.example/splashdown/link/[\w-]{40,}", done.stdout.strip())


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"CONSOLE_PORT": "99999"}, "cannot listen on 127.0.0.1 port 99999"),
        ({"CONSOLE_ADDRESS": "203.0.113.7"}, "cannot listen on 203.0.113.7"),
        ({"CONSOLE_PROXIES": "-1"}, "CONSOLE_PROXIES is below 0"),
        ({"CONSOLE_CONFIG": "/nowhere/console.py"}, "CONSOLE_CONFIG=/nowhere/console.py cannot be read"),
    ],
)
def test_a_wrong_setting_is_one_line_that_says_what_to_do(
    tmp_path: Path, env: dict[str, str], message: str
) -> None:
    done = scrapy("console", "--no-browser", DATABASE_URL=f"sqlite:///{tmp_path}/shop.db", **env)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_console_ends_in_order_when_its_parent_closes_its_standard_input(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "console", "--no-browser", "--port", str(port), "--exit-with-stdin"],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/shop.db", "SPLASHDOWN_ENV_FILE": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    with process:
        lines = [process.stdout.readline() for _ in range(3)]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=30) as answer:
            assert answer.status == 200
        process.stdin.close()
        rest = process.stdout.read()
        assert process.wait(30) == 0, rest
    assert "/link/" in lines[-1]
    assert rest == ""
