"""Attacks by pages of another site, by forged requests and by the headers of a proxy that does not exist."""

from __future__ import annotations

from collections.abc import Iterator

from console.security.identity import COOKIE
from tests.console.attacks.attack import Attack, Try, status_try
from tests.console.attacks.hostile_data import EVIL
from tests.console.attacks.target import Answer, Target

FORM = "application/x-www-form-urlencoded"
# What a browser says of a form of another site: one of another name, of a frame, of another port of this machine.
ORIGINS = (
    {"Origin": f"https://{EVIL}"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "http://["},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "same-origin, cross-site"},
    {"Referer": f"https://{EVIL}/"},
    {},
)


def forms_of_another_site(target: Target) -> Iterator[Try]:
    """Send forms with the cookie of an admin and without the token of the form."""
    before = target.state()
    paths = (
        ("/people/", b"name=eve&role=admin"),
        (f"/orders/{target.order_id}/withdraw", b""),
        ("/account/tokens", b"name=eve&role=admin"),
        ("/schedules/pause", b"spider=books&paused=1"),
        ("/logout", b""),
        (f"/api/v1/orders/{target.order_id}/withdraw", b"{}"),
    )
    for path, body in paths:
        for headers in ORIGINS:
            for token in (b"", b"&csrf_token=", b"&csrf_token=" + b"0" * 64):
                for kind in (FORM, "text/plain", "application/json") if target.thorough else (FORM,):
                    answer = target.admin.request(
                        "POST", path, body + token, {"Content-Type": kind, **headers}
                    )
                    yield status_try(f"{path} {headers} {kind}", answer, 403, also=target.state() == before)


def forms_with_a_stolen_form_token(target: Target) -> Iterator[Try]:
    """Send forms of another site with the right token: the browser's word alone refuses them."""
    before = target.state()
    for headers in ORIGINS[:8]:
        answer = target.admin.post("/people/", {"name": "eve", "role": "admin"}, headers)
        yield status_try(f"people {headers}", answer, 403, also=target.state() == before)
    token = target.operator.csrf
    answer = target.admin.post("/people/", {"name": "eve", "role": "admin"}, {"X-CSRF-Token": token})
    yield status_try("the token of another session", answer, 403, also=target.state() == before)


def reads_of_another_site(target: Target) -> Iterator[Try]:
    """Ask as a script of another site does, and for a frame."""
    for path in (
        "/",
        "/api/v1/runs",
        "/api/v1/me",
        "/login",
        "/runs/1/stream?x",
        "/tables/export?table=wide",
    ):
        for method in ("GET", "OPTIONS"):
            headers = {"Origin": f"https://{EVIL}", "Access-Control-Request-Method": "POST"}
            if path.startswith("/runs"):
                continue
            answer = target.admin.request(method, path, headers=headers)
            got = answer.headers
            held = (
                "access-control-allow-origin" not in got
                and got.get("cross-origin-resource-policy") == "same-origin"
                and got.get("x-frame-options") in ("DENY", "SAMEORIGIN")
            )
            came = f"{answer.status}, not for other sites" if held else f"{answer.status}, readable"
            yield Try(what=f"{method} {path}", came=came, held=held)


def other_hosts(target: Target) -> Iterator[Try]:
    """Send requests for another host, on sockets."""
    port = target.port
    cookie = f"Cookie: {COOKIE}={target.admin.cookie}\r\n"
    hosts = (
        EVIL,
        f"{EVIL}:{port}",
        f"127.0.0.1.{EVIL}",
        f"127.0.0.1@{EVIL}",
        f"{EVIL}#127.0.0.1",
        f"localhost.{EVIL}",
        f"127.0.0.1:{port}, {EVIL}",
        "127.0.0.1:x",
        "[::1].evil",
        "[",
        "0.0.0.0",
        "127.1",
        "2130706433",
        "",
        " ",
        "\xff",
    )
    for path in ("/", "/api/v1/me", "/login", "/static/site.css"):
        for host in hosts:
            request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{cookie}Connection: close\r\n\r\n"
            answer = target.raw(request.encode("latin-1"))
            yield status_try(
                f"{path} for {host!r}", answer, 400, also=EVIL not in answer.headers.get("location", "")
            )
    forged = (
        f"GET /login HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: {EVIL}\r\n{cookie}\r\n",
        f"GET /login HTTP/1.1\r\nHost: {EVIL}\r\nHost: 127.0.0.1:{port}\r\n{cookie}\r\n",
        f"GET http://{EVIL}/ HTTP/1.1\r\nHost: {EVIL}\r\n{cookie}\r\n",
        f"GET / HTTP/1.1\r\n Host: {EVIL}\r\nHost: 127.0.0.1\r\n{cookie}\r\n",
        "GET /login HTTP/1.1\r\n\r\n",
    )
    for request in forged:
        answer = target.raw(request.encode())
        yield status_try(
            request, answer, 0, 200, 400, also=EVIL not in str(answer.headers) + answer.text[:50_000]
        )


def headers_of_a_proxy(target: Target) -> Iterator[Try]:
    """Send the headers of a proxy, though none is configured: nothing may follow them."""
    for name, value in (
        ("X-Forwarded-Host", EVIL),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Prefix", f"//{EVIL}"),
        ("X-Forwarded-Port", "1"),
        ("Forwarded", f"host={EVIL};proto=https"),
        ("X-Original-URL", "/people/"),
        ("X-Rewrite-URL", "/people/"),
        ("X-Script-Name", f"//{EVIL}"),
        ("Script-Name", f"//{EVIL}"),
        ("X-Host", EVIL),
        ("Remote-User", "ann"),
        ("X-Forwarded-User", "ann"),
    ):
        page = target.anybody.get("/login", {name: value})
        answer = target.anybody.get("/runs/", {name: value})
        location = answer.headers.get("location", "")
        held = location.startswith("/login?next=/runs/") and EVIL not in page.text
        held = held and "strict-transport-security" not in page.headers and answer.status in (302, 400)
        held = held or answer.status == 0 or page.status == 400
        yield Try(
            what=name, came=f"{answer.status}, ignored" if held else f"{answer.status} {location}", held=held
        )


def methods(target: Target) -> Iterator[Try]:
    """Call routes with other methods, and name one in the ways that frameworks know."""
    before = target.state()
    paths = (
        f"/orders/{target.order_id}/withdraw",
        "/people/",
        "/logout",
        "/account/tokens",
        "/schedules/pause",
    )
    query = "?_method=POST&name=eve&role=admin&spider=books&paused=1"
    for path in paths:
        for method in (
            "GET",
            "HEAD",
            "OPTIONS",
            "PUT",
            "DELETE",
            "PATCH",
            "TRACE",
            "PROPFIND",
            "POST ",
            "post",
        ):
            for headers in (
                {},
                {"X-HTTP-Method-Override": "POST"},
                {"X-HTTP-Method": "POST"},
                {"X-Method-Override": "POST"},
            ):
                sent = {**headers, "X-CSRF-Token": target.admin.csrf}
                if method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
                    answer = target.admin.request(method, path + query, headers=sent)
                else:
                    answer = _by_socket(target, method, path + query, sent)
                may_read = path == "/people/" and method in ("GET", "HEAD")
                held = (0, 400, 403, 405, 501) + ((200,) if may_read or method == "OPTIONS" else ())
                yield status_try(f"{method} {path} {headers}", answer, *held, also=target.state() == before)


def _by_socket(target: Target, method: str, path: str, headers: dict[str, str]) -> Answer:
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{target.port}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines.append(f"Cookie: {COOKIE}={target.admin.cookie}")
    return target.raw(("\r\n".join(lines) + "\r\n\r\n").encode())


def smuggled_requests(target: Target) -> Iterator[Try]:
    """Hide a second request in the body of the first one, which a proxy in front would not see."""
    before = target.state()
    cookie = f"Cookie: {COOKIE}={target.admin.cookie}\r\nX-CSRF-Token: {target.admin.csrf}\r\n"
    head = f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\n"
    hidden = f"POST /orders/{target.order_id}/withdraw HTTP/1.1\r\nHost: 127.0.0.1\r\n{cookie}Content-Length: 0\r\n\r\n"
    for lines in (
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding:\tchunked\r\nTransfer-Encoding: x\r\n",
        "Content-Length: 5\r\nContent-Length: 0\r\n",
        "Content-Length: +5\r\n",
        "Content-Length: 5, 0\r\n",
        "Content-Length: -1\r\n",
    ):
        answer = target.raw(f"{head}{lines}\r\n0\r\n\r\n{hidden}".encode())
        yield status_try(lines, answer, 0, 400, 501, also=target.state() == before)


ATTACKS: dict[str, Attack] = {
    "A form of another origin, without its token": forms_of_another_site,
    "A form of another origin, with a right or a foreign token": forms_with_a_stolen_form_token,
    "A script or a frame of another origin reads": reads_of_another_site,
    "Another `Host`: names, two of them, none, in the request line": other_hosts,
    "Headers of a proxy that is not there": headers_of_a_proxy,
    "Other methods, and headers that override one": methods,
    "A second request hidden in a body": smuggled_requests,
}
