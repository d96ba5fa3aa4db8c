"""optuna-dashboard and fava: blank in Splash's WebKit of 2016, complete in our renderer."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import Base, Row
from models.schema import upgrade
from models.session import make_engine
from models.table_contents import difference, table_contents
from tests.crawls import ROOT, scrapy
from tests.processes import free_port
from tests.sites.fava.journal import Purchase
from tests.sites.optuna.trials import Trial

BIN = Path(sys.executable).parent
for model in (Trial, Purchase):
    Base.metadata.remove(model.table())  # the tests create these tables, not a migration


def get_json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


@contextlib.contextmanager
def serving(command: list[str], url: str) -> Iterator[str]:
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except (OSError, urllib.error.HTTPError):
                assert process.poll() is None, f"{command[0]} ended"
                assert time.monotonic() < deadline, f"{url} does not answer"
        yield url
    finally:
        process.terminate()
        process.wait(20)


def prepare(module: str, target: str) -> None:
    subprocess.run([sys.executable, "-m", module, target], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def optuna_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    storage = f"sqlite:///{tmp_path_factory.mktemp('optuna')}/study.db"
    prepare("tests.sites.optuna.seed", storage)
    port = free_port()
    command = [str(BIN / "optuna-dashboard"), storage, "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, f"http://127.0.0.1:{port}") as url:
        yield url


@pytest.fixture(scope="module")
def fava_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ledger = str(tmp_path_factory.mktemp("fava") / "household.beancount")
    prepare("tests.sites.fava.seed", ledger)
    port = free_port()
    with serving(
        [str(BIN / "fava"), "--host", "127.0.0.1", "-p", str(port), ledger], f"http://127.0.0.1:{port}"
    ) as url:
        yield url


def trials_of(site: str) -> list[dict[str, Any]]:
    """Return the trials of optuna-dashboard's own API."""
    rows = []
    for study in get_json(f"{site}/api/studies")["study_summaries"]:
        for trial in get_json(f"{site}/api/studies/{study['study_id']}")["trials"]:
            rows.append(
                {
                    "trial_id": trial["trial_id"],
                    "study": study["study_name"],
                    "number": trial["number"],
                    "state": trial["state"],
                    "value": f"{trial['values'][0]:.6f}",
                    "x": f"{float(trial['params'][0]['param_external_value']):.6f}",
                }
            )
    return rows


def purchases_of(site: str) -> list[dict[str, Any]]:
    """Return the purchases of fava's own API."""
    return [
        {
            "entry": entry["entry_hash"],
            "day": entry["date"],
            "payee": entry["payee"],
            "narration": entry["narration"],
            "account": entry["postings"][0]["account"],
            "amount": entry["postings"][0]["amount"].removesuffix(" EUR"),
        }
        for entry in get_json(f"{site}/household/api/journal")["data"]
        if entry["t"] == "Transaction"
    ]


def crawled(
    spider: str, model: type[Row], site: str, splash: str, database: str, *arguments: str
) -> tuple[dict[Any, Any], str]:
    engine = make_engine(database)
    upgrade(engine)
    model.table().create(engine, checkfirst=True)
    done = scrapy(
        "crawl", spider, "-a", f"site={site}", "-s", "SPIDER_MODULES=tests.sites.optuna,tests.sites.fava",
        "-s", "ROBOTSTXT_OBEY=0", *arguments, SPLASH_URL=splash, DATABASE_URL=database, PYTHONPATH=str(ROOT),
    )  # fmt: skip
    rows = table_contents(engine, model)
    engine.dispose()
    return rows, done.stderr


def by_key(rows: list[dict[str, Any]], model: type[Row]) -> dict[Any, Any]:
    return {tuple(row[name] for name in model.key()): row for row in rows}


def test_the_table_has_all_trials_of_optuna_dashboard(optuna_site: str, tmp_path: Path) -> None:
    rows, log = crawled("trials", Trial, optuna_site, "", f"sqlite:///{tmp_path}/x.db")
    truth = by_key(trials_of(optuna_site), Trial)
    assert len(truth) == 15
    assert not difference(truth, rows), log[-3000:]


def test_the_table_has_all_purchases_of_fava(fava_site: str, tmp_path: Path) -> None:
    rows, log = crawled("journal", Purchase, fava_site, "", f"sqlite:///{tmp_path}/x.db")
    truth = by_key(purchases_of(fava_site), Purchase)
    assert len(truth) == 120
    assert not difference(truth, rows), log[-3000:]


def test_the_report_names_pages_that_splash_cannot_render(
    optuna_site: str, fava_site: str, real_splash: str, tmp_path: Path
) -> None:
    for spider, model, site, page in (
        ("trials", Trial, optuna_site, "/dashboard/"),
        ("journal", Purchase, fava_site, "/household/journal/"),
    ):
        rows, log = crawled(
            spider, model, site, real_splash, f"sqlite:///{tmp_path}/{spider}.db", "-a", "patience=3"
        )
        assert rows == {}
        assert f"no content: {site}{page}: " in log
        assert "never appeared" in log
