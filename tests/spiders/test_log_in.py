"""The login by dialog: its answers when it fails, and what later pages find in localStorage and sessionStorage."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from scrapy import Request

from crawler.splash.session_storage import STORAGE, SessionStorages, origin_of, secrets_of
from crawler.splash.step_problems import problem_of
from tests.processes import ROOT
from tests.spiders.needs_site import PASSWORD, needs_site
from tests.spiders.render_script import run_script

DIALOG = {"click": ["#login"], "wait_for": "#go", "submit": "#go", "logged_in": "#hello", "wait_timeout": 2}
FIELDS = {"#user": "me", "//input[@id='password']": PASSWORD}


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with needs_site() as running:
        yield running.url


def log_in(renderer: str, site: str, **arguments: Any) -> dict[str, Any]:
    status, answer = run_script(
        renderer, "log_in", **{"url": f"{site}/login", "fields": FIELDS, **DIALOG, **arguments}
    )
    assert status == 200, answer
    return answer


def test_only_pages_of_the_same_origin_get_the_storage_of_a_login(renderer: str, site: str) -> None:
    text = log_in(renderer, site, storage=1)["auth_storage"]
    stored = json.loads(text)
    assert stored["origin"] == site and json.loads(stored["local"]["auth"])["theme"] == "dark"
    assert stored["session"]["tab"] == "orders"
    _, answer = run_script(renderer, "wait_for", url=f"{site}/orders?5", wait_for=".order", auth_storage=text)
    assert ">5 orders<" in answer["html"]
    assert (
        json.loads(answer["auth_storage"])["local"]["auth"] != stored["local"]["auth"]
    )  # the page got a new token
    other = f"{site.replace('127.0.0.1', 'localhost')}/orders?6"
    _, answer = run_script(renderer, "wait_for", url=other, wait_for=".order", auth_storage=text)
    assert ">signed out null<" in answer["html"]
    _, answer = run_script(renderer, "wait_for", url=f"{site}/orders?7", wait_for=".order")
    assert ">signed out null<" in answer["html"] and "auth_storage" not in answer


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"fields": {"nobody": "x"}}, "no field has the name nobody, and no element matches it"),
        ({"fields": {"#go": "x"}}, "#go is no field that a text can be written into"),
        (
            {"fields": {"#user": "me"}, "wait_timeout": 0.4},
            "submit='#go' is disabled, although the fields are filled in",
        ),
        ({"submit": "#no", "wait_timeout": 0.4}, "submit='#no' is not on the page"),
        ({"submit": None}, "the fields are in no form: name the button with submit="),
    ],
)
def test_a_login_that_cannot_be_sent_says_why(
    renderer: str, site: str, arguments: dict[str, Any], problem: str
) -> None:
    answer = log_in(renderer, site, **arguments)
    assert answer["form_problem"] == problem and answer["appeared"] is False


def test_a_refused_login_says_what_did_not_appear_and_returns_no_password(renderer: str, site: str) -> None:
    fields = {"#user": "me", "#password": "wrong-secret"}
    answer = log_in(renderer, site, fields=fields, wait_timeout=0.5)
    assert problem_of(answer, {"logged_in": "#hello"}, 10) == (
        "sent the form, but logged_in='#hello' did not appear within 10 s"
    )
    assert "wrong-secret" not in json.dumps(answer)


def test_a_page_that_changed_nothing_does_not_overwrite_what_another_page_has_changed() -> None:
    storages, origin = SessionStorages(), "http://shop.example"

    def page(token: str | None, **args: Any) -> tuple[Any, Any]:
        """Return a request and its answer, whose page leaves this token in localStorage."""
        meta = {"render": {}, "splash": {"session_id": "default", "args": args}}
        data = {
            "appeared": True,
            STORAGE: json.dumps({"origin": origin, "local": {"token": token}, "session": {}}),
        }
        return Request(f"{origin}/a", meta=meta), SimpleNamespace(data=data, url=f"{origin}/a")

    def sent() -> str:
        request, _ = page(None)
        storages.add_to(request)
        assert request.meta["dont_cache"] is True
        return str(request.meta["splash"]["args"][STORAGE])

    storages.take_from(*page("first", storage=1))
    slow, quick = sent(), sent()
    storages.take_from(*page("second", **{STORAGE: quick}))
    storages.take_from(*page("first", **{STORAGE: slow}))
    assert json.loads(sent())["local"] == {"token": "second"}
    other = Request(
        "http://other.example/", meta={"render": {}, "splash": {"session_id": "default", "args": {}}}
    )
    storages.add_to(other)
    assert other.meta["splash"]["args"] == {}


def test_the_origin_of_a_url_is_that_of_a_browser() -> None:
    assert origin_of("https://Shop.example:443/a?b#c") == "https://shop.example"
    assert origin_of("http://shop.example:8080/") == "http://shop.example:8080"
    assert origin_of("http://u:p@[::1]:80/") == "http://[::1]"


def test_values_that_give_access_are_known_by_their_name_or_by_their_form() -> None:
    values = {
        "theme": "dark",
        "accessToken": "abc123",
        "user": json.dumps(
            {"name": "me", "jwt": "j1", "list": [{"password": "p1"}, "long-enough-without-spaces"]}
        ),
        "text": "a long text with some spaces in it",
    }
    assert sorted(secrets_of(values)) == ["abc123", "j1", "long-enough-without-spaces", "p1"]


def test_the_splash_of_the_compose_file_logs_no_secret_argument() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    (hidden,) = re.findall(r"--dont-log-args (\S+)", text)
    assert {"fields", "cookies", STORAGE} <= set(hidden.split(","))
    assert hidden in (ROOT / "docs" / "secrets.md").read_text("utf-8")
