"""The account of the demo customer: sessions, a login form with a token against forged requests, and orders."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from html import escape

from aiohttp import web

from demo.listings import html
from demo.pages import html_page, page, shell
from demo.request_parameters import form_of, part_of, shop_of
from demo.rows import order_row

USERNAME, PASSWORD = "demo", "demo"  # the login page prints it
ORDERS_A_PAGE = 10
COOKIE = "session"

routes = web.RouteTableDef()


@dataclass(frozen=True, kw_only=True)
class Session:
    token: str  # the value of the cookie
    csrf_token: str  # a field of this session's forms
    logged_in: bool = False


class Sessions:
    """The sessions of this process. When there are more than ``most``, the oldest session ends."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def of(self, request: web.Request) -> Session | None:
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def open(self, *, logged_in: bool = False) -> Session:
        session = Session(
            token=secrets.token_urlsafe(), csrf_token=secrets.token_urlsafe(), logged_in=logged_in
        )
        self._sessions[session.token] = session
        if len(self._sessions) > self._most:
            self._sessions.popitem(last=False)
        return session

    def close(self, session: Session | None) -> None:
        if session:
            self._sessions.pop(session.token, None)


SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions", Sessions)


def with_cookie(response: web.Response, session: Session) -> web.Response:
    """Return the response with the session's cookie."""
    response.set_cookie(COOKIE, session.token, httponly=True, samesite="Lax", path="/")
    return response


def login_form(session: Session, error: str = "", username: str = "") -> web.Response:
    problem = f'<p class="error" role="alert">{escape(error)}</p>\n' if error else ""
    body = f"""<p>The customer is <code>{USERNAME}</code>, the password is <code>{PASSWORD}</code>.</p>
{problem}<form method="post" action="/login">
<input type="hidden" name="csrf_token" value="{escape(session.csrf_token)}">
<label>Customer <input name="username" value="{escape(username)}" autocomplete="username"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit">Log in</button>
</form>
"""
    return html(html_page("Log in", body))


def is_equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


@routes.get("/login")
async def show_login_form(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    session = sessions.of(request) or sessions.open()
    return with_cookie(login_form(session), session)


@routes.post("/login")
async def log_in(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    session = sessions.of(request)
    form = await form_of(request)
    if session is None or not is_equal(form.get("csrf_token", ""), session.csrf_token):
        text = page("Forbidden", "This form belongs to another session. Go back to /login and try again.")
        return web.Response(status=403, text=text, content_type="text/html")
    username = form.get("username", "")
    if not (is_equal(username, USERNAME) and is_equal(form.get("password", ""), PASSWORD)):
        return login_form(session, "The customer or the password is wrong.", username)
    # A new session: an attacker who planted the old cookie is not logged in with it.
    sessions.close(session)
    return with_cookie(see_other("/orders"), sessions.open(logged_in=True))


@routes.get("/logout")
async def log_out(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    sessions.close(sessions.of(request))
    response = see_other("/")
    response.del_cookie(COOKIE, path="/")
    return response


@routes.get("/orders")
async def orders(request: web.Request) -> web.Response:
    session = request.app[SESSIONS].of(request)
    if not (session and session.logged_in):
        return see_other("/login")
    part = part_of(request, shop_of(request).orders, ORDERS_A_PAGE)
    below = '<footer><a href="/logout">log out</a></footer>\n'
    return html(shell("Orders", "orders", f"/api/orders?page={part.number}", below=below))


@routes.get("/api/orders")
async def api_orders(request: web.Request) -> web.Response:
    session = request.app[SESSIONS].of(request)
    if not (session and session.logged_in):
        return web.json_response({"error": "log in first"}, status=401)
    part = part_of(request, shop_of(request).orders, ORDERS_A_PAGE)
    rows = [order_row(order) for order in part.rows]
    return web.json_response({"page": part.number, "pages": part.pages, "orders": rows})


def see_other(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})
