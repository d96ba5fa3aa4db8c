"""Sessions: a site gets the cookies of a page's session, and no cookie of another jar."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.crawls import scrapy

SPIDER = '''
import json, scrapy
from scrapy_splash import SplashRequest
from spiders.base import SiteSpider

LUA = """function main(splash, args)
  splash:init_cookies(args.cookies or {})
  assert(splash:go{args.url, headers=args.headers})
  return {html=splash:html(), cookies=splash:get_cookies(), url=splash:url()}
end"""

class SessionSpider(SiteSpider):
    name = "sessions"
    custom_settings = {"ITEM_PIPELINES": {}, "CONCURRENT_REQUESTS": 1, "LOG_LEVEL": "ERROR"}
    site = ""

    async def start(self):
        yield self.log_in(self.site + "/login", self.logged_in, fields={"user": "x"}, logged_in="//table")

    def logged_in(self, response):
        yield self.render(self.site + "/rendered", self.parse, wait_for="//p")
        yield self.page("a?set=one", "s1", 90)
        yield self.page("b?set=three", "s3", 80)
        yield self.page("c", "s2", 70)
        yield self.page("d", "s2", 60, cookies={"given": "yes"})
        yield self.page("e", "s5", 50)
        yield self.page("f", "s1", 40)
        yield self.page("g", "s1", 30, meta={"splash": {"new_session_id": "s6"}})
        yield self.page("h", "s6", 20)
        yield self.page("i", None, 10)
        yield self.page("j", "s7", 5, headers={"Cookie": "header=1"})
        yield scrapy.Request(self.site + "/plain", self.parse, priority=1)

    def page(self, path, session, priority, **request):
        return SplashRequest(f"{self.site}/{path}", self.parse, endpoint="execute", args={"lua_source": LUA},
                             session_id=session, priority=priority, **request)

    def parse(self, response):
        pass
'''


@contextlib.contextmanager
def cookie_site(asked: dict[str, str]) -> Iterator[str]:
    """Yield the URL of a site that sets a cookie in each answer to a request without one, also for robots.txt."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url, cookies = urlsplit(self.path), self.headers.get("Cookie", "")
            asked[url.path] = cookies
            for name in parse_qs(url.query).get("set", []):
                self.answer("<p>set</p>", f"{name}=1; Path=/")
                return
            form = "<p>page</p><form method=post action=/in><input name=user><button>go</button></form>"
            self.answer(form, None if "sid=" in cookies else "sid=anonymous; Path=/")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked["POST"] = self.headers.get("Cookie", "")
            self.answer("<table></table>", "sid=somebody; Path=/")

        def answer(self, html: str, cookie: str | None) -> None:
            body = f"<html><body>{html}</body></html>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain" if self.path == "/robots.txt" else "text/html")
            self.send_header("Content-Length", str(len(body)))
            if cookie:
                self.send_header("Set-Cookie", cookie)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_page_gets_only_the_cookies_of_its_session(renderer: str, tmp_path: Path) -> None:
    asked: dict[str, str] = {}
    (tmp_path / "session_spider.py").write_text(SPIDER)
    with cookie_site(asked) as url:
        done = scrapy(
            "runspider", str(tmp_path / "session_spider.py"), "-a", f"site={url}",
            SPLASH_URL=renderer, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    sent = {path: sorted(filter(None, cookies.split("; "))) for path, cookies in asked.items()}
    assert sent == {
        "/robots.txt": [],
        "/login": [],  # not the cookie that came with robots.txt
        "POST": ["sid=anonymous"],
        "/rendered": ["sid=somebody"],
        "/a": [],
        "/b": [],
        "/c": [],
        "/d": ["given=yes", "sid=anonymous"],
        "/e": [],
        "/f": ["one=1"],
        "/g": ["one=1", "sid=anonymous"],
        "/h": ["one=1", "sid=anonymous"],
        "/i": ["sid=anonymous"],  # without a session: Scrapy's own jar, as for a plain page
        "/j": ["header=1"],
        "/plain": ["sid=anonymous"],
    }, json.dumps(sent)
