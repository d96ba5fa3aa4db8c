"""The API: it answers as its OpenAPI document says, to programs with a token and to browsers with a session."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import schemathesis
from apiflask import APIFlask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import Engine, select

from console.security.accounts import add_user
from console.security.passwords import digest, new_token
from models import ConsoleToken, CrawlRequest, CrawlRun, RejectedItem
from models.console_account import ADMIN
from models.crawl_order import PAUSE, START, CrawlOrder, ask
from models.run import database_now
from models.run_log import RunLogLine
from models.run_sample import RunSample
from models.session import make_sessions
from models.spider_schedule import SpiderSchedule
from tests.console.conftest import Client

EXAMPLES = 200  # requests of the test with random ones, over all operations
# What exists in the database of these tests, for the parameters of paths.
KNOWN: dict[str, Any] = {"run_id": 1, "number": 1, "spider": "books"}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture
def filled(engine: Engine) -> None:
    """Store a run with everything that the API lists, and a good run before it."""
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        counts = {
            "pages": {"done": 2, "failed": 1},
            "rows": {"book": 3},
            "coverage": {"book": {"price": 0.5}},
        }
        for number in (1, 2):
            session.add(
                CrawlRun(
                    id=number,
                    spider="books",
                    arguments={"shelf": "art", "password": "***"},
                    scope=b"s" * 32,
                    started_at=now - timedelta(hours=2),
                    finished_at=now,
                    finish_reason="finished",
                    verdict=number - 1,
                    reasons=["fewer rows"],
                    counts=counts,
                    seconds=60.5,
                )
            )
        session.flush()
        for number in (1, 2, 3):
            session.add(
                CrawlRequest(
                    run_id=2,
                    number=number,
                    identity=bytes([number]) * 20,
                    url=f"http://user:secret@shop.example/{number}?token=abc",
                    priority=0,
                    position=number,
                    depth=0,
                    state="failed",
                    status=500,
                    error="ValueError: password=hunter2",
                    kept_page=f"2/{number}",
                )
            )
            session.add(
                RejectedItem(
                    run_id=2,
                    request_number=number,
                    spider="books",
                    table_name="book",
                    url="http://shop.example/",
                    item={"price": "x"},
                    reasons={"price": "no number", "": "twice"},
                    keyed=True,
                    at=now,
                )
            )
            session.add(RunLogLine(run_id=2, number=number, at=now, level="INFO", logger="x", message="m"))
            session.add(RunSample(run_id=2, number=number, at=now, queued=1, done=number, failed=0, rows=0))
        session.add(SpiderSchedule(spider="books", loaded_at=now))
        ask(session, START, by="ann", now=now, spider="books", arguments={"arguments": {}})
        ask(session, PAUSE, by="ann", now=now, run_id=2)


@pytest.fixture
def token(engine: Engine) -> str:
    """Return the token of a program of an admin."""
    token = new_token("sdt_")
    with make_sessions(engine).begin() as session:
        now = database_now(session)
        user = add_user(session, "robot", ADMIN, now, password="not a hash")
        session.add(
            ConsoleToken(
                token=digest(token),
                user_id=user.id,
                name="nightly",
                role=ADMIN,
                created_at=now,
                expires_at=now + timedelta(days=1),
            )
        )
    return token


def document(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/openapi.json").json
    return found


def test_random_requests_get_the_answers_of_the_document(
    app: APIFlask, filled: None, token: str, admin: Client
) -> None:
    schema = schemathesis.openapi.from_dict(document(admin))
    schema.app = app
    operations = [result.ok() for result in schema.get_all_operations()]
    headers = {"Authorization": f"Bearer {token}"}
    each = max(3, EXAMPLES // len(operations) // 2)
    for operation in operations:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=each,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode), known=st.booleans())
            def ask_for(case: Any, known: bool) -> None:
                if known:
                    case.path_parameters.update(
                        {name: KNOWN[name] for name in case.path_parameters if name in KNOWN}
                    )
                case.call_and_validate(headers=headers, checks=CHECKS)

            ask_for()


def test_the_document_has_the_api_and_nothing_else(admin: Client, app: APIFlask) -> None:
    found = document(admin)
    assert found["openapi"].startswith("3.")
    rules = {
        rule.rule.replace("<int:", "{").replace("<", "{").replace(">", "}").replace("path:", "")
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
    }
    assert set(found["paths"]) == rules - {"/api/v1/openapi.json"}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            assert operation["security"], path
            assert operation["summary"], path
            problem = operation["responses"]["404"]["content"]
            assert list(problem) == ["application/problem+json"], path
            assert ("409" in operation["responses"]) is (method != "get"), path


def test_the_document_needs_a_login(client: Client) -> None:
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 401
    assert response.content_type == "application/problem+json"


def test_a_program_with_a_token_lists_runs_page_by_page(app: APIFlask, filled: None, token: str) -> None:
    program = app.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    assert program.get("/api/v1/me", headers=headers).json == {
        "name": "robot",
        "role": "admin",
        "timezone": None,
        "token_name": "nightly",
    }
    first = program.get("/api/v1/runs?limit=1", headers=headers).json
    assert [run["id"] for run in first["rows"]] == [2]
    assert first["rows"][0]["arguments"] == {"shelf": "art", "password": "***"}
    second = program.get(f"/api/v1/runs?limit=1&after={first['after']}", headers=headers).json
    assert [run["id"] for run in second["rows"]] == [1]
    assert second["after"] is None


def test_the_parts_of_a_run_have_no_secrets(viewer: Client, filled: None) -> None:
    failed = viewer.get("/api/v1/runs/2/failed?limit=2").json
    assert [one["number"] for one in failed["rows"]] == [1, 2]
    assert "secret" not in str(failed)
    assert "hunter2" not in str(failed)
    rest = viewer.get(f"/api/v1/runs/2/failed?after={failed['after']}").json
    assert [one["number"] for one in rest["rows"]] == [3]
    assert len(viewer.get("/api/v1/runs/2/rejected").json["rows"]) == 3
    assert [line["number"] for line in viewer.get("/api/v1/runs/2/log").json["rows"]] == [3, 2, 1]
    assert viewer.get("/api/v1/runs/2").json["progress"]["done"] == 3


def test_a_run_is_compared_with_the_last_good_one(viewer: Client, filled: None) -> None:
    found = viewer.get("/api/v1/runs/2/compare").json
    assert (found["this"]["id"], found["other"]["id"]) == (2, 1)
    assert {"kind": "rows", "name": "book", "this": 3.0, "other": 3.0} in found["rows"]
    assert viewer.get("/api/v1/runs/1/compare").status_code == 404


def test_an_operator_starts_a_run_again_and_withdraws(operator: Client, engine: Engine, filled: None) -> None:
    response = operator.post("/api/v1/runs/2/again", json={"arguments": {"shelf": "new"}, "fresh": True})
    assert response.status_code == 201, response.text
    number = response.json["id"]
    with make_sessions(engine).begin() as session:
        order = session.get_one(CrawlOrder, number)
        assert order.arguments == {"arguments": {"shelf": "new"}, "failed_only": False, "fresh": True}
        assert order.asked_by == "a-operator"
    assert operator.post(f"/api/v1/orders/{number}/withdraw").json["state"] == "withdrawn"
    assert operator.post(f"/api/v1/orders/{number}/withdraw").status_code == 409


def test_what_makes_no_sense_is_a_conflict(operator: Client, engine: Engine, filled: None) -> None:
    response = operator.post("/api/v1/runs/2/orders", json={"kind": "pause"})
    assert response.status_code == 409
    assert "not running" in response.json["detail"]
    # The run had a secret as an argument: it cannot be started again with the same arguments.
    assert "secret" in operator.post("/api/v1/runs/2/again", json={}).json["detail"]


def test_a_viewer_orders_nothing_by_the_api(viewer: Client, engine: Engine, filled: None) -> None:
    for path, body in (("runs/2/orders", {"kind": "stop"}), ("runs/2/again", {}), ("orders/1/withdraw", {})):
        response = viewer.post(f"/api/v1/{path}", json=body)
        assert response.status_code == 403, path
    with engine.connect() as connection:
        assert connection.scalars(select(CrawlOrder.state)).all() == ["asked", "asked"]


def test_a_session_needs_the_csrf_token(operator: Client, filled: None) -> None:
    response = operator.client.post("/api/v1/runs/2/again", json={"arguments": {}})
    assert response.status_code == 403
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/api/v1/runs?spider=%00", "/runs/?spider=%00", "/runs/?after=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwXQ"],
)
def test_text_and_numbers_that_no_database_holds_are_wrong(viewer: Client, path: str) -> None:
    assert viewer.get(path).status_code == 400
