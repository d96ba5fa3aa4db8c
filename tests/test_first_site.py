"""docs/first-site.md: a reader who types all of its commands, in their order, sees what the page shows."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doc_pages import Block, DocPage, is_shown
from tests.processes import ROOT, free_port
from tests.terminal import Terminal

PAGE = DocPage("first-site.md")
SERVERS = {"python3 -m http.server 8000": "8000", "python3 splashdown/docs/first-site/messages.py": "8001"}
EDIT = "--- "


def repository_of_this_checkout(folder: Path) -> Path:
    """Return a repository with the files of this checkout as they are now, committed or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
            (folder / name).chmod((ROOT / name).stat().st_mode)
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "--all", "--force"], ["commit", "-q", "-m", "All files"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def provide_packages(project: Path) -> None:
    """Make the .venv that ``scripts/setup`` finds: with the packages of the tests, so that it downloads none."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", project / ".venv"], check=True)
    (packages,) = (project / ".venv" / "lib").glob("python*/site-packages")
    (packages / "packages-of-the-tests.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    programs = {"pip": "", "scrapy": ""}
    if (
        project / "splashdown"
    ).is_dir():  # the checkout; -P, because a folder above has the name of the package, too
        programs["splashdown"] = f"PYTHONPATH='{project}' "
    for program, path in programs.items():
        file = project / ".venv" / "bin" / program
        file.write_text(f"""#!/bin/sh\n{path}exec '{project}/.venv/bin/python' -P -m {program} "$@"\n""")
        file.chmod(0o755)


class Reader:
    """Types the commands of the page in terminals and compares what they print with what the page shows."""

    def __init__(self, folder: Path, repository: Path, terminals: contextlib.ExitStack) -> None:
        self.folder = folder
        self.terminals = terminals
        self.texts = {"<this repository>": shlex.quote(str(repository))}
        self.env = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(folder),
            "CHROMIUM": os.environ.get("CHROMIUM", ""),
            "PIP_NO_INDEX": "1",
            "PIP_NO_COMPILE": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say --no-build-isolation
        }
        self.first = self.open_terminal()
        self.last = self.first  # the last terminal in which a program stays

    def open_terminal(self) -> Terminal:
        return self.terminals.enter_context(Terminal(self.folder, **self.env))

    def with_ports(self, text: str) -> str:
        for old, new in self.texts.items():
            text = text.replace(old, new)
        return text

    def read(self, block: Block) -> None:
        if block.text.startswith(EDIT):
            self.edit(block)
        elif not block.steps:
            self.wait_for_message(block)
        elif block.steps[-1][0].startswith(tuple(SERVERS)):
            self.start(block)
        else:
            for command, shown in block.steps:
                self.type(command, shown)

    def type(self, command: str, shown: str) -> None:
        if command.endswith("scripts/setup"):
            folder = Path(self.first.run("pwd").strip(), command).parent.parent.resolve()
            fresh = not (folder / ".venv").exists()
            if fresh:
                provide_packages(folder)
            # CI itself runs the one of the checkout. The second run of that of the project does the same as the first.
            if folder.name == "splashdown" or not fresh:
                return
        output = self.first.run(self.with_ports(command))
        output = re.sub(r"'(/[^']*)'", r"\1", output)  # quoted, because this path has a space
        wanted = self.with_ports(shown)
        assert is_shown(output, wanted), f"$ {command}\n{output}\n\nThe page shows:\n{shown}"

    def start(self, block: Block) -> None:
        terminal = self.open_terminal()
        *before, (command, _) = block.steps
        for other, shown in before:
            output = terminal.run(other)
            assert is_shown(output, shown), f"$ {other}\n{output}"
        port = free_port()
        old = next(old for program, old in SERVERS.items() if command.startswith(program))
        self.texts[f"127.0.0.1:{old}"] = f"127.0.0.1:{port}"
        command = command.replace(old, str(port)) if old in command else f"{command} {port}"
        terminal.stay(command, lambda: answers(port))
        self.last = terminal

    def edit(self, block: Block) -> None:
        name, *lines = block.text.removeprefix(EDIT).splitlines()
        old, new = ("\n".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
        file = self.folder / "garden" / name
        text = file.read_text("utf-8")
        assert text.count(old) == 1, f"{name} does not have once: {old}"
        file.write_text(text.replace(old, new), "utf-8")

    def wait_for_message(self, block: Block) -> None:
        until = time.monotonic() + 20
        while not is_shown(self.last.output, f"...{self.with_ports(block.text)}"):
            assert time.monotonic() < until, f"{self.last.output}\n\nThe page shows:\n{block.text}"
            time.sleep(0.05)


def answers(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (tmp_path / "repository").mkdir()
    repository = repository_of_this_checkout(tmp_path / "repository")
    with contextlib.ExitStack() as terminals:
        yield Reader(folder, repository, terminals)


def test_a_reader_of_the_page_sees_what_it_shows(reader: Reader) -> None:
    for block in PAGE.blocks:
        reader.read(block)
    made = {path.name for path in (reader.folder / "garden").iterdir()}
    assert {"sites", "migrations", "tests", "data"} <= made
