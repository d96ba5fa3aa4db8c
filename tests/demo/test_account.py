"""The login, and the orders that only a customer who is logged in sees."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from tests.demo.visits import Answer, visit


def csrf_token(form: Answer) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', form.text)
    assert found
    return found[1]


def send(site: str, form: Answer, **fields: str) -> Answer:
    """Send the login form with the right customer and password, or with other ``fields``."""
    values = {"username": "demo", "password": "demo", "csrf_token": csrf_token(form)} | fields
    return visit(f"{site}/login", values, Cookie=form.cookie)


@pytest.fixture
def form(demo_site: str) -> Answer:
    return visit(f"{demo_site}/login")


@pytest.fixture
def cookie(demo_site: str, form: Answer) -> str:
    """Return the session cookie of a customer who is logged in."""
    return send(demo_site, form).cookie


def test_the_right_password_redirects_to_the_orders_in_a_new_session(demo_site: str, form: Answer) -> None:
    answer = send(demo_site, form)
    assert (answer.status, answer.headers["Location"]) == (303, "/orders")
    assert "HttpOnly" in answer.headers["Set-Cookie"] and "SameSite=Lax" in answer.headers["Set-Cookie"]
    assert answer.cookie != form.cookie, "the login did not make a new session"
    assert visit(f"{demo_site}/orders", Cookie=answer.cookie).status == 200
    assert visit(f"{demo_site}/orders", Cookie=form.cookie).status == 303


@pytest.mark.parametrize("wrong", [{"password": "guess"}, {"username": "Demo"}, {"password": "дémo"}])
def test_wrong_credentials_show_the_form_again_with_an_error(
    demo_site: str, form: Answer, wrong: dict[str, str]
) -> None:
    answer = send(demo_site, form, **wrong)
    assert answer.status == 200 and 'class="error"' in answer.text
    assert visit(f"{demo_site}/api/orders", Cookie=form.cookie).status == 401


def test_the_form_escapes_the_user_name(demo_site: str, form: Answer) -> None:
    answer = send(demo_site, form, username='"><script>x</script>')
    assert "<script>x" not in answer.text and "&quot;&gt;&lt;script&gt;" in answer.text


def test_the_login_refuses_a_form_of_another_session(demo_site: str, form: Answer) -> None:
    other = visit(f"{demo_site}/login")
    assert send(demo_site, form, csrf_token=csrf_token(other)).status == 403
    assert send(demo_site, form, csrf_token="").status == 403
    assert send(demo_site, form, csrf_token="ø").status == 403


def test_the_login_refuses_a_form_without_a_session(demo_site: str, form: Answer) -> None:
    fields = {"username": "demo", "password": "demo", "csrf_token": csrf_token(form)}
    assert visit(f"{demo_site}/login", fields).status == 403


def test_the_login_refuses_a_body_that_is_not_a_form(demo_site: str, form: Answer) -> None:
    junk = "multipart/form-data; boundary=x"
    answer = visit(f"{demo_site}/login", method="POST", Content_Type=junk, Cookie=form.cookie)
    assert answer.status == 403


def test_the_orders_need_a_login(demo_site: str) -> None:
    page = visit(f"{demo_site}/orders")
    assert (page.status, page.headers["Location"]) == (303, "/login")
    assert visit(f"{demo_site}/api/orders").status == 401
    assert visit(f"{demo_site}/api/orders", Cookie="session=made-up").status == 401


def test_the_orders_are_those_of_truth_json_with_their_own_utc_offsets(demo_site: str, cookie: str) -> None:
    rows: list[dict[str, Any]] = []
    for page in range(1, 7):
        part = visit(f"{demo_site}/api/orders?page={page}", Cookie=cookie).json
        assert (part["page"], part["pages"], len(part["orders"])) == (page, 6, 10)
        rows += part["orders"]
    shown = [row.pop("placed_at") for row in rows]
    truth = visit(f"{demo_site}/truth.json").json["orders"]
    expected = [row.pop("placed_at") for row in truth]
    assert rows == truth
    assert list(map(datetime.fromisoformat, shown)) == list(map(datetime.fromisoformat, expected))
    assert {text[19:] for text in shown} >= {"Z", "+02:00", "-05:00"}


def test_a_logout_ends_the_session(demo_site: str, cookie: str) -> None:
    assert visit(f"{demo_site}/logout", Cookie=cookie).status == 303
    assert visit(f"{demo_site}/api/orders", Cookie=cookie).status == 401
