"""Attacks at the login, with sessions, with one-time links and with passwords."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from console.security.identity import COOKIE
from console.security.login_limit import AT_ONCE, FREE
from models.console_account import OPERATOR, VIEWER, ConsoleUser
from tests.console.attacks.attack import Attack, Try, status_try
from tests.console.attacks.hostile_data import EVIL
from tests.console.attacks.target import NAMES, Answer, Target, Visitor, cookie_of
from tests.console.live_console import PASSWORD

PARALLEL = 24
MANY = 150


def _limited(
    target: Target,
    what: str,
    free: int,
    guess: Callable[[int], Answer],
    right: Callable[[], Answer],
    tries: int = 0,
) -> Iterator[Try]:
    """Guess some passwords: few are looked at, and then not even the right one.

    The wait is 1 s, 2 s, 4 s after further failures, so a slow attack has more looks.
    """
    target.forget_failures()
    began, looked_at = time.monotonic(), 0
    for number in range(tries or free + 7):
        answer = guess(number)
        looked_at += answer.status not in (429, 503)
        most = free + 1 + int(math.log2(time.monotonic() - began + 1))
        yield status_try(what, answer, 400, 401, 429, 503, also=looked_at <= most)
    target.let_failures_last()
    yield status_try(f"{what}, the right password", right(), 429)
    target.forget_failures()


def brute_force(target: Target) -> Iterator[Try]:
    """Try wrong passwords for one name."""
    yield from _limited(
        target,
        "one name",
        FREE["pair"],
        lambda number: target.log_in("vic", f"wrong password {number}"),
        lambda: target.log_in("vic"),
    )


def brute_force_by_many_addresses(target: Target) -> Iterator[Try]:
    """Say another address with each try."""

    def headers(number: int) -> dict[str, str]:
        return {
            "X-Forwarded-For": f"10.0.0.{number}",
            "X-Real-IP": "10.0.0.9",
            "Forwarded": f"for=10.0.1.{number}",
        }

    yield from _limited(
        target,
        "X-Forwarded-For",
        FREE["pair"],
        lambda number: target.log_in("vic", f"wrong password {number}", headers(number)),
        lambda: target.log_in("vic", headers=headers(99)),
    )


def brute_force_at_once(target: Target) -> Iterator[Try]:
    """Send wrong passwords at the same time, before the first failure is counted."""
    sent: list[Future[Answer]] = []
    with ThreadPoolExecutor(PARALLEL) as pool:

        def send(number: int) -> Future[Answer]:
            form = {"name": "vic", "password": f"wrong password {number}"}
            return pool.submit(Visitor(target.port).post, "/login", form)

        def answer(number: int) -> Answer:
            if not sent:
                sent.extend(send(one) for one in range(PARALLEL))
                wait(sent)
            return sent[number].result()

        # A server's database looks at AT_ONCE passwords before it has counted the first of them.
        free = FREE["pair"] + AT_ONCE - 1
        yield from _limited(target, "at once", free, answer, lambda: target.log_in("vic"), PARALLEL)


def many_at_once(target: Target) -> Iterator[Try]:
    """Let strangers log in with many names at the same time: the pages of others must come meanwhile."""
    target.forget_failures()
    with ThreadPoolExecutor(MANY) as pool:
        sent = [
            pool.submit(
                Visitor(target.port).post, "/login", {"name": f"person{number}", "password": "x" * 20}
            )
            for number in range(MANY)
        ]
        pages = [target.viewer.get("/orders/") for _ in range(5)]
        for one in sent:
            yield status_try("a login", one.result(), 401, 429, 503)
    for page in pages:
        yield status_try("a page of a viewer", page, 200)
    target.forget_failures()


def spraying(target: Target) -> Iterator[Try]:
    """Try one password for many names, and some names with other capitals and spaces."""
    written = ["VIC", "vic ", " vic", "vic\u200b", "ｖｉｃ"]
    yield from _limited(
        target,
        "many names",
        FREE["address"],
        lambda number: target.log_in(
            written[number] if number < len(written) else f"x{number}", "spring 2026"
        ),
        lambda: target.log_in("ann"),
    )


def old_password_by_a_thief(target: Target) -> Iterator[Try]:
    """Guess the password of an account with its stolen session."""
    target.forget_failures()
    thief = target.logged_in(VIEWER)

    def guess(old: str) -> Answer:
        new = "a password of the thief"
        return thief.post("/account/password", {"old": old, "new": new, "again": new})

    yield from _limited(
        target,
        "old password",
        FREE["pair"],
        lambda number: guess(f"wrong password {number}"),
        lambda: guess(PASSWORD),
    )


def open_redirects(target: Target) -> Iterator[Try]:
    """Log in with a target elsewhere."""
    target.forget_failures()
    for text in (
        f"https://{EVIL}/",
        f"//{EVIL}/",
        f"///{EVIL}",
        f"/\\{EVIL}",
        f"\\\\{EVIL}",
        f"/\t/{EVIL}",
        f"/\n/{EVIL}",
        f"/%0d%0aLocation: https://{EVIL}",
        f"/\r\nLocation: https://{EVIL}",
        f"javascript://{EVIL}/%0aalert(1)",
        f"data:text/html,{EVIL}",
        f"/..//{EVIL}",
        f"/.//{EVIL}",
        f" //{EVIL}",
        f"http:{EVIL}",
        f"@{EVIL}",
        f"/@{EVIL}",
        f"//[{EVIL}",
        f"/\u2215/{EVIL}",
        f"／／{EVIL}",
        f"{target.url}@{EVIL}/",
        f"/\x00//{EVIL}",
    ):
        answer = target.log_in(NAMES[VIEWER], next=text)
        location = answer.headers.get("location", "")
        here = answer.status == 302 and location.startswith("/") and location[1:2] not in ("/", "\\")
        here = here or answer.status == 400
        came = f"{answer.status}, stays here" if here else f"{answer.status} {location}"
        yield Try(what=text, came=came, held=here)
        form = target.anybody.get("/login", next=text)
        shown = f'value="{text}"' in form.text and not (text.startswith("/") and here)
        yield Try(what=f"form {text}", came=str(form.status), held=not shown and form.status in (200, 400))


def fixed_sessions(target: Target) -> Iterator[Try]:
    """Give the victim a session that the attacker knows, then let the victim log in."""
    target.forget_failures()
    for known in ("a" * 43, "", "x; Path=/", target.viewer.cookie or ""):
        victim = Visitor(target.port, known or None)
        form = {"name": NAMES[OPERATOR], "password": PASSWORD}
        answer = victim.post("/login", form)
        is_new = answer.status == 302 and cookie_of(answer) != known
        yield Try(what=known, came="a new session" if is_new else str(answer.status), held=is_new)
        if known != target.viewer.cookie:
            yield status_try("the known session", Visitor(target.port, known).get("/"), 302, 400)
        else:
            role = Visitor(target.port, known).get("/api/v1/me").text
            yield Try(what="the attacker's own session", came="stays a viewer", held='"viewer"' in role)


def cookies(target: Target) -> Iterator[Try]:
    """Look at the attributes of each cookie, and send forged ones."""
    target.forget_failures()
    for answer in (
        target.log_in(NAMES[VIEWER]),
        target.viewer.post("/schedules/pause", {}),
        target.operator.post("/runs/1/orders", {"kind": "stop"}),
    ):
        for one in answer.cookies:
            held = "HttpOnly" in one and "SameSite=Lax" in one and "Domain" not in one
            yield Try(what=one.partition("=")[0], came="HttpOnly, SameSite=Lax" if held else one, held=held)
    for forged in ("' OR 1=1 --", "0" * 43, "../" * 9, "%00", "\xff\xfe", "x" * 4000, '"\\303\\277"', "null"):
        for path, status in (("/", 302), ("/api/v1/me", 401)):
            answer = target.anybody.get(path, {"Cookie": f"{COOKIE}={forged}"})
            yield status_try(forged, answer, status, 400)
    messages = "eyJfZmxhc2hlcyI6W3siIHQiOlsiZXJyb3IiLCI8c2NyaXB0PiJdfV19.aAAAAA.AAAA"
    answer = target.viewer.get(
        "/", {"Cookie": f"{COOKIE}={target.viewer.cookie}; splashdown_messages={messages}"}
    )
    yield status_try("a forged message", answer, 200, also="<script>&" not in answer.text)


def tokens_in_addresses(target: Target) -> Iterator[Try]:
    """Send what identifies a person as an argument, where logs and other sites see it."""
    for name in (COOKIE, "token", "access_token", "session", "Authorization", "api_key"):
        for value in (target.admin.cookie, f"Bearer {target.admin.cookie}"):
            for path, status in (("/api/v1/me", 401), ("/people/", 302)):
                yield status_try(f"{path}?{name}=", target.anybody.get(path, **{name: value}), status)
    for header in (
        "Bearer",
        "Bearer ",
        "Basic YW5uOnh4",
        f"Bearer {target.admin.cookie}",
        "Bearer sdt_",
        "Bearer sdt_' OR 1=1",
        "bearer\tsdt_x",
    ):
        yield status_try(header, target.anybody.get("/api/v1/me", {"Authorization": header}), 401)
    for page in ("/login", "/link/" + "x" * 43, "/"):
        policy = target.admin.get(page).headers.get("referrer-policy")
        yield Try(
            what=f"Referer of {page}",
            came=f"Referrer-Policy: {policy}",
            held=policy in ("same-origin", "no-referrer"),
        )


def used_links(target: Target) -> Iterator[Try]:
    """Use a one-time link again, use one twice at the same time, and guess some."""
    before = target.state()

    def form(name: str) -> dict[str, Any]:
        return {"name": name, "password": PASSWORD, "again": PASSWORD}

    for path in (
        target.first_link,
        "/link/" + "x" * 43,
        "/link/'%20OR%201=1",
        "/link/%2e%2e",
        "/link/%C3%28",
    ):
        yield status_try(f"GET {path[:12]}", target.anybody.get(path), 404, 400)
        yield status_try(
            path[:12], target.anybody.post(path, form("eve")), 404, 400, also=target.state() == before
        )
    path = target.invite("twice", VIEWER)
    with ThreadPoolExecutor(PARALLEL) as pool:
        visitors = [Visitor(target.port) for _ in range(8)]
        answers = list(pool.map(lambda one: one.post(path, form("twice")), visitors))
    used = sum(answer.status == 302 for answer in answers)
    for answer in answers:
        yield status_try("one link, 8 times at once", answer, 302, 404, also=used == 1)
    path = target.invite("late", VIEWER)
    second = target.admin.post(f"/people/{_number(target, 'late')}/link")
    yield status_try(
        "a link after a newer one", target.anybody.post(path, form("late")), 404, also=second.status == 200
    )
    path = target.invite("gone", VIEWER)
    target.admin.post(f"/people/{_number(target, 'gone')}/disable")
    answer = target.anybody.post(path, form("gone"))
    entered = answer.status == 302 and Visitor(target.port, cookie_of(answer)).get("/api/v1/me").status == 200
    yield status_try("the link of a disabled account", answer, 302, 404, also=not entered)


def _number(target: Target, name: str) -> int:
    with Session(target.engine) as session:
        return session.scalars(select(ConsoleUser.id).where(ConsoleUser.name == name)).one()


def sessions_that_are_over(target: Target) -> Iterator[Try]:
    """Use a session after its logout, after a new password, and after a lower role."""
    target.forget_failures()
    thief = target.logged_in(OPERATOR)
    yield status_try("before", thief.get("/"), 200)
    other = target.logged_in(OPERATOR)
    other.post("/account/password", {"old": PASSWORD, "new": PASSWORD, "again": PASSWORD})
    yield status_try("after a new password", thief.get("/"), 302)
    target.operator = target.logged_in(OPERATOR)
    leaving = target.logged_in(OPERATOR)
    leaving.post("/logout")
    yield status_try("after the logout", leaving.get("/"), 302)
    number = _number(target, NAMES[OPERATOR])
    order = f"/orders/{target.order_id}/withdraw"
    target.admin.post(f"/people/{number}/role", {"role": VIEWER})
    yield status_try("after a lower role", target.operator.post(order), 403)
    target.admin.post(f"/people/{number}/disable")
    yield status_try("after the account was disabled", target.operator.get("/"), 302)
    yield status_try("the password of a disabled account", target.log_in(NAMES[OPERATOR]), 401)
    target.admin.post(f"/people/{number}/disable")
    target.admin.post(f"/people/{number}/role", {"role": OPERATOR})
    target.operator = target.logged_in(OPERATOR)


ATTACKS: dict[str, Attack] = {
    "Brute force: one name": brute_force,
    "Brute force: another `X-Forwarded-For` each time": brute_force_by_many_addresses,
    f"Brute force: {PARALLEL} passwords at once": brute_force_at_once,
    f"{MANY} logins at once, and pages of others meanwhile": many_at_once,
    "Brute force: one password, many names": spraying,
    "Brute force: the old password, with a stolen session": old_password_by_a_thief,
    "Open redirect after login": open_redirects,
    "A session that the attacker has chosen": fixed_sessions,
    "Cookies: their attributes, and forged ones": cookies,
    "Secrets in the address, forged tokens": tokens_in_addresses,
    "One-time links: used, twice at once, replaced, guessed": used_links,
    "Sessions after logout, new password, lower role": sessions_that_are_over,
}
