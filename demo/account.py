"""The demo customer's account: sessions, a login form that is safe against forged requests, and orders."""

from __future__ import annotations

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from html import escape

from aiohttp import web

from demo.asked import form_of, part_of, shop_of
from demo.listings import html
from demo.pages import html_page, page, shell
from demo.rows import order_row

USERNAME, PASSWORD = "demo", "demo"  # the login page prints it
ORDERS_A_PAGE = 10
COOKIE = "session"

routes = web.RouteTableDef()


@dataclass(frozen=True, kw_only=True)
class Session:
    token: str  # what the cookie holds
    csrf_token: str  # what a form of this session holds
    logged_in: bool = False


class Sessions:
    """The sessions of this process; the oldest go when there are too many."""

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def of(self, request: web.Request) -> Session | None:
        return self._sessions.get(request.cookies.get(COOKIE, ""))

    def open(self, *, logged_in: bool = False) -> Session:
        made = Session(token=secrets.token_urlsafe(), csrf_token=secrets.token_urlsafe(), logged_in=logged_in)
        self._sessions[made.token] = made
        if len(self._sessions) > self._most:
            self._sessions.popitem(last=False)
        return made

    def close(self, session: Session | None) -> None:
        if session:
            self._sessions.pop(session.token, None)


SESSIONS: web.AppKey[Sessions] = web.AppKey("sessions", Sessions)


def hand_out(response: web.Response, session: Session) -> web.Response:
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


def is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


@routes.get("/login")
async def ask(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    session = sessions.of(request) or sessions.open()
    return hand_out(login_form(session), session)


@routes.post("/login")
async def log_in(request: web.Request) -> web.Response:
    sessions = request.app[SESSIONS]
    session = sessions.of(request)
    form = await form_of(request)
    if session is None or not is_same(form.get("csrf_token", ""), session.csrf_token):
        text = page("Forbidden", "This form was not made for your session. Go back to /login and try again.")
        return web.Response(status=403, text=text, content_type="text/html")
    username = form.get("username", "")
    if not (is_same(username, USERNAME) and is_same(form.get("password", ""), PASSWORD)):
        return login_form(session, "That is not the customer, or not the password.", username)
    # A new session: whoever may have planted the old cookie does not get to be logged in with it.
    sessions.close(session)
    return hand_out(see_other("/orders"), sessions.open(logged_in=True))


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
