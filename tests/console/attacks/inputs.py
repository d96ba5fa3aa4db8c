"""What no form of the console sends: paths that leave a folder, SQL, half characters, and far too much of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

from console.live import MOST_VIEWERS
from console.server import PAGE_THREADS
from tests.console.attacks import routes
from tests.console.attacks.attack import Attack, Try, no_fault, status_try
from tests.console.attacks.target import Target
from tests.console.test_tables import SQL

HALVES = (
    "%00",
    "a%00b",
    "%ED%A0%80",
    "%ED%B0%80x",
    "%FF%FE",
    "%C3%28",
    "%F4%90%80%80",
    "%E2%80%AE%1B%5B2J",
    "%uD800",
)
NUMBERS = (
    "-1",
    "0",
    "2147483648",
    "9223372036854775808",
    "9" * 40,
    "9" * 5000,
    "000000000001" + "9" * 30,
    "1e999",
    "NaN",
    "0x1",
    "١",
    "1_0",
)
DEEP = 100_000


def paths_to_other_files(target: Target) -> Iterator[Try]:
    """Ask for files outside of the folder of page snapshots and outside of the static files."""
    ups = (
        "..",
        "%2e%2e",
        "..%2f",
        "%2e%2e%2f",
        "..%5c",
        "..%c0%af",
        "%252e%252e%252f",
        "....//",
        "..;",
        ".%00.",
    )
    for up in ups:
        for end in ("etc/passwd", "proc/self/environ", "shop.db"):
            for start in (
                "/pages/",
                f"/pages/{target.run_id}/",
                f"/pages/{target.run_id}/1/",
                "/static/",
                "/static/vendor/",
            ):
                for last in ("", "/source"):
                    path = f"{start}{'/'.join([up] * 6)}/{end}{last}"
                    answer = target.viewer.request("GET", path)
                    leaks = (
                        b"root:" in answer.body or b"SQLite format" in answer.body or b"PATH=" in answer.body
                    )
                    yield status_try(path, answer, 400, 404, 308, 302, also=not leaks)
    for name in (
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "C:%5c",
        "file:///etc/passwd",
        f"{target.run_id}/1.json",
        f"{target.run_id}/01",
        f"{target.run_id}//1",
    ):
        for end in ("", "/document", "/source", "/screenshot"):
            answer = target.viewer.request("GET", f"/pages/{name}{end}")
            yield status_try(name, answer, 400, 404, 308, 302, also=b"root:" not in answer.body)
        before = target.state()
        answer = target.operator.post(f"/pages/{name}/orders", {"kind": "replay"})
        yield status_try(f"replay {name}", answer, 400, 404, 308, 405, also=target.state() == before)


def _in_every_argument(target: Target, texts: tuple[str, ...], *, encoded: bool) -> Iterator[Try]:
    document = json.loads(target.viewer.get("/api/v1/openapi.json").text)
    rows = target.rows()
    for path, needed, name in routes.reading(target.run_id, document):
        for text in texts:
            arguments = {key: quote(value) for key, value in needed.items()} | {
                name: text if encoded else quote(text)
            }
            query = "&".join(f"{key}={value}" for key, value in arguments.items())
            yield no_fault(f"{path}?{query[:200]}", target.admin.request("GET", f"{path}?{query}"))
    same = target.rows() == rows
    yield Try(what="rows of all tables", came="the same rows" if same else "other rows", held=same)


def sql_in_every_filter(target: Target) -> Iterator[Try]:
    """Send SQL in each argument of each page and each list of the API."""
    texts = tuple(SQL) if target.thorough else tuple(SQL[:1])
    yield from _in_every_argument(target, texts, encoded=False)


def halves_of_characters(target: Target) -> Iterator[Try]:
    """Send NUL, halves of characters and bytes that are no text in each argument, path, cookie and form."""
    yield from _in_every_argument(target, HALVES if target.thorough else HALVES[:1], encoded=True)
    for rule in routes.rules():
        if "<" in rule.rule:
            for text in HALVES:
                path = routes.filled(rule.rule, target.run_id, text)
                if "GET" in (rule.methods or set()):
                    yield no_fault(path, target.admin.request("GET", path))
                else:
                    yield no_fault(path, target.admin.post(path, {"kind": "stop", "role": "x"}))
    for text in HALVES:
        body = f"name={text}&password={text}&next={text}".encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        yield no_fault(f"log in {text}", target.anybody.request("POST", "/login", body, headers))
    target.forget_failures()
    for text in ('"\\ud800"', '"\\u0000"', '"\\u202e"'):
        body = (
            f'{{"arguments": {{{text}: {text}}}, "kind": {text}, "chosen": {text}, "sink": {text}}}'.encode()
        )
        for method, path in routes.changing(target.run_id):
            if path.startswith("/api/"):
                yield no_fault(f"{path} {text}", target.operator.send_json(method, path, body))


def wrong_numbers(target: Target) -> Iterator[Try]:
    """Send numbers that no column has, in each argument and each path."""
    yield from _in_every_argument(target, NUMBERS if target.thorough else NUMBERS[6:7], encoded=False)
    before = target.state()
    for rule in routes.rules():
        if "<int:" in rule.rule:
            for text in NUMBERS[:7] if target.thorough else NUMBERS[4:5]:
                if text in ("-1", "0") and not target.thorough:
                    continue
                path = routes.filled(rule.rule, target.run_id, quote(text))
                if len(path) > 7000:
                    continue
                if "GET" in (rule.methods or set()):
                    yield no_fault(path, target.admin.request("GET", path))
                elif path.startswith("/api/"):
                    yield no_fault(path, target.admin.send_json("POST", path, b'{"kind": "replay"}'))
                else:
                    yield no_fault(path, target.admin.post(path, {"kind": "stop", "role": "viewer"}))
    for hours in ("nan", "inf", "-1", "1e308", "9" * 400):
        yield no_fault(
            f"mute {hours}", target.operator.post("/schedules/mute", {"spider": "books", "hours": hours})
        )
        answer = target.operator.send_json(
            "PATCH", "/api/v1/schedules/books", f'{{"muted_hours": {hours}}}'.encode()
        )
        yield no_fault(f"mute {hours}", answer)
    same = target.state() == before
    yield Try(what="accounts and orders", came="nothing changed" if same else "changed", held=same)


def headers_in_filters(target: Target) -> Iterator[Try]:
    """Send line ends that would begin a header of the answer."""
    evil = "x%0d%0aSet-Cookie:%20pwned=1%0d%0aX-Pwned:%201%0d%0a%0d%0a<script>"
    for text in (evil, evil.replace("%0d", ""), "x%E5%98%8A%E5%98%8DSet-Cookie:pwned=1", "x%0dX-Pwned:1"):
        for path in (
            f"/login?next=/{text}",
            f"/runs/?spider={text}",
            f"/{text}",
            f"/tables/export?table=wide&format={text}",
            f"/tables/export?table={text}",
            f"/changes/export?table={text}",
            f"/schedules/spider?name={text}",
            f"/pages/{text}",
            f"/static/{text}",
        ):
            for visitor in (target.viewer, target.anybody):
                answer = visitor.request("GET", path)
                clean = "x-pwned" not in answer.headers and not any("pwned" in one for one in answer.cookies)
                yield Try(what=path, came=str(answer.status), held=clean and 0 < answer.status < 500)
        for path, form in (
            ("/schedules/pause", f"spider={text}&paused=1"),
            ("/login", f"name={text}&password=x&next=/{text}"),
        ):
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-CSRF-Token": target.operator.csrf,
            }
            answer = target.operator.request("POST", path, form.encode(), headers)
            clean = "x-pwned" not in answer.headers and not any("pwned" in one for one in answer.cookies)
            yield Try(what=path, came=str(answer.status), held=clean and 0 < answer.status < 500)
    target.forget_failures()


def too_much(target: Target) -> Iterator[Try]:
    """Send forms, headers and addresses that are too large, too many, or without an end."""
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\nb\r\n"
    multipart = {"Content-Type": "multipart/form-data; boundary=x"}
    post = target.anybody.request
    refused = (0, 400, 401, 413, 414, 431)
    for what, answer in (
        ("1 MB in a field", post("POST", "/login", b"name=" + b"x" * 1_000_000, form)),
        ("100,000 fields", post("POST", "/login", b"a=1&" * 100_000, form)),
        ("1,000 parts", post("POST", "/login", part * 1000 + b"--x--", multipart)),
        (
            "a part of 200 kB",
            post("POST", "/login", part.replace(b"b\r\n", b"b" * 200_000) + b"\r\n--x--", multipart),
        ),
        ("a part without an end", post("POST", "/login", part * 3, multipart)),
        ("a body that is said to be 10 GB", target.raw(_head(target, "Content-Length: 10000000000"))),
        (
            "a chunk that is said to be 10 GB",
            target.raw(_head(target, "Transfer-Encoding: chunked") + b"2540be400\r\nx"),
        ),
        ("a password of 60 kB", post("POST", "/login", b"name=vic&password=" + b"x" * 60_000, form)),
        ("an address of 20 kB", post("GET", "/?" + "x" * 20_000)),
        ("an address of 2,000 arguments", target.viewer.request("GET", "/runs/?" + "a=&" * 2000)),
        ("a header of 100 kB", post("GET", "/login", headers={"X-Long": "x" * 100_000})),
        (
            "1,000 headers",
            target.raw(_head(target, "\r\n".join(f"X-{n}: 1" for n in range(1000)))),
        ),
        ("a cookie of 60 kB", post("GET", "/login", headers={"Cookie": "a=" + "x" * 60_000})),
    ):
        fine = (*refused, 200) if "arguments" in what or "password" in what else refused
        yield status_try(what, answer, *fine)
    target.forget_failures()
    yield status_try("afterwards", target.viewer.get("/"), 200)


def _head(target: Target, lines: str) -> bytes:
    kind = "Content-Type: application/x-www-form-urlencoded"
    return f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n{kind}\r\n{lines}\r\n\r\n".encode()


def deep_json(target: Target) -> Iterator[Try]:
    """Send JSON of many levels, of long numbers, and what is no JSON."""
    before = target.state()
    bodies = (
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"arguments":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"arguments": {"a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}}",
        b'{"kind": ' + b"9" * 10_000 + b"}",
        b'{"hours": 1e99999, "muted_hours": Infinity, "kind": NaN}',
        b'{"kind": {"$ne": null}, "arguments": [1], "paused": "yes please"}',
        b'{"kind": "stop", "__class__": "x", "__proto__": {"role": "admin"}, "role": "admin"}',
        b"\xff\xfe{}",
        b"",
        b"null",
        b'"x"',
        b'{"a": 1, "a": 2}',
    )
    for method, path in routes.changing(target.run_id):
        if not path.startswith("/api/") or path.endswith(("/withdraw", "/again", "/runs", "/accept")):
            continue
        for body in bodies:
            answer = target.operator.send_json(method, path, body)
            yield status_try(f"{method} {path} {body[:40]!r}", answer, 400, 404, 409, 413, 415, 422)
    yield Try(what="orders", came="none was made", held=target.state() == before)
    for key in (
        "[" * 3000,
        "[" * 1500 + "]" * 1500,
        "[" + "9" * 3900 + "]",
        "{}",
        "[1e999]",
        "[null]",
        '["\\ud800"]',
    ):
        for path in ("/changes/row", "/changes/course.json", "/api/v1/rows"):
            yield no_fault(f"{path} {key[:20]}", target.viewer.get(path, table="wide", key=key))


def slow_connections(target: Target) -> Iterator[Try]:
    """Hold more connections than the console has threads, each with a request that does not end."""
    number = MOST_VIEWERS + PAGE_THREADS + 20
    begun = f"POST /logout HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Length: 1000\r\n"
    begun += "Content-Type: application/x-www-form-urlencoded\r\n"
    for what, start in (
        ("no byte", ""),
        ("a half request line", "GET / HT"),
        ("half headers", begun),
        ("a half body", f"{begun}\r\nname="),
    ):
        with ExitStack() as stack:
            for _ in range(number):
                one = stack.enter_context(socket.create_connection(("127.0.0.1", target.port)))
                one.sendall(start.encode())
            answer = target.viewer.get("/login")
            yield status_try(f"{number} connections, {what}", answer, 200, 302)


ATTACKS: dict[str, Attack] = {
    "Path traversal to snapshots and static files": paths_to_other_files,
    "SQL in every argument of every page and list": sql_in_every_filter,
    "NUL, halves of characters, no text: arguments, paths, forms, JSON": halves_of_characters,
    "Numbers beyond all columns: arguments, paths, forms": wrong_numbers,
    "Line ends that would begin a header": headers_in_filters,
    "Forms, headers, addresses that are too large or have no end": too_much,
    "JSON of 100,000 levels, long numbers, wrong types": deep_json,
    "More slow connections than threads": slow_connections,
}
