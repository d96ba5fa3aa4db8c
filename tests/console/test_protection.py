"""Other sites, other hosts, roles, tokens, and the headers of responses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from apiflask import APIFlask
from sqlalchemy import Engine, select

from console.app import create_app
from console.config import ConsoleConfig
from models import ConsoleToken, ConsoleUser
from tests.console.conftest import Client


def test_a_form_without_the_token_does_nothing(admin: Client, engine: Engine) -> None:
    form = {"name": "eve", "role": "admin"}
    assert admin.client.post("/people/", data=form).status_code == 403
    assert admin.client.post("/people/", data={**form, "csrf_token": "0" * 64}).status_code == 403
    with engine.connect() as connection:
        assert "eve" not in connection.scalars(select(ConsoleUser.name)).all()
    assert admin.client.post("/people/", data={**form, "csrf_token": admin.csrf}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_site_does_nothing_even_with_the_token(
    admin: Client, headers: dict[str, str]
) -> None:
    assert admin.post("/people/", {"name": "eve", "role": "admin"}, headers=headers).status_code == 403
    assert admin.post("/login", {"name": "a", "password": "b"}, headers=headers).status_code == 403


def test_a_form_of_our_own_page_is_accepted(admin: Client) -> None:
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert admin.post("/people/", {"name": "bob", "role": "viewer"}, headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example"])
def test_another_host_is_refused(viewer: Client, host: str) -> None:
    assert viewer.get("/", base_url=f"http://{host}/").status_code == 400


@pytest.mark.parametrize("number", [2**63, 10**40])
def test_a_number_that_no_row_can_have_is_not_found(admin: Client, app: APIFlask, number: int) -> None:
    for rule in app.url_map.iter_rules():
        if "<int:" not in rule.rule:
            continue
        path = rule.build(dict.fromkeys(rule.arguments, number), append_unknown=False)
        assert path is not None
        if "GET" in (rule.methods or set()):
            assert admin.get(path[1]).status_code == 404, path
        else:
            assert admin.post(path[1], {"role": "viewer", "kind": "stop"}).status_code == 404, path
    assert admin.get(f"/pages/?run=000000000001{number}").status_code == 400


@pytest.mark.parametrize(
    "body",
    ["[" * 100_000, '{"a":' * 10_000 + "1" + "}" * 10_000, '{"kind": ' + "9" * 10_000 + "}", "{", "\xff"],
)
def test_json_that_cannot_be_read_is_refused(operator: Client, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    response = operator.post("/api/v1/runs/1/orders", body.encode("latin-1"), headers=headers)
    assert response.status_code == 400, response.text
    assert response.content_type == "application/problem+json"


def test_what_a_stranger_types_cannot_turn_the_text_of_a_page(admin: Client, client: Client) -> None:
    name = "\u202e\x1b[31mreversed"
    assert client.post("/login", {"name": name, "password": "x"}).status_code == 401
    text = admin.text("/people/actions")
    assert "[31mreversed" in text
    assert "\u202e" not in text
    assert "\x1b" not in text


def test_nothing_is_changed_by_a_get(app: APIFlask) -> None:
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        assert not ({"GET", "POST"} <= (rule.methods or set())), f"{rule} must have one view for each method"
        assert view is not None


@pytest.mark.parametrize("path", ["/people/", "/people/1/link", "/people/1/role", "/people/1/disable"])
def test_only_an_admin_manages_people(operator: Client, path: str) -> None:
    assert operator.post(path, {"name": "eve", "role": "admin"}).status_code == 403


def test_a_viewer_cannot_order(viewer: Client) -> None:
    assert viewer.post("/runs/1/orders", {"kind": "stop"}).status_code == 403
    assert viewer.post("/orders/1/withdraw").status_code == 403
    assert viewer.get("/runs/1/again").status_code == 403


def test_a_token_is_shown_once_and_only_its_hash_is_stored(
    operator: Client, engine: Engine, app: APIFlask
) -> None:
    page = operator.post("/account/tokens", {"name": "script", "role": "viewer", "days": "1"}).text
    (token,) = set(re.findall(r"sdt_[\w-]{40,}", page))
    assert token not in operator.text("/account/")
    with engine.connect() as connection:
        row = connection.execute(select(ConsoleToken.__table__)).one()
    assert token.encode() not in bytes(row.token)
    program = app.test_client()
    assert program.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 302, (
        "only for the API"
    )


def test_nobody_makes_a_token_above_the_own_role(operator: Client) -> None:
    assert operator.post("/account/tokens", {"name": "x", "role": "admin"}).status_code == 400


def test_the_last_admin_stays(admin: Client, engine: Engine) -> None:
    with engine.connect() as connection:
        number = connection.scalar(select(ConsoleUser.id))
    assert "last admin" in admin.post(f"/people/{number}/role", {"role": "viewer"}).text
    assert admin.post(f"/people/{number}/disable").status_code == 400


def test_every_page_has_the_policy_of_the_browser(viewer: Client, client: Client) -> None:
    for response in (
        viewer.get("/"),
        client.get("/login"),
        viewer.get("/nothing"),
        client.get("/static/site.css"),
    ):
        policy = response.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_no_template_has_inline_script_or_style() -> None:
    for file in Path("console/templates").glob("*.html"):
        text = file.read_text("utf-8")
        assert not re.search(
            r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text
        ), file


def test_behind_a_proxy_paths_begin_with_its_prefix(engine: Engine, tmp_path: Path) -> None:
    config = ConsoleConfig(pages_folder=tmp_path, hosts=("console.example",), proxies=1)
    client = create_app(config, engine).test_client()
    headers = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "console.example",
        "X-Forwarded-Prefix": "/splashdown",
    }
    response = client.get("/", headers=headers)
    assert response.location == "/splashdown/login?next=/"
    page = client.get("/login", headers=headers)
    assert 'action="/splashdown/login"' in page.text
    assert "Strict-Transport-Security" in page.headers


def test_without_a_proxy_its_headers_do_not_count(viewer: Client) -> None:
    assert viewer.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 200
    assert 'href="/runs/"' in viewer.get("/", headers={"X-Forwarded-Prefix": "/evil"}).text


def test_the_file_of_the_configuration_overrides_the_environment(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "console.py"
    file.write_text("TRUSTED_HOSTS = ['only.example']\n")
    client = create_app(ConsoleConfig(pages_folder=tmp_path, file=file), engine).test_client()
    assert client.get("/login").status_code == 400
    assert client.get("/login", base_url="http://only.example/").status_code == 200
