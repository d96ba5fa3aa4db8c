"""A rendered page is an HtmlResponse: compares the same page of a plain request and of a renderer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.crawler.splash.page_site import page_site
from tests.crawler.splash.scripts import run, spider

# The spider prints the values of each response, except those that a renderer cannot know.
BODY = """
    async def start(self):
        page = self.url + "/list?page=1"
        yield scrapy.Request(page, self.parse, cb_kwargs={"way": "plain"}, meta={"mine": 1}, flags=["flagged"])
        for way, endpoint, args in (
            ("execute", "execute", {"lua_source": LUA}), ("html", "render.html", {}), ("json", "render.json", {"html": 1}),
        ):
            yield SplashRequest(page, self.parse, endpoint=endpoint, args=args, cb_kwargs={"way": way},
                                meta={"mine": 1}, flags=["flagged"])

    def parse(self, response, way):
        import codecs, warnings
        from scrapy import FormRequest
        from scrapy.http import HtmlResponse
        from scrapy.linkextractors import LinkExtractor
        from scrapy.loader import ItemLoader
        from scrapy.spiders import CrawlSpider, Rule
        from itemloaders.processors import TakeFirst
        warnings.simplefilter("ignore")
        names = [name for name in dir(HtmlResponse) if not name.startswith("_")]
        loader = ItemLoader(item={}, response=response)
        loader.add_css("title", "h1::text", TakeFirst())
        form = FormRequest.from_response(response, formdata={"q": "x"})
        crawler = CrawlSpider(name="rules")
        crawler.rules = [Rule(LinkExtractor(restrict_css="ul"), follow=True)]
        crawler._compile_rules()
        try:
            response.json()
        except ValueError as error:
            json_error = type(error).__name__
        say(way=way, missing=[name for name in names if not hasattr(response, name)],
            is_html=isinstance(response, HtmlResponse), url=response.url, status=response.status,
            text=response.css("ul").get(), encoding=codecs.lookup(response.encoding).name,
            body=response.body.decode().count("<li>"), urljoin=response.urljoin("item/9"),
            follow=[response.follow("x").url, response.follow(response.css("a")[0]).url,
                    response.follow(response.css("a::attr(href)")[0]).url],
            follow_all=[[request.url for request in found] for found in (
                response.follow_all(response.css("a")), response.follow_all(css="ul a"),
                response.follow_all(xpath="//ul//a"), response.follow_all(["a", "b"]))],
            xpath=response.xpath("//a[@id=$id]/text()", id="two").get(), jmespath=json_error,
            selector=response.selector.css("h1::text").get(), title=loader.load_item()["title"],
            form=[form.url, form.method], links=[link.url for link in LinkExtractor().extract_links(response)],
            rules=[request.url for request in crawler._requests_to_follow(response)],
            mine=response.meta["mine"], flags=response.flags, cb_kwargs=response.cb_kwargs,
            address=str(response.ip_address), protocol=response.protocol, certificate=response.certificate,
            copied=[response.copy().url, response.copy().css("h1::text").get()],
            replaced=[response.replace(url="http://other/").url, response.replace(status=201).status,
                      response.replace(body=b"<h1>new</h1>").css("h1::text").get()],
            content_type=response.headers.get("Content-Type", b"").decode().partition(";")[0])
"""


def test_a_rendered_response_has_all_features_of_a_plain_one(renderer: str, tmp_path: Path) -> None:
    with page_site() as site:
        printed, _ = run(spider(renderer, site, BODY, settings='"ROBOTSTXT_OBEY": False'), tmp_path)
        by_way: dict[Any, dict[str, object]] = {answer.pop("way"): answer for answer in printed}
        plain = by_way.pop("plain")
        assert set(by_way) == {"execute", "html", "json"}
        for way, rendered in by_way.items():
            rendered["cb_kwargs"] = plain["cb_kwargs"] = None
            differing = {name for name in plain if rendered[name] != plain[name]}
            assert not differing, {name: (way, plain[name], rendered[name]) for name in differing}
        assert plain["links"] == [f"{site.url}/shop/item/1", f"{site.url}/shop/item/2"]
        assert plain["rules"] == plain["links"]


MOVED = """
    async def start(self):
        yield SplashRequest(self.url + "/moved", self.parse, args={"wait": 0.2})
    def parse(self, response):
        say(url=response.url, link=response.urljoin("x"))
"""


def test_a_page_of_render_html_has_its_last_url(chromium_renderer: str, tmp_path: Path) -> None:
    with page_site() as site:
        printed, _ = run(spider(chromium_renderer, site, MOVED, settings='"ROBOTSTXT_OBEY": False'), tmp_path)
    assert printed == [{"url": f"{site.url}/deep/pushed?q=%C3%A9", "link": f"{site.url}/deep/x"}]


JSON = """
    async def start(self):
        yield SplashRequest(self.url + "/data.json", self.parse, endpoint="execute", args={"lua_source": LUA_HEADERS})
    def parse(self, response):
        say(json=response.json())
LUA_HEADERS = "function main(splash, args) assert(splash:go(args.url)) local e = splash:history()" \\
    " return {html = splash:html(), headers = e[#e].response.headers} end"
"""


def test_response_json_returns_the_json_of_a_rendered_page(renderer: str, tmp_path: Path) -> None:
    with page_site() as site:
        printed, _ = run(spider(renderer, site, JSON, settings='"ROBOTSTXT_OBEY": False'), tmp_path)
    assert printed == [{"json": {"rows": [1, 2]}}]
