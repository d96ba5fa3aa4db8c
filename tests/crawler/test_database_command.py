"""A word that a command does not know stops it: Scrapy passes an unknown option on as an argument."""

from __future__ import annotations

import argparse
import importlib

import pytest
from scrapy.settings import Settings

from crawler.database_command import DatabaseCommand
from crawler.run.verdict import CANNOT_START
from tests.crawls import scrapy

MISTYPED = {
    "changes": ("--sicne", "--since"),
    "demo": ("--dya", "--day"),
    "migrate": ("--nwe", "--new"),
    "rejected": ("--replya", "--replay"),
    "replay": ("--save-tset", "--save-test"),
    "runs": ("--limti", "--limit"),
    "schedule": ("--systmed", "--systemd"),
}


def command_of(name: str) -> DatabaseCommand:
    command: DatabaseCommand = importlib.import_module(f"crawler.commands.{name}").Command()
    command.settings = Settings()
    command.add_options(argparse.ArgumentParser())
    return command


def failure(name: str, args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line of the command with these arguments, which could not start."""
    command = command_of(name)
    command.run(args, argparse.Namespace())
    assert command.exitcode == CANNOT_START
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("name", MISTYPED)
def test_a_command_refuses_a_mistyped_option_and_names_the_right_one(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mistyped, right = MISTYPED[name]
    for word in (mistyped, f"{mistyped}=1"):
        assert f": there is no option {word} (did you mean {right}?); " in failure(name, [word], capsys)


@pytest.mark.parametrize("name", MISTYPED)
def test_a_command_refuses_an_argument_too_many(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ": too many arguments: " in failure(name, ["first", "second", "third", "fourth"], capsys)


def test_an_option_with_an_invalid_value_is_one_line() -> None:
    done = scrapy("replay", "--run", "seven")
    assert done.returncode == CANNOT_START and done.stdout == ""
    assert done.stderr.splitlines() == [
        "scrapy replay: argument --run: invalid int value: 'seven'; `scrapy replay --help` prints the usage"
    ]


@pytest.mark.parametrize("command", ["crawl", "runspider"])
def test_a_mistyped_option_of_a_crawl_is_one_line(command: str) -> None:
    done = scrapy(command, "books", "--frehs")
    assert done.returncode == 1
    said = f"scrapy {command}: there is no option --frehs (did you mean --fresh?); "
    assert done.stderr.splitlines()[-1].startswith(said)


def test_a_mistyped_option_of_the_demo_is_one_line_and_starts_nothing() -> None:
    done = scrapy("demo", "--dya", "2")
    assert done.returncode == CANNOT_START and done.stdout == ""
    assert done.stderr.splitlines() == [
        "scripts/demo: there is no option --dya (did you mean --day?); `scripts/demo --help` prints the usage"
    ]
