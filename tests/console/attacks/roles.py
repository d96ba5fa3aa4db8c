"""Orders of higher roles, and tokens and accounts of other people, by a low role, by a token and without a login."""

from __future__ import annotations

import re
from collections.abc import Iterator

from models.console_account import VIEWER
from tests.console.attacks import routes
from tests.console.attacks.attack import Attack, Try, status_try
from tests.console.attacks.target import Target, Visitor

OWN = ("/login", "/logout", "/link/", "/account/")  # what each role may do
FORM = {
    "kind": "stop",
    "spider": "books",
    "name": "eve",
    "role": "admin",
    "value": "1",
    "expression": "* * * * *",
    "paused": "1",
    "hours": "1",
    "sink": "x",
}
# What each order of the API needs, by the end of its path.
BODIES = {
    "/schedules/books": b'{"paused": true}',
    "/pages": b'{"kind": "replay"}',
    "/orders": b'{"kind": "stop"}',
}


def body_of(path: str) -> bytes:
    """Return the JSON that an order of the API needs."""
    if "/pages/" in path:
        return BODIES["/pages"]
    return next((body for end, body in BODIES.items() if path.endswith(end)), b"{}")


def orders_of_a_viewer(target: Target) -> Iterator[Try]:
    """Send each order with the session and with a token of a viewer."""
    before = target.state()
    for method, path in routes.changing(target.run_id):
        if path.startswith(OWN):
            continue
        if path.startswith("/api/"):
            answer = target.viewer.send_json(method, path, body_of(path))
        else:
            answer = target.viewer.post(path, FORM)
        yield status_try(f"{method} {path}", answer, 403, also=target.state() == before)
    for rule, names in (
        ("/people/", ()),
        ("/people/actions", ()),
        (f"/runs/{target.run_id}/again", names_of_run()),
    ):
        yield status_try(f"GET {rule}", target.viewer.get(rule, **dict.fromkeys(names, "1")), 403)


def names_of_run() -> tuple[str, ...]:
    return routes.ARGUMENTS["/runs/<int:run_id>/again"]


def orders_of_a_token(target: Target) -> Iterator[Try]:
    """Make tokens with a viewer's session, and send each order of the API with one of them."""
    for role in ("operator", "admin", "", "Admin", "viewer,admin"):
        answer = target.viewer.post("/account/tokens", {"name": "x", "role": role})
        yield status_try(f"a token of the role {role!r}", answer, 400)
    made = target.viewer.post("/account/tokens", {"name": "x", "role": VIEWER, "days": "9" * 30})
    token = re.search(r"sdt_[\w-]+", made.text)
    assert token, made
    before = target.state()
    program = Visitor(target.port)
    bearer = {"Authorization": f"Bearer {token[0]}"}
    for method, path in routes.changing(target.run_id):
        if path.startswith("/api/"):
            answer = program.send_json(method, path, body_of(path), bearer)
            yield status_try(f"{method} {path}", answer, 403, also=target.state() == before)
        elif path.startswith("/account/"):
            answer = program.post(path, {"name": "y", "role": VIEWER}, bearer)
            yield status_try(f"{method} {path}", answer, 302, also=target.state() == before)
    answer = target.admin.send_json(
        "POST", f"/api/v1/orders/{target.order_id}/withdraw", b"{}", bearer | {"X-CSRF-Token": ""}
    )
    yield status_try("a viewer's token beside an admin's cookie", answer, 403, also=target.state() == before)


def orders_of_nobody(target: Target) -> Iterator[Try]:
    """Call each route without a session."""
    before = target.state()
    for method, path in routes.changing(target.run_id):
        if path.startswith(("/login", "/link/")):
            continue
        if path.startswith("/api/"):
            yield status_try(
                path,
                target.anybody.send_json(method, path, body_of(path)),
                401,
                also=target.state() == before,
            )
        else:
            yield status_try(path, target.anybody.post(path, FORM), 302, also=target.state() == before)
    for rule in routes.rules():
        path = routes.filled(rule.rule, target.run_id)
        if "GET" in (rule.methods or set()) and not path.startswith(("/login", "/link/")):
            yield status_try(path, target.anybody.get(path), 401 if path.startswith("/api/") else 302)


def orders_of_an_operator(target: Target) -> Iterator[Try]:
    """Send the orders of an admin with the session of an operator."""
    before = target.state()
    for method, path in routes.changing(target.run_id):
        if path.startswith("/people/"):
            yield status_try(
                f"{method} {path}", target.operator.post(path, FORM), 403, also=target.state() == before
            )


def things_of_others(target: Target) -> Iterator[Try]:
    """Name the ids of other people and of what does not exist."""
    target.admin.post("/account/tokens", {"name": "admin's", "role": "admin"})
    before = target.state()
    for number in (*range(2, 6), 0, 2**31, 2**63, 2**64, 10**40):
        answer = target.viewer.post(f"/account/tokens/{number}/delete")
        yield status_try(f"token {number}", answer, 404, also=target.state() == before)
    for path in ("-1", "1.0", "1e0", "0x1", "%31%00", "1;2", "1'"):
        answer = target.viewer.post(f"/account/tokens/{path}/delete")
        yield status_try(f"token {path}", answer, 400, 404, 405, also=target.state() == before)
    form = {"user_id": "1", "id": "1", "user": "ann", "old": "x", "new": "p" * 12, "again": "p" * 12}
    yield status_try(
        "the password of another",
        target.viewer.post("/account/password", form),
        400,
        also=target.state() == before,
    )


ATTACKS: dict[str, Attack] = {
    "A stolen viewer's session: each order of an operator and an admin": orders_of_a_viewer,
    "A viewer's token: a higher role, each order": orders_of_a_token,
    "An operator's session: each order of an admin": orders_of_an_operator,
    "Nobody: each page and each order": orders_of_nobody,
    "Ids of other people's tokens and accounts": things_of_others,
}
