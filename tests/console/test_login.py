"""Logging in, links, sessions and their limits."""

from __future__ import annotations

from datetime import timedelta

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, select, update

from console.security import login_limit
from console.security.accounts import LINK_AGE, add_user, has_accounts, make_link
from console.security.identity import COOKIE
from console.security.login_limit import FREE, wait_after
from console.security.passwords import digest, hash_password, new_token
from console.views.login import local_path
from models import ConsoleAction, ConsoleLink, ConsoleSession, ConsoleToken, ConsoleUser
from models.console_account import ADMIN, VIEWER, LoginFailure
from models.run import database_now
from models.session import make_sessions
from tests.console.conftest import Client

PASSWORD = "correct horse battery"


@pytest.fixture
def ann(engine: Engine) -> str:
    """Return the name of an account with PASSWORD."""
    with make_sessions(engine).begin() as session:
        add_user(session, "ann", VIEWER, database_now(session), password=hash_password(PASSWORD))
    return "ann"


def log_in(client: Client, name: str, password: str, **form: str) -> int:
    return client.post("/login", {"name": name, "password": password, **form}).status_code


def test_nobody_sees_a_page_without_a_login(client: Client, app: APIFlask) -> None:
    open_to_all = {"login.form", "login.submit", "login.link", "login.use", "static"}
    for rule in app.url_map.iter_rules():
        if rule.endpoint in open_to_all or rule.endpoint.startswith(("openapi.", "_api")):
            continue
        path = rule.build(dict.fromkeys(rule.arguments, "1"), append_unknown=False)
        assert path is not None
        for method in rule.methods - {"HEAD", "OPTIONS"}:  # type: ignore[operator]
            response = client.client.open(path[1], method=method)
            assert response.status_code in (302, 401), f"{method} {path[1]}: {response.status}"
            if response.status_code == 302:
                assert response.location.startswith("/login"), path[1]


def test_the_first_link_makes_an_admin_once(client: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        token = make_link(session, database_now(session), role=ADMIN)
    form = {"name": "ann", "password": PASSWORD, "again": PASSWORD}
    assert "Make an account" in client.text(f"/link/{token}")
    assert client.post(f"/link/{token}", form).location == "/"
    assert "People" in client.text("/")
    assert client.post(f"/link/{token}", {**form, "name": "eve"}).status_code == 404
    with make_sessions(engine).begin() as session:
        assert has_accounts(session)
        assert session.scalars(select(ConsoleUser.name)).all() == ["ann"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"password": "short", "again": "short"}, "at least 10"),
        ({"again": "another password"}, "differ"),
        ({"name": "<script>"}, "letters, digits"),
    ],
)
def test_a_wrong_form_of_a_link_says_why_and_leaves_the_link(
    client: Client, engine: Engine, changed: dict[str, str], message: str
) -> None:
    with make_sessions(engine).begin() as session:
        token = make_link(session, database_now(session), role=ADMIN)
    form = {"name": "ann", "password": PASSWORD, "again": PASSWORD}
    response = client.post(f"/link/{token}", form | changed)
    assert response.status_code == 400
    assert message in response.text
    assert "<script>" not in response.text.partition("<main")[2]
    assert client.post(f"/link/{token}", form).status_code == 302


def test_a_link_is_over_after_a_day(client: Client, engine: Engine) -> None:
    with make_sessions(engine).begin() as session:
        token = make_link(session, database_now(session), role=ADMIN)
        session.execute(update(ConsoleLink).values(expires_at=database_now(session) - timedelta(seconds=1)))
    assert client.get(f"/link/{token}").status_code == 404
    assert timedelta(hours=24) == LINK_AGE


def test_a_login_leads_to_the_page_that_was_asked_for(client: Client, ann: str) -> None:
    response = client.get("/runs/?verdict=bad")
    assert response.location == "/login?next=/runs/?verdict%3Dbad"
    assert 'value="/runs/?verdict=bad"' in client.text(response.location)
    response = client.post("/login", {"name": ann, "password": PASSWORD, "next": "/runs/?verdict=bad"})
    assert response.location == "/runs/?verdict=bad"
    cookie = next(header for header in response.headers.getlist("Set-Cookie") if header.startswith(COOKIE))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "\t//evil",
        "",
        None,
    ],
)
def test_a_login_leads_to_no_other_site(text: str | None) -> None:
    assert local_path(text) is None


def have_to_wait_long(engine: Engine) -> None:
    """Let those who have to wait do so for minutes: the first wait is a second, and a machine may be slow."""
    with make_sessions(engine).begin() as session:
        waiting = update(LoginFailure).where(LoginFailure.failures == FREE["pair"])
        assert session.execute(waiting.values(failures=FREE["pair"] + 8)).rowcount  # type: ignore[attr-defined]


def test_failed_logins_have_to_wait_and_are_listed(client: Client, ann: str, engine: Engine) -> None:
    assert [log_in(client, ann, f"wrong {number}") for number in range(5)] == [401] * 5
    have_to_wait_long(engine)
    assert [log_in(client, ann, f"wrong {number}") for number in range(2)] == [429] * 2
    response = client.post("/login", {"name": ann, "password": PASSWORD})
    assert response.status_code == 429, "the right password has to wait, too"
    assert int(response.headers["Retry-After"]) >= 1
    with make_sessions(engine).begin() as session:
        actions = session.scalars(select(ConsoleAction).where(ConsoleAction.succeeded.is_(False))).all()
    assert {action.actor for action in actions} == {ann}
    assert len(actions) == 8


def test_the_wait_grows_and_ends() -> None:
    waits = [wait_after("pair", number).total_seconds() for number in range(20)]
    assert waits[:5] == [0] * 5
    assert waits[5:9] == [1, 2, 4, 8]
    assert max(waits) == 900


def test_an_unknown_name_gets_the_same_answer_as_a_wrong_password(client: Client, ann: str) -> None:
    first = client.post("/login", {"name": ann, "password": "wrong wrong"}).text
    second = client.post("/login", {"name": "bob", "password": "wrong wrong"}).text
    assert first.replace(ann, "bob") == second


@pytest.mark.parametrize(("column", "age"), [("used_at", 12.1), ("created_at", 7 * 24 + 0.1)])
def test_a_session_ends_when_it_is_idle_or_old(
    viewer: Client, engine: Engine, column: str, age: float
) -> None:
    assert viewer.get("/").status_code == 200
    with make_sessions(engine).begin() as session:
        then = database_now(session) - timedelta(hours=age)
        session.execute(update(ConsoleSession).values({column: then}))
    assert viewer.get("/").status_code == 302


def test_logging_out_ends_the_session(viewer: Client) -> None:
    assert viewer.post("/logout").location == "/login"
    viewer.client.set_cookie(COOKIE, viewer.cookie or "")
    assert viewer.get("/").status_code == 302


def test_a_thief_of_a_session_cannot_guess_the_password(client: Client, engine: Engine, ann: str) -> None:
    assert log_in(client, ann, PASSWORD) == 302
    client.cookie = client.client.get_cookie(COOKIE).value  # type: ignore[union-attr]
    new = {"new": "another long password", "again": "another long password"}
    for _ in range(5):
        assert client.post("/account/password", {"old": "wrong", **new}).status_code == 400
    have_to_wait_long(engine)
    response = client.post("/account/password", {"old": PASSWORD, **new})
    assert response.status_code == 429, "the right password has to wait, too"
    with engine.connect() as connection:
        done = connection.scalars(
            select(ConsoleAction.succeeded).where(ConsoleAction.action == "change password")
        )
        assert done.all() == [False] * 6


def test_few_passwords_are_looked_at_at_once(
    client: Client, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_limit, "PATIENCE", 0.01)
    taken = [login_limit._places.acquire(blocking=False) for _ in range(login_limit.AT_ONCE)]
    try:
        assert all(taken)
        assert log_in(client, ann, PASSWORD) == 503
        assert client.get("/login").status_code == 200
    finally:
        for _ in taken:
            login_limit._places.release()
    assert log_in(client, ann, PASSWORD) == 302


def test_a_new_password_ends_other_sessions(app: APIFlask, client: Client, ann: str) -> None:
    other = Client(app.test_client(), None)
    for one in (client, other):
        assert log_in(one, ann, PASSWORD) == 302
        one.cookie = one.client.get_cookie(COOKIE).value  # type: ignore[union-attr]
    form = {"old": PASSWORD, "new": "another long password", "again": "another long password"}
    assert client.post("/account/password", {**form, "old": "wrong"}).status_code == 400
    assert client.post("/account/password", form).status_code == 302
    assert client.get("/").status_code == 200
    assert other.get("/").status_code == 302


def make_tokens(engine: Engine, *names: str) -> dict[str, str]:
    """Return a new API token of each of these accounts, by account."""
    tokens = {name: new_token("sdt_") for name in names}
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        for name, token in tokens.items():
            user_id = session.scalars(select(ConsoleUser.id).where(ConsoleUser.name == name)).one()
            session.add(
                ConsoleToken(
                    token=digest(token),
                    user_id=user_id,
                    name=f"nightly of {name}",
                    role=VIEWER,
                    created_at=now,
                    expires_at=now + timedelta(days=1),
                )
            )
    return tokens


def status_of(client: Client, token: str) -> int:
    """Return the status of a request of a program with this token."""
    return client.get("/api/v1/runs", headers={"Authorization": f"Bearer {token}"}).status_code


def ended_tokens(engine: Engine) -> list[tuple[str | None, str | None]]:
    """Return who ended tokens with a new password, and which ones."""
    with engine.connect() as connection:
        query = select(ConsoleAction.actor, ConsoleAction.target).where(ConsoleAction.action == "end tokens")
        return [(row.actor, row.target) for row in connection.execute(query)]


def test_a_new_password_ends_the_tokens_of_the_account(
    app: APIFlask, client: Client, viewer: Client, ann: str, engine: Engine
) -> None:
    tokens = make_tokens(engine, ann, "a-viewer")
    program = Client(app.test_client(), None)
    assert log_in(client, ann, PASSWORD) == 302
    client.cookie = client.client.get_cookie(COOKIE).value  # type: ignore[union-attr]
    form = {"old": PASSWORD, "new": "another long password", "again": "another long password"}
    assert client.post("/account/password", {**form, "old": "wrong"}).status_code == 400
    assert status_of(program, tokens[ann]) == 200, "the password is the same"
    assert "ends your other sessions and all your tokens" in client.text("/account/")
    assert client.post("/account/password", form).status_code == 302
    assert status_of(program, tokens[ann]) == 401
    assert status_of(program, tokens["a-viewer"]) == 200
    assert ended_tokens(engine) == [(ann, "nightly of ann (new password)")]


def test_a_link_of_an_admin_ends_the_tokens_when_it_sets_the_password(
    app: APIFlask, admin: Client, client: Client, ann: str, engine: Engine
) -> None:
    tokens = make_tokens(engine, ann, "a-admin")
    program = Client(app.test_client(), None)
    with engine.connect() as connection:
        number = connection.scalars(select(ConsoleUser.id).where(ConsoleUser.name == ann)).one()
    page = admin.post(f"/people/{number}/link").text
    assert "all sessions and tokens of ann end" in page
    link = "/link/" + page.partition("/link/")[2].partition("<")[0].strip()
    assert status_of(program, tokens[ann]) == 200, "the link is not used yet"
    assert "ends all sessions and tokens of this account" in client.text(link)
    form = {"name": ann, "password": "another long password", "again": "another long password"}
    assert client.post(link, form).status_code == 302
    assert status_of(program, tokens[ann]) == 401
    assert status_of(program, tokens["a-admin"]) == 200
    assert ended_tokens(engine) == [(ann, "nightly of ann (new password)")]
