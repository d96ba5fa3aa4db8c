"""scrapy-splash's middlewares together with Scrapy's: retries, cookies, slots, the cache, job directories, logs."""

from __future__ import annotations

from pathlib import Path

from tests.crawler.splash.scripts import run, spider
from tests.crawler.splash.site import Site
from tests.crawler.splash.wire import EXPIRED, SAVED, Wire

TOO_BUSY = {"error": 503, "type": "Busy", "description": "too busy"}


def test_the_http_cache_stores_no_errors_of_splash(stub: Wire, site: Site, tmp_path: Path) -> None:
    text = spider(
        stub.url,
        site,
        """
    async def start(self):
        yield SplashRequest(self.url, endpoint="execute", args={"lua_source": LUA}, cache_args=["lua_source"])
    def parse(self, response):
        say(status=response.status, cached="cached" in response.flags)
""",
        f'"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": {str(tmp_path / "cache")!r},',
    )
    stub.answer(503, TOO_BUSY)
    stub.answer(498, EXPIRED)
    assert run(text, tmp_path)[0] == [{"status": 200, "cached": False}]
    assert len(stub.sent) == 3
    assert run(text, tmp_path)[0] == [{"status": 200, "cached": True}]
    assert len(stub.sent) == 3


def test_a_request_with_bad_arguments_is_not_retried(stub: Wire, site: Site, tmp_path: Path) -> None:
    body = """
    async def start(self):
        yield SplashRequest(self.url, args={"wait": -1}, errback=self.failed)
    def failed(self, failure):
        say(status=failure.value.response.status, kind=type(failure.value.response).__name__)
"""
    stub.answer(400, {"error": 400, "type": "BadOption", "info": {"argument": "wait"}})
    printed, log = run(spider(stub.url, site, body), tmp_path)
    assert printed == [{"status": 400, "kind": "SplashJsonResponse"}]
    assert len(stub.sent) == 1
    assert f"Splash refused {site.url}: wait: no reason given (BadOption)" in log


def test_a_restarted_splash_gets_the_arguments_again(stub: Wire, site: Site, tmp_path: Path) -> None:
    body = """
    def one(self, n):
        return SplashRequest(f"{self.url}/{n}", endpoint="execute", args={"lua_source": LUA}, cache_args=["lua_source"],
                             cb_kwargs={"n": n})
    def start_requests(self):
        yield self.one(0)
    def parse(self, response, n):
        say(n=n)
        if n == 0:
            yield from map(self.one, [1, 2, 3])
"""
    stub.answer(200, {"html": "x"}, **SAVED)
    for _ in range(3):
        stub.answer(498, EXPIRED)
    printed, _ = run(spider(stub.url, site, body, f'"JOBDIR": {str(tmp_path / "job")!r},'), tmp_path)
    assert sorted(one["n"] for one in printed) == [0, 1, 2, 3]
    first, *known, again1, again2, again3 = stub.args()
    assert first["save_args"] == ["lua_source"]
    assert [args["load_args"] for args in known] == [{"lua_source": "0" * 40}] * 3
    assert not any("lua_source" in args for args in known)
    for again in (again1, again2, again3):
        assert (
            again["save_args"] == ["lua_source"]
            and "load_args" not in again
            and "main" in again["lua_source"]
        )


def test_a_request_whose_cache_args_are_lost_fails_with_the_reason(
    stub: Wire, site: Site, tmp_path: Path
) -> None:
    body = """
    async def start(self):
        request = SplashRequest(self.url, errback=lambda failure: say(error=str(failure.value)))
        request.meta["splash"]["args"]["lua_source"] = "LOCAL+0"
        request.meta["splash"]["_replaced_args"] = ["lua_source"]
        yield request
"""
    printed, log = run(spider(stub.url, site, body), tmp_path)
    assert printed == [{"error": f"the values of the cache_args of {site.url} are lost"}]
    assert "cache_args are lost" in log and "Traceback" not in log
    assert stub.sent == []


def test_only_requests_of_a_session_have_its_cookies(wire: Wire, site: Site, tmp_path: Path) -> None:
    body = """
    LUA = '''function main(splash, args)
        splash:init_cookies(args.cookies or {})
        assert(splash:go(args.url))
        splash:runjs("document.cookie = 'seen=1; path=/'")
        return {html = splash:html(), cookies = splash:get_cookies()}
    end'''
    def page(self, path, **more):
        return SplashRequest(self.url + path, endpoint="execute", args={"lua_source": self.LUA}, **more)
    async def start(self):
        yield self.page("/first", cookies={"mine": 1})
    def parse(self, response):
        jar = getattr(response, "cookiejar", None)
        say(path=response.url, jar=sorted(cookie.name for cookie in jar or []))
        if response.url.endswith("/first"):
            yield self.page("/same")
            yield self.page("/other", session_id="other")
            yield self.page("/none", session_id=None)
            yield scrapy.Request(self.url + "/plain")
"""
    printed, _ = run(spider(wire.url, site, body), tmp_path)
    jars = {str(one["path"]).rsplit("/", 1)[-1]: one["jar"] for one in printed}
    assert jars == {
        "first": ["mine", "seen"],
        "same": ["mine", "seen"],
        "other": ["seen"],
        "none": [],
        "plain": [],
    }
    asked = {path: sorted(headers.get("cookie", "").split("; ")) for path, headers in site.asked}
    assert asked["/first"] == ["mine=1"]
    assert asked["/same"] == ["mine=1", "seen=1"]
    assert asked["/other"] == asked["/none"] == [""]
    assert not any("cookie" in headers for headers in wire.headers())


def test_a_splash_request_has_the_slot_and_the_timeout_of_its_page(
    stub: Wire, site: Site, tmp_path: Path
) -> None:
    body = """
    async def start(self):
        self.url = self.url.replace("127.0.0.1", "localhost")
        yield SplashRequest(self.url + "/default")
        yield SplashRequest(self.url + "/long", args={"timeout": 60}, slot_policy="per_domain")
        yield SplashRequest(self.url + "/mine", slot_policy="scrapy_default", meta={"download_timeout": 77})
        yield SplashRequest(self.url + "/inline", self.parse_inline)
    async def parse_inline(self, response):
        inner = await self.crawler.engine.download_async(SplashRequest(self.url + "/inner"))
        self.parse(inner)
    def parse(self, response):
        slots = self.crawler.engine.downloader.slots
        say(path=response.url.rsplit("/", 1)[-1], slot=response.meta["download_slot"],
            timeout=response.meta["download_timeout"], slowed=slots[response.meta["download_slot"]].delay > 0)
"""
    settings = (
        '"SPLASH_SLOT_POLICY": "single_slot", "DOWNLOAD_TIMEOUT": 3,'
        '"AUTOTHROTTLE_ENABLED": True, "AUTOTHROTTLE_START_DELAY": 0, "DOWNLOAD_DELAY": 0,'
    )
    printed, _ = run(spider(stub.url + "/under/a/path", site, body, settings), tmp_path)
    assert {one["path"]: (one["slot"], one["timeout"], one["slowed"]) for one in printed} == {
        "default": ("__splash__", 35, True),
        "long": ("localhost", 65, True),
        "mine": ("127.0.0.1", 77, True),
        "inner": ("__splash__", 35, True),
    }


LOGGED = """
    async def start(self):
        yield SplashRequest(self.url)
        yield scrapy.Request(self.url + "/plain")
    def parse(self, response):
        say(url=response.url)
"""


def test_splash_log_level_hides_rendering_in_a_debug_log(stub: Wire, site: Site, tmp_path: Path) -> None:
    printed, log = run(spider(stub.url, site, LOGGED, '"LOG_LEVEL": "DEBUG",'), tmp_path)
    assert len(printed) == 2
    assert f"[scrapy.core.engine] DEBUG: Crawled (200) <GET {site.url}/plain>" in log
    assert stub.url not in log
    assert "Deprecat" not in log


def test_splash_log_level_shows_rendering_in_a_warning_log(stub: Wire, site: Site, tmp_path: Path) -> None:
    settings = '"LOG_LEVEL": "WARNING", "SPLASH_LOG_LEVEL": "DEBUG",'
    _, log = run(spider(stub.url, site, LOGGED, settings), tmp_path)
    lines = [line.split("] ", 1)[-1] for line in log.splitlines() if "splashdown.render" in line]
    assert lines == [
        f"DEBUG: Asking Splash for {site.url} (render.html)",
        f"DEBUG: Crawled (200) <GET {site.url} via {stub.url}/render.html> (referer: None)",
    ]


OLDER = """
    class Mine(SplashMiddleware):
        def process_request(self, request, spider):
            say(spider=spider.name)
            return super().process_request(request, spider)
        def process_response(self, request, response, spider):
            return super().process_response(request, response, spider)
    custom_settings["DOWNLOADER_MIDDLEWARES"] = {Mine: 725}
    del custom_settings["SPIDER_MIDDLEWARES"]
    def start_requests(self):
        yield scrapy.Request(self.url, meta={"splash": {"args": {"wait": 0.1}}})
    def parse(self, response):
        say(url=response.url, page=response.css("p::text").get())
"""


def test_a_users_subclass_of_splash_middleware_works(stub: Wire, site: Site, tmp_path: Path) -> None:
    text = spider(stub.url, site, OLDER).replace(
        "import json, scrapy", "import json, scrapy\nfrom scrapy_splash.middleware import SplashMiddleware"
    )
    printed, _ = run(text, tmp_path)
    assert printed == [{"spider": "it"}, {"spider": "it"}, {"url": site.url, "page": "page"}]
    assert stub.args()[0]["wait"] == 0.1
