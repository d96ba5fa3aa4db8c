"""What a crawl says about a page that could not be rendered: the same words with both renderers, and no codes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crawls import scrapy
from tests.processes import free_port
from tests.spiders.needs_site import needs_site

SPIDER = """
from spiders.base import SiteSpider

class ErrorsSpider(SiteSpider):
    name = "errors"
    custom_settings = {"ITEM_PIPELINES": {}, "ROBOTSTXT_OBEY": False, "RETRY_TIMES": 0, "HOST_BACKOFF_LIMIT": 0,
                       "DOWNLOAD_DELAY": 0}
    wait_timeout = 1.0
    site = shut = bad = ""

    async def start(self):
        yield self.render(self.site + "/more?1", self.parse, wait_for="//div[")
        yield self.render(self.site + "/more?2", self.parse, wait_for="//li", click=["#more", "li["])
        yield self.render_scrolled(self.site + "/more?3", self.parse, items="li", end="//a:b")
        yield self.render_pages(self.site + "/more?4", self.parse, wait_for="li", next_button="//a(")
        yield self.render(self.site + "/more?5", self.parse, wait_for="//li[.='x']")
        yield self.render(self.site + "/more?6", self.parse, wait_for="li", click="#no")
        yield self.render(self.shut, self.parse, wait_for="li")
        yield self.render("http://no-such-host.invalid/", self.parse, wait_for="li")
        yield self.render(self.bad + "/closes", self.parse, wait_for="li")
        yield self.render(self.bad + "/hangs", self.parse, wait_for="li")
        yield self.render(self.bad + "/hangs?", self.parse)
        yield self.render(self.bad.replace("http:", "https:") + "/plain", self.parse, wait_for="li")

    def parse(self, response):
        yield {"url": response.url}
"""


@contextmanager
def bad_site() -> Iterator[str]:
    """Yield the URL of a site that never answers for /hangs, and closes each other connection without an answer."""
    held: list[socket.socket] = []
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            if b"/hangs" in connection.recv(4096):
                held.append(connection)
            else:
                connection.close()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.shutdown(socket.SHUT_RDWR)
    for one in (server, *held):
        one.close()


def test_an_error_names_its_cause_in_words(tmp_path: Path, renderer: str) -> None:
    (tmp_path / "errors.py").write_text(SPIDER)
    env = {"SPLASH_URL": renderer, "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    with needs_site() as running, bad_site() as bad:
        site = running.url
        shut = f"http://127.0.0.1:{free_port()}/"
        done = scrapy(
            "runspider", str(tmp_path / "errors.py"),
            "-a", f"site={site}", "-a", f"bad={bad}", "-a", f"shut={shut}", **env
        )  # fmt: skip
    expected = {
        f"{site}/more?1": "wait_for='//div[' is no XPath: Invalid expression",
        f"{site}/more?2": "click='li[' is no CSS selector: Expected ident or '*', but the text ends (an XPath begins",
        f"{site}/more?3": "end='//a:b' is no XPath: Undefined namespace prefix",
        f"{site}/more?4": "next_button='//a(' is no XPath: Invalid expression",
        f"{site}/more?5": "\"//li[.='x']\" never appeared (waited 1 s): it is not on the page within "
        "wait_timeout of the spider (or timeout= of the call)",
        f"{site}/more?6": "'#no' to click is not on the page (waited 1 s)",
        shut: "could not be loaded: connection refused",
        "http://no-such-host.invalid/": "could not be loaded: host not found",
        f"{bad}/closes": "could not be loaded: the site closed the connection",
        f"{bad}/hangs": "the site did not answer within 1 s",
        f"{bad}/hangs?": "the site did not answer within 1 s",
        f"{bad.replace('http:', 'https:')}/plain": "could not be loaded: ",
    }
    report = [
        line.partition("no content: ")[2] for line in done.stderr.splitlines() if "no content: " in line
    ]
    for url, why in expected.items():
        assert any(line.startswith(f"{url}: {why}") for line in report), f"{url}: {why}\n" + "\n".join(report)
    shown = scrapy("runs", "show", "1", **env).stdout
    for url, why in expected.items():
        assert f"{why[:60]}" in shown, f"{url}\n{shown}"
    for word in ("network1", "network3", "(ScriptError", "[string"):
        assert word not in shown and not any(word in line for line in report), word


def test_a_page_that_breaks_a_render_script_is_reported_without_a_line_of_it(
    tmp_path: Path, renderer: str
) -> None:
    text = SPIDER.partition("        yield self.render(self.site")[0]
    text += """        yield self.render(self.site + "/broken", self.parse, wait_for="li", click="#more")
    def parse(self, response):
        pass
"""
    (tmp_path / "broken.py").write_text(text)
    with needs_site() as running:
        site = running.url
        done = scrapy(
            "runspider", str(tmp_path / "broken.py"), "-a", f"site={site}",
            SPLASH_URL=renderer, DATABASE_URL=f"sqlite:///{tmp_path}/x.db",
        )  # fmt: skip
    reason = f"no content: {site}/broken: a render script failed on this page: "
    (line,) = [line for line in done.stderr.splitlines() if reason in line]
    assert "no filter here" in line and "[string" not in line and "line " not in line.partition("/broken")[2]
