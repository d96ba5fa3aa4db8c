"""Scripts with spiders and settings for scrapy-splash, as users have them, with both renderers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crawler.splash.scripts import run, spider
from tests.crawler.splash.site import Site

START = {
    "start_requests": "def start_requests(self):",
    "start": "async def start(self):",
}

# A user's script; only the URLs, the start and the output of the links are changed.
SCRIPT = """
import json, scrapy
from scrapy.crawler import CrawlerProcess
from scrapy_splash import SplashRequest
SPLASH_URL = {splash!r}
url = {url!r}

class TestScraper(scrapy.Spider):
    name = "test_scraper"
    custom_settings = {{"SPLASH_URL": SPLASH_URL,
        "DOWNLOADER_MIDDLEWARES": {{"scrapy_splash.SplashCookiesMiddleware": 723, "scrapy_splash.SplashMiddleware": 725,
            "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 810}},
        "SPIDER_MIDDLEWARES": {{"scrapy_splash.SplashDeduplicateArgsMiddleware": 100}},
        "DUPEFILTER_CLASS": "scrapy_splash.SplashAwareDupeFilter",
        "HTTPCACHE_STORAGE": "scrapy_splash.SplashAwareFSCacheStorage", "LOG_ENABLED": False}}
    {start}
        yield SplashRequest(url=url, callback=self.parse, args={{"wait": 0.2}})
    def parse(self, response):
        for url in response.xpath('//ul[@class="abc"]/li/a[@class="xyz"]/@href').getall():
            print(json.dumps(url))

process = CrawlerProcess({{"USER_AGENT": "a user's own"}}); process.crawl(TestScraper); process.start()
"""


@pytest.mark.parametrize("start", START)
def test_an_existing_script_for_scrapy_splash_prints_its_links(
    start: str, renderer: str, site: Site, tmp_path: Path
) -> None:
    links, _ = run(SCRIPT.format(splash=renderer, url=site.url, start=START[start]), tmp_path, is_fresh=True)
    assert links == ["/one", "/two"]
    assert {headers["user-agent"] for headers in site.headers_of("/")} == {"a user's own"}


def test_secrets_for_splash_reach_neither_the_site_nor_the_log(
    renderer: str, site: Site, tmp_path: Path
) -> None:
    printed, log = run(
        spider(
            renderer,
            site,
            """
    allowed_domains = ["127.0.0.1"]
    async def start(self):
        yield SplashRequest(self.url + "/a", splash_headers={"X-Splash-Secret": "geheim1"}, args={"wait": 0.1})
        yield SplashRequest(self.url + "/private/b")
        yield SplashRequest("http://elsewhere.invalid/")
        yield SplashRequest(self.url + "/c", self.parse_json, endpoint="execute", args={"lua_source": LUA},
                            cache_args=["lua_source"], cookies={"mine": "1"})
    def parse(self, response):
        say(url=response.url, kind=type(response).__name__, real=response.real_url)
    def parse_json(self, response):
        say(url=response.url, links=response.css("a.xyz::text").getall(), names=[c["name"] for c in response.data["cookies"]])
""",
            '"ROBOTSTXT_OBEY": True, "SPLASH_USER": "u", "SPLASH_PASS": "geheim2",',
        ),
        tmp_path,
    )
    by_url = {one["url"]: one for one in printed}
    assert set(by_url) == {f"{site.url}/a", f"{site.url}/c"}  # robots.txt and allowed_domains were obeyed
    assert by_url[f"{site.url}/a"]["kind"] == "SplashTextResponse"
    assert by_url[f"{site.url}/a"]["real"] == f"{renderer}/render.html"
    assert by_url[f"{site.url}/c"]["links"] == ["1", "2"]
    assert site.paths.count("/robots.txt") == 1  # the site's own, asked once
    everything = json.dumps(site.asked)
    assert "geheim" not in everything.lower()
    assert "authorization" not in everything.lower()
    assert "geheim" not in log
    assert "ScrapyDeprecationWarning" not in log


def test_arguments_that_splash_has_lost_are_sent_again(renderer: str, site: Site, tmp_path: Path) -> None:
    printed, _ = run(
        spider(
            renderer,
            site,
            """
    left = 4
    async def start(self):
        yield self.one(0)
    def one(self, n):
        return SplashRequest(f"{self.url}/{n}", endpoint="execute", args={"lua_source": LUA}, cache_args=["lua_source"],
                             cb_kwargs={"n": n})
    def parse(self, response, n):
        import urllib.request
        urllib.request.urlopen(urllib.request.Request(self.settings["SPLASH_URL"] + "/_gc", method="POST")).close()
        say(n=n, url=response.url, links=response.css("a.xyz::text").getall())
        if n < 3:
            yield self.one(n + 1)
    def closed(self, reason):
        stats = self.crawler.stats.get_stats()
        say(forgotten=stats.get("splash/execute/response_count/498", 0))
""",
        ),
        tmp_path,
    )
    assert [one["links"] for one in printed[:-1]] == [["1", "2"]] * 4
    assert printed[-1]["forgotten"] == 3


def test_a_cached_page_is_found_again_in_the_next_run(renderer: str, site: Site, tmp_path: Path) -> None:
    text = spider(
        renderer,
        site,
        """
    async def start(self):
        for n in range(3):
            yield SplashRequest(f"{self.url}/{n}", endpoint="execute", args={"lua_source": LUA}, cache_args=["lua_source"])
    def parse(self, response):
        say(url=response.url, links=response.css("a.xyz::text").getall())
""",
        f'"HTTPCACHE_ENABLED": True, "HTTPCACHE_DIR": {str(tmp_path / "cache")!r}, "CONCURRENT_REQUESTS": 1,',
    )
    first, _ = run(text, tmp_path)
    asked = len(site.asked)
    second, _ = run(text, tmp_path)
    assert sorted(one["url"] for one in first) == sorted(one["url"] for one in second)
    assert all(one["links"] == ["1", "2"] for one in second)
    assert len(site.asked) == asked


def test_a_form_is_posted_by_splash(renderer: str, site: Site, tmp_path: Path) -> None:
    printed, _ = run(
        spider(
            renderer,
            site,
            """
    async def start(self):
        yield SplashFormRequest(self.url + "/form", formdata={"q": "é &", "n": "1"})
        yield SplashRequest(self.url + "/form", slot_policy="single_slot")
        yield SplashRequest(self.url + "/form#one", slot_policy="scrapy_default")
        yield SplashRequest(self.url + "/form#one", slot_policy="scrapy_default")
    def parse(self, response):
        say(printed=response.xpath("string(//pre)").get(), slot=response.meta["download_slot"])
""",
        ),
        tmp_path,
    )
    assert sorted((str(one["printed"]), str(one["slot"])) for one in printed) == sorted(
        [("q=%C3%A9+%26&n=1", "127.0.0.1"), ("", "__splash__"), ("", "127.0.0.1")]
    )


def test_an_error_of_splash_is_logged_as_one_short_line(renderer: str, site: Site, tmp_path: Path) -> None:
    _, log = run(
        spider(
            renderer,
            site,
            """
    async def start(self):
        yield SplashRequest(self.url, endpoint="execute", args={"lua_source": "function main(splash)\\n  error('oops') end " + "-- x" * 500})
""",
        ),
        tmp_path,
    )
    (line,) = [line for line in log.splitlines() if "Splash refused" in line]
    assert "oops" in line and "ScriptError" in line and len(line) < 700
    assert "-- x-- x-- x" not in log


@pytest.mark.parametrize("options", [[], ["-I"]])
def test_any_script_can_import_the_package(options: list[str], tmp_path: Path) -> None:
    code = (
        "import scrapy_splash.middleware, scrapy_splash as s; import scrapy_splash;"
        "print(s.SplashMiddleware.__module__, s.middleware.SplashMiddleware is s.SplashMiddleware, s.__file__ != '')"
    )
    done = subprocess.run(
        [sys.executable, *options, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["crawler.splash.middlewares", "True", "True"]


def test_python_starts_without_importing_scrapy() -> None:
    code = "import sys; print(sorted({m.split('.')[0] for m in sys.modules} & {'scrapy', 'twisted', 'scrapy_splash'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_spider_from_the_manual_of_scrapy_splash_works(renderer: str, site: Site, tmp_path: Path) -> None:
    printed, _ = run(
        spider(
            renderer,
            site,
            """
    start_urls = [url + "/a", url + "/b"]
    LUA = '''function main(splash)
        splash:init_cookies(splash.args.cookies)
        assert(splash:go{splash.args.url, headers=splash.args.headers, http_method=splash.args.http_method,
                         body=splash.args.body})
        assert(splash:wait(0.1))
        local entries = splash:history()
        local last = entries[#entries].response
        return {url = splash:url(), headers = last.headers, http_status = last.status,
                cookies = splash:get_cookies(), html = splash:html()}
    end'''
    def start_requests(self):
        for url in self.start_urls:
            yield SplashRequest(url, self.parse, endpoint="execute", cache_args=["lua_source"],
                                args={"lua_source": self.LUA}, headers={"X-My-Header": "value"})
    def parse(self, response):
        say(url=response.url, status=response.status, kind=response.headers["Content-Type"].decode(),
            links=[response.urljoin(link) for link in response.css("a.xyz::attr(href)").getall()])
""",
        ),
        tmp_path,
    )
    assert sorted(printed, key=lambda one: str(one["url"])) == [
        {
            "url": site.url + path,
            "status": 200,
            "kind": "text/html",
            "links": [site.url + "/one", site.url + "/two"],
        }
        for path in ("/a", "/b")
    ]
    assert {headers["x-my-header"] for headers in site.headers_of("/a")} == {"value"}
