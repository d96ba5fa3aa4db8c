"""Runs scripts like those of users of scrapy-splash, and reads what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.crawler.splash.site import Site
from tests.prepared_process import run_script

DEADLINE = 120  # seconds

SPIDER = """
import json, scrapy
from scrapy.crawler import CrawlerProcess
from scrapy_splash import SplashFormRequest, SplashJsonResponse, SplashRequest, SplashTextResponse

def say(**what):
    print(json.dumps(what), flush=True)

LUA = "function main(splash, args) splash:init_cookies(args.cookies) assert(splash:go{{args.url, headers=args.headers}})" \\
      " return {{html = splash:html(), url = splash:url(), cookies = splash:get_cookies()}} end"

class It(scrapy.Spider):
    name = "it"
    custom_settings = {{
        "SPLASH_URL": {splash!r},
        "DOWNLOADER_MIDDLEWARES": {{"scrapy_splash.SplashCookiesMiddleware": 723, "scrapy_splash.SplashMiddleware": 725,
            "scrapy.downloadermiddlewares.httpcompression.HttpCompressionMiddleware": 810}},
        "SPIDER_MIDDLEWARES": {{"scrapy_splash.SplashDeduplicateArgsMiddleware": 100}},
        "REQUEST_FINGERPRINTER_CLASS": "scrapy_splash.SplashRequestFingerprinter",
        "TELNETCONSOLE_ENABLED": False, "REMOTE_CONTROL_ENABLED": False, "LOG_LEVEL": "INFO",
        {settings}
    }}
    url = {url!r}
{body}

process = CrawlerProcess({{}}); process.crawl(It); process.start()
"""


def run(text: str, folder: Path, *, is_fresh: bool = False) -> tuple[list[dict[str, object]], str]:
    """Run a user's script outside of the project. Return the JSON lines that it printed, and its log.

    Args:
        is_fresh: run it in a new interpreter, in which nothing is imported.
    """
    script = folder / "script.py"
    script.write_text(text, "utf-8")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SPLASH", "PYTHONPATH"))}
    if is_fresh:
        done = subprocess.run(
            [sys.executable, script.name],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    else:
        done = run_script(script, environment, DEADLINE)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def spider(splash: str, site: Site, body: str, settings: str = "") -> str:
    return SPIDER.format(splash=splash, url=site.url, body=body, settings=settings)
