"""Each command of Scrapy in this project: its output, its exit code, and that only crawls store a run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scrapy.cmdline import _get_commands_dict
from scrapy.utils.project import get_project_settings
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models import CrawlRun
from models.schema import check_schema
from models.session import make_engine
from tests.crawls import ROOT, scrapy

SPIDERS = "tests.crawler.command_spiders"
CHECKED = f"{SPIDERS}.checked"

# Command line, exit code, a text on standard output or standard error. SITE stands for the URL of the demo site. The
# output is Scrapy's own. Exit codes differ: if Scrapy ends with 0 although it did nothing, ours ends with 1.
CASES: dict[str, tuple[str, int, str]] = {
    "list": ("list", 0, "plain\nrendered\nwrong"),
    "list with a broken module": (
        f"list -s SPIDER_MODULES={SPIDERS}",
        1,
        "broken.py, line 3 cannot be loaded",
    ),
    "check passes": ("check plain", 0, "Ran 2 contracts"),
    "check fails": ("check", 1, "FAIL: [wrong] parse (@scrapes post-hook)"),
    "check of what has no contract": ("check rendered", 0, "nothing to check"),
    "check of an unknown spider": ("check plan", 1, "did you mean 'plain'?"),
    "crawl of a neighbour of a broken module": (
        f"crawl plain -s SPIDER_MODULES={SPIDERS}",
        0,
        "Spider closed",
    ),
    "crawl of an unknown spider": ("crawl plan", 1, "did you mean 'plain'?"),
    "crawl without a spider": ("crawl", 1, "it takes one spider's name"),
    "crawl with a wrong argument": ("crawl plain -a x", 1, "use -a NAME=VALUE"),
    "crawl of two spiders": ("crawl plain wrong", 1, "it takes one spider's name"),
    "crawl with an unknown option": ("crawl --no-such-option", 1, "there is no option --no-such-option"),
    "runspider": ("runspider tests/crawler/command_spiders/checked.py --nolog", 0, ""),
    "runspider of a broken file": (
        "runspider tests/crawler/command_spiders/broken.py",
        1,
        "broken.py, line 3 cannot be loaded: RuntimeError: this file is broken on purpose",
    ),
    "runspider of no file": ("runspider nowhere.py", 1, "there is no file nowhere.py"),
    "parse": ("parse --spider plain --nolog SITE", 0, "[{'title': 'A shop of books'}]"),
    "parse through rendered pages": (
        "parse --spider rendered --nolog --nocolour -d 2 SITE",
        0,
        "'sku': 'B00001'",
    ),
    "parse by an unknown spider": ("parse --spider plan SITE --nolog", 1, "did you mean 'plain'?"),
    "parse by an unknown callback": ("parse --spider plain -c prase SITE --nolog", 1, "no response from"),
    "parse of a site that is not there": (
        "parse --spider plain --nolog -s RETRY_ENABLED=0 http://127.0.0.1:1",
        1,
        "no response from",
    ),
    "fetch": ("fetch --nolog SITE/", 0, "A shop of books"),
    "fetch of a site that is not there": (
        "fetch --nolog -s RETRY_ENABLED=0 http://127.0.0.1:1",
        1,
        "no response from",
    ),
    "view": ("view --nolog SITE/", 0, ""),
    "shell": ("shell --nolog SITE/ -c response.css('title::text').get()", 0, "A shop of books"),
    "shell of a rendered page": ("shell --nolog SITE/books -c len(response.css('article'))", 0, "20"),
    "shell of a plain page": ("shell --nolog --plain SITE/books -c len(response.css('article'))", 0, "0"),
    "shell with a spider and no page": ("shell --nolog --spider rendered -c spider.name", 0, "rendered"),
    "shell with an unknown spider": ("shell --nolog --spider plan -c spider", 1, "did you mean 'plain'?"),
    "genspider lists its templates": ("genspider -l", 0, "site  (the default"),
    "genspider of a spider that is there": ("genspider plain x.example", 1, "already exists"),
    "edit": ("edit plain", 0, ""),
    "settings": ("settings --get BOT_NAME", 0, "splashdown"),
    "version": ("version", 0, "Scrapy 2."),
    "bench": ("bench -s CLOSESPIDER_ITEMCOUNT=0 -s CLOSESPIDER_PAGECOUNT=5", 0, "closespider_pagecount"),
}

# Our own commands have their own tests. startproject makes another project.
OURS = {
    "changes",
    "console",
    "events",
    "relay",
    "demo",
    "eject",
    "migrate",
    "new",
    "rejected",
    "rendering",
    "replay",
    "runs",
    "schedule",
    "try",
    "work",
}
ELSEWHERE = {"startproject"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the URL of one SQLite file for all commands, without a run in it."""
    url = f"sqlite:///{tmp_path_factory.mktemp('commands')}/x.db"
    engine = make_engine(url)
    check_schema(engine)
    engine.dispose()
    yield url


def run(line: str, site: str, database: str, renderer: str) -> subprocess.CompletedProcess[str]:
    arguments = [argument.replace("SITE", site) for argument in line.split()]
    if "SPIDER_MODULES" not in line:
        arguments += ["-s", f"SPIDER_MODULES={CHECKED}"]
    urls = {"DATABASE_URL": database, "DEMO_URL": site, "SPLASH_URL": renderer}
    return scrapy(*arguments, **urls, EDITOR="true", BROWSER="true")


def number_of_runs(url: str) -> int:
    engine = make_engine(url)
    with Session(engine) as session:
        number = session.scalar(select(func.count()).select_from(CrawlRun))
    engine.dispose()
    return number or 0


@pytest.mark.parametrize("case", CASES)
def test_a_command_of_scrapy_does_its_work_or_prints_why_not(
    case: str, demo_site: str, database: str, chromium_renderer: str
) -> None:
    line, code, text = CASES[case]
    before = number_of_runs(database)
    done = run(line, demo_site, database, chromium_renderer)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    assert text in done.stdout + done.stderr
    stores = code == 0 and line.split()[0] in ("crawl", "runspider")
    assert number_of_runs(database) - before == int(stores)
    if line.split()[0] != "check":
        assert "Traceback" not in done.stderr


def test_the_headers_of_a_rendered_page_have_no_password_of_the_renderer(
    demo_site: str, database: str
) -> None:
    its_own = ""  # a renderer that the command starts, which has a password
    done = run("fetch --nolog --headers SITE/books", demo_site, database, renderer=its_own)
    assert done.returncode == 0 and "> User-Agent" in done.stdout
    assert "authorization" not in done.stdout.lower()


@pytest.mark.parametrize("line", ["list", "runs", "changes --json", "schedule"])
def test_a_reader_that_ends_early_gets_no_traceback(line: str, database: str) -> None:
    command = [sys.executable, "-m", "scrapy", *line.split()]
    env = os.environ | {"DATABASE_URL": database, "SPLASHDOWN_ENV_FILE": ""}
    reading, writing = os.pipe()
    os.close(reading)  # nobody reads: the first output fails
    done = subprocess.run(
        command, cwd=ROOT, env=env, stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("line", ["list", "runs", "migrate", "schedule"])
def test_an_output_on_a_full_disk_is_one_line(line: str, unbuffered: str, database: str) -> None:
    command = [sys.executable, "-m", "scrapy", *line.split()]
    env = os.environ | {
        "DATABASE_URL": database,
        "SPLASHDOWN_ENV_FILE": "",
        "PYTHONUNBUFFERED": unbuffered,
    }
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, env=env, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    why = "the output is not complete: No space left on device; make room, or send it elsewhere"
    assert (done.returncode, done.stderr) == (1, f"scrapy {line}: {why}\n")


def test_the_cases_have_each_command() -> None:
    commands = set(_get_commands_dict(get_project_settings(), inproject=True))
    assert commands == {line.split()[0] for line, _, _ in CASES.values()} | OURS | ELSEWHERE


def test_genspider_makes_a_spider_that_renders(
    tmp_path: Path, demo_site: str, chromium_renderer: str
) -> None:
    (tmp_path / "scrapy.cfg").write_text("[settings]\ndefault = crawler.settings\n")
    (tmp_path / "own_spiders").mkdir()
    (tmp_path / "own_spiders" / "__init__.py").touch()
    options = ("-s", "SPIDER_MODULES=own_spiders", "-s", "NEWSPIDER_MODULE=own_spiders")
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}
    env["SPLASH_URL"] = chromium_renderer
    made = scrapy("genspider", "films", f"{demo_site}/books/B00001", *options, cwd=tmp_path, **env)
    assert made.returncode == 0, made.stderr
    crawled = scrapy("crawl", "films", "-O", "films.json", *options, cwd=tmp_path, **env)
    assert crawled.returncode == 0, crawled.stderr[-2000:]
    assert f"{demo_site}/books/B00001" in (tmp_path / "films.json").read_text()
