"""Records without a natural key: those that a page shows twice, and what ``new`` says if no field identifies one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import TextResponse
from scrapy.settings import Settings

from crawler.commands.new import Command
from crawler.suggestion.missing_key import missing_key
from crawler.suggestion.more_records import with_more_records
from crawler.suggestion.suggest import suggest
from crawler.suggestion.suggestion import text_only
from crawler.trial import questions

URL = "https://books.example/"


def book(number: int, title: str = "") -> str:
    name = title or f"Title {number}"
    return f"<div class=book><a href=/book/{number}>{name}</a> <i>{number % 3} left</i></div>"


def shelf(*books: str) -> str:
    return f"<main>{''.join(books)}</main>"


BOOKS = [book(number) for number in range(20)]
COPIES = shelf(*(book(number // 2, title="Title") for number in range(12)))


def test_records_that_a_page_shows_twice_do_not_speak_against_a_key() -> None:
    page = shelf(*BOOKS[3:5], *BOOKS)
    found = suggest(page, URL)
    assert found is not None and found.key == ("url",)
    later = shelf(*BOOKS[3:5], *[book(number) for number in range(20, 30)], book(24))
    assert with_more_records(found, [page, later], URL, text_only).key == ("url",)


def test_a_field_that_nearly_identifies_the_records_is_named() -> None:
    found = suggest(COPIES, URL)
    assert found is not None and not found.key
    said = missing_key(found, COPIES, URL)
    assert said.startswith(
        "url would be the key, but '/book/0' comes twice: write --key url if that is the same"
    )
    rest = shelf(*(book(number) for number in range(9)))
    assert "another page has one of its values" in missing_key(found, rest, URL)


def new(tmp_path: Path, html: str, **options: Any) -> int:
    command: Any = Command()
    command.settings = Settings({"TYPE_GUESS": "pipelines.values.type_guess.type_of"})
    chosen = {"plain": False, "wait_for": None, "yes": True, "yaml": False, "key": None, **options}
    command.opts = argparse.Namespace(**chosen)
    command.scrolled, command.followed = None, []
    page = TextResponse(URL, body=html, encoding="utf-8")
    code: int = command._suggest("books", page, page, tmp_path / "books.py")
    assert list(tmp_path.iterdir()) == []
    return code


@pytest.mark.parametrize("yaml", [False, True])
def test_new_says_why_there_is_no_key_and_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], yaml: bool
) -> None:
    assert new(tmp_path, COPIES, yaml=yaml) == 2
    said = capsys.readouterr().err
    assert "no file was written: the records have no natural key: url would be the key" in said
    assert "--key url" in said
    assert "if these are not the records, try --wait-for CSS" in said


def test_the_question_about_the_key_ends(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = suggest(COPIES, URL)
    assert found is not None
    answers = iter(["", "nothing", "", "", ""])
    monkeypatch.setattr(questions, "_asked", lambda *_: next(answers))
    assert questions.choose([found], lambda _: "url comes twice").key == ()
    assert "The records have no natural key: url comes twice" in capsys.readouterr().out
    monkeypatch.setattr(questions, "_asked", lambda question, _: "url" if "identify" in question else "")
    assert questions.choose([found], lambda _: "url comes twice").key == ("url",)


LOGIN = """<form class=login method=post>
<div class=group><label>Username</label><input name=username></div>
<div class=group><label>Password</label><input name=password type=password></div>
<div class=group><label>Remember me</label><input type=checkbox name=remember></div></form>"""


@pytest.mark.parametrize("html", [LOGIN, "<form><input type=password></form>"])
def test_new_writes_no_site_for_a_login(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], html: str
) -> None:
    assert new(tmp_path, html) == 2
    said = capsys.readouterr().err
    assert (
        f"{URL} is a login, and its list is behind it: no file was written. See log_in in docs/spiders.md"
        in said
    )


def test_a_list_beside_a_login_is_a_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, LOGIN + COPIES) == 2
    assert "no natural key" in capsys.readouterr().err
