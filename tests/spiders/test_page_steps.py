"""What happens on a page before it is read: `click=`, `dismiss=`, `quiet=`, and what the errors of a step say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from crawler.splash.page_steps import step_arguments
from crawler.splash.snapshot_answer import saved_answer
from crawler.splash.step_problems import step_problem
from tests.crawls import scrapy
from tests.spiders.docs_examples import examples_of_the_docs
from tests.spiders.needs_site import needs_site
from tests.spiders.render_script import run_script

SPIDER = """
from spiders.base import SiteSpider

class StepsSpider(SiteSpider):
    name = "steps"
    custom_settings = {"ITEM_PIPELINES": {}, "RETRY_ENABLED": False}
    wait_timeout = 3.0
    site = ""

    async def start(self):
        EXAMPLES
        QUIET
        SCREENSHOT
        yield self.render(self.site + "/chain?both", self.parse, wait_for="li", quiet=0.3)
        yield self.render(self.site + "/worker", self.parse, quiet=0.3, errback=self.failed)
        yield self.render(self.site + "/chain?endless", self.parse, quiet=0.3, timeout=0.8, errback=self.failed)
        yield self.render_scrolled(
            self.site + "/feed", self.parse, items="li", click="#open", dismiss=["#never"], quiet=0.5
        )
        yield self.render_pages(
            self.site + "/more?pages", self.parse, next_button="#more", wait_for="li", max_pages=2, click=["#more"]
        )
        yield self.render(self.site + "/more?dead", self.parse, wait_for=".x", click="#dead", timeout=0.5,
                          errback=self.failed)

    def parse(self, response):
        yield {"page": response.url.removeprefix(self.site), "rows": response.css("li::text, .price::text").getall()}

    def parse_picture(self, response):
        picture = self.screenshot_of(response)
        yield {"page": "picture", "rows": [picture[1:4].decode(), len(picture) > 1000]}

    def failed(self, failure):
        yield {"error": str(failure.value)}
"""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with needs_site() as running:
        yield running.url


def test_elements_are_clicked_before_a_page_is_read(tmp_path: Path, renderer: str, site: str) -> None:
    text = SPIDER.replace("EXAMPLES", examples_of_the_docs("`click` and `dismiss`", site))
    text = text.replace("QUIET", examples_of_the_docs("`quiet`", site))
    (tmp_path / "steps.py").write_text(text.replace("SCREENSHOT", examples_of_the_docs("`screenshot`", site)))
    done = scrapy(
        "runspider", str(tmp_path / "steps.py"), "-O", f"{tmp_path}/out.jsonl", "-a", f"site={site}",
        SPLASH_URL=renderer, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
    )  # fmt: skip
    rows: dict[str, list[list[str]]] = {}
    errors = []
    for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        if "error" in item:
            errors.append(item["error"])
        else:
            rows.setdefault(item["page"], []).append(item["rows"])
    assert rows == {
        "/tabs": [["7.50"]],
        "/more": [["1", "2", "3"]],
        "/chain": [["1", "2", "3", "4"]],
        "picture": [["PNG", True]],
        "/chain?both": [["1", "2", "3", "4"]],
        "/worker": [["1"]],
        "/feed": [[str(number) for number in range(1, 31)]],
        "/more?pages": [["1", "2"], ["1", "2", "3"]],
    }, done.stderr[-3000:]
    why = "clicked '#dead', but '.x' did not appear within 0.5 s: the click changed nothing"
    busy, dead = sorted(errors)
    # The URL of a request follows, unless the page has none under way at that time.
    assert busy.startswith(f"{site}/chain?endless: the network was not quiet for 0.3 s within 0.8 s")
    assert dead == f"{site}/more?dead: {why}"
    assert f"no content: {site}/more?dead: {why}" in done.stderr  # in the report at the end


SHADOWS = """
from spiders.base import SiteSpider

class TalksSpider(SiteSpider):
    name = "talks"
    custom_settings = {"ITEM_PIPELINES": {}}
    site = ""

    async def start(self):
        EXAMPLES
        yield self.render(self.site + "/talks?all", self.parse, wait_for="//h2[.='Three']", click="my-talks button",
                          shadow_roots=True)

    def parse(self, response):
        yield {"page": response.url.removeprefix(self.site), "rows": response.css("my-talk h2::text").getall()}
"""


def crawl_talks(folder: Path, renderer: str, site: str) -> tuple[str, list[dict[str, Any]]]:
    """Crawl the page with shadow roots; return what the crawl logs, and its items."""
    examples = examples_of_the_docs("`shadow_roots`", site)
    (folder / "talks.py").write_text(SHADOWS.replace("EXAMPLES", examples))
    done = scrapy(
        "runspider", str(folder / "talks.py"), "-O", f"{folder}/out.jsonl", "-a", f"site={site}",
        SPLASH_URL=renderer, DATABASE_URL=f"sqlite:///{folder}/x.db",
    )  # fmt: skip
    return done.stderr, [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_shadow_roots_are_in_the_page_and_can_be_waited_for(
    tmp_path: Path, chromium_renderer: str, site: str
) -> None:
    log, items = crawl_talks(tmp_path, chromium_renderer, site)
    assert sorted(items, key=lambda item: len(item["rows"])) == [
        {"page": "/talks", "rows": ["One", "Two"]},
        {"page": "/talks?all", "rows": ["One", "Two", "Three"]},
    ], log[-3000:]


def test_splash_says_that_it_has_no_shadow_roots(tmp_path: Path, real_splash: str, site: str) -> None:
    log, items = crawl_talks(tmp_path, real_splash, site)
    assert items == []
    assert f"no content: {site}/talks: shadow_roots= needs Splashdown's own renderer" in log
    assert "retry/count" not in log


@pytest.mark.parametrize(
    ("click", "wait_for", "step"),
    [
        (["#dead"], ".x", {"selector": "#dead", "number": 1, "problem": "gone", "changed": False}),
        (["#noise"], ".x", {"selector": "#noise", "number": 1, "problem": "gone", "changed": True}),
        (["#noise"], "li", {"selector": "#noise", "number": 1, "problem": "same", "changed": True}),
        (["#dead", "#dead"], "li", {"selector": "#dead", "number": 1, "problem": "same", "changed": False}),
        (["#more", "#no"], "li", {"selector": "#no", "number": 2, "problem": "none"}),
        (["#off"], "li", {"selector": "#off", "number": 1, "problem": "disabled"}),
    ],
)
def test_a_step_without_effect_reports_its_problem(
    renderer: str, site: str, click: list[str], wait_for: str, step: dict[str, Any]
) -> None:
    arguments = {"url": f"{site}/more", "wait_for": wait_for, "wait_timeout": 0.4, "click": click}
    status, answer = run_script(renderer, "wait_for", **arguments)
    assert status == 200 and answer["appeared"] is False, answer
    assert answer["step"] == step


def test_a_page_that_splash_has_in_its_cache_is_a_page(renderer: str, site: str) -> None:
    for _ in range(3):
        arguments = {"url": f"{site}/link", "wait_for": "p", "click": ["a"]}
        status, answer = run_script(renderer, "wait_for", **arguments)
        assert (status, answer["http_status"], answer["appeared"]) == (200, 200, True), answer


def test_the_message_of_a_failed_step_names_the_step() -> None:
    arguments = {"click": ["#tab", "#more"], "wait_for": "//li"}
    gone = {"selector": "#more", "number": 2, "problem": "gone", "changed": True}
    assert step_problem(gone, arguments, 10) == (
        "clicked '#more', but '//li' did not appear within 10 s: the click changed other parts of the page"
    )
    assert step_problem({"selector": "#more", "number": 2, "problem": "none"}, arguments, 10) == (
        "'#more' to click is not on the page (waited 10 s), after the click on '#tab'"
    )
    assert "'#tab' to click is disabled" in step_problem(
        {"selector": "#tab", "number": 1, "problem": "disabled"}, arguments, 10
    )


def test_steps_that_cannot_work_are_refused_at_their_line() -> None:
    assert step_arguments(click="#a", dismiss=(), waits=True) == {"click": ["#a"]}
    assert step_arguments(waits=False) == {}
    assert step_arguments(click="#a", quiet=0.5, waits=False) == {"click": ["#a"], "quiet": 0.5}
    with pytest.raises(ValueError, match="quiet=0 is no number of seconds"):
        step_arguments(quiet=0, waits=True)
    with pytest.raises(ValueError, match="click= needs wait_for="):
        step_arguments(click="#a", waits=False)
    with pytest.raises(ValueError, match="dismiss= has an empty selector"):
        step_arguments(dismiss=["#a", ""], waits=True)
    with pytest.raises(TypeError, match="click= has 7"):
        step_arguments(click=[7], waits=True)  # type: ignore[list-item]


def test_a_page_snapshot_has_no_second_picture() -> None:
    page: Any = SimpleNamespace(data={"html": "<p>", "screenshot": "iVBO", "url": "http://page/"}, text="<p>")
    assert saved_answer(page) == {"data": {"url": "http://page/"}, "page_is_body": True}
