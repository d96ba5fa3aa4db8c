"""Alarms: one when the exit code of a spider becomes bad, one when it is good again, none in between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from crawler.commands.crawl import alarm_choice
from crawler.run.alarm import Alarm
from crawler.run.verdict import Verdict
from models.session import make_engine
from models.spider_schedule import AlarmChoice, SpiderSchedule
from tests.alarm_endpoint import Endpoint, alarm_endpoint
from tests.crawler.fake_shop_site import fake_shop
from tests.crawler.shop_crawls import ShopCrawls
from tests.crawls import scrapy
from tests.databases import make_file_with_tables
from tests.processes import ROOT


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with alarm_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopCrawls]:
    with fake_shop() as site:
        yield ShopCrawls(site, f"sqlite:///{tmp_path}/shop.db")


def test_the_crawl_sends_one_alarm_for_each_change_of_state(
    shop: ShopCrawls, endpoint: Endpoint, tmp_path: Path
) -> None:
    def crawl(*options: str, **env: str) -> list[tuple[str, str]]:
        states = f"ALERT_STATES={tmp_path}/alarms"
        done = shop.crawl("-s", states, *options, ALERT_URLS=endpoint.url, **env)
        assert "hush-hush" not in done.stderr
        return endpoint.new_messages()

    shop.site.fill(6)
    assert crawl() == []
    shop.site.pages["/2"]["error"] = "\x1b[2Jthe layout is new"
    shop.site.pages["/4"]["items"][0]["author"] = None
    assert crawl() == [("failure", "shop: below its policy (exit code 2)")]
    assert crawl() == []
    assert crawl("--pages", "1") == []  # a trial that is good does not make the spider good
    nowhere = {"DATABASE_URL": "mysql+pymysql://u@127.0.0.1:1/x"}
    shop_url, shop.url = shop.url, nowhere["DATABASE_URL"]
    assert crawl() == [("failure", "shop: could not start (exit code 1)")]
    shop.url = shop_url
    shop.site.fill(6)
    assert crawl() == [("success", "shop is good again")]
    assert crawl() == []


def test_an_alarm_has_the_reasons_examples_and_the_command_for_details(
    shop: ShopCrawls, endpoint: Endpoint, tmp_path: Path
) -> None:
    shop.site.fill(6)
    shop.site.pages["/2"]["error"] = "\x1b[2Jthe layout is new"
    shop.site.pages["/4"]["items"][0]["author"] = None
    shop.crawl("-s", f"ALERT_STATES={tmp_path}/alarms", ALERT_URLS=endpoint.url)
    body = endpoint.messages[0]["message"]
    assert "Run 1 on " in body
    assert "1 of 4 pages failed (MAX_FAILED_SHARE is 5%)" in body
    assert f"{shop.site.url}/2: ValueError: [2Jthe layout is new" in body
    assert f"{shop.site.url}/4: author is missing" in body
    assert "scrapy runs show 1" in body and "\x1b" not in body


def test_the_next_run_sends_an_alarm_that_was_not_delivered(
    shop: ShopCrawls, endpoint: Endpoint, tmp_path: Path
) -> None:
    shop.site.pages["/start"] = {}
    options = ("-s", f"ALERT_STATES={tmp_path}/alarms")
    endpoint.status = 500
    done = shop.crawl(*options, ALERT_URLS=endpoint.url)
    assert done.returncode == 2 and "the alarm did not reach all of ALERT_URLS" in done.stderr
    assert "hush-hush" not in done.stderr
    endpoint.status = 200
    shop.crawl(*options, ALERT_URLS=endpoint.url)
    assert endpoint.new_messages() == [("failure", "shop: below its policy (exit code 2)")]


def test_a_spider_may_have_recipients_of_its_own(
    shop: ShopCrawls, endpoint: Endpoint, tmp_path: Path
) -> None:
    (tmp_path / "own_shop.py").write_text(
        "from tests.crawler.fake_shop_spider import ShopSpider\n"
        "class OwnShopSpider(ShopSpider):\n"
        "    name = 'own'\n"
        f"    custom_settings = ShopSpider.custom_settings | {{'ALERT_URLS': {endpoint.url!r}}}\n"
    )
    shop.site.pages["/start"] = {}
    env = shop.env | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "ALERT_URLS": ""}
    states = f"ALERT_STATES={tmp_path}/alarms"
    done = scrapy("crawl", "own", "-s", "SPIDER_MODULES=own_shop", "-s", states, **env)
    assert done.returncode == 2
    assert endpoint.new_messages() == [("failure", "own: below its policy (exit code 2)")]


def test_the_crawl_refuses_an_unknown_address_without_printing_it() -> None:
    done = scrapy("crawl", "books", ALERT_URLS="nonsense://hush-hush")
    assert done.returncode == 1
    assert "ALERT_URLS has an address that Apprise does not know" in done.stderr
    assert "hush-hush" not in done.stderr


def test_muted_alarms_are_not_sent_and_a_bad_state_that_lasts_is_not_lost(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alarm = Alarm(endpoint.url, tmp_path)
    later, before = (datetime.now(UTC) + timedelta(hours=hours) for hours in (1, -1))

    def tell(code: int, muted_until: datetime | None) -> list[tuple[str, str]]:
        alarm.tell("shop", {}, Verdict(code=code), choice=lambda: AlarmChoice(muted_until=muted_until))
        return endpoint.new_messages()

    assert tell(2, later) == []
    assert f"alarms of shop are muted until {later:%F %H:%M} UTC: shop: below its policy" in caplog.text
    assert tell(2, before) == [("failure", "shop: below its policy (exit code 2)")]
    assert tell(0, later) == []
    assert tell(0, None) == [("success", "shop is good again")]


def test_only_the_chosen_recipients_hear_an_alarm(
    endpoint: Endpoint, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with alarm_endpoint() as other:
        alarm = Alarm(f"{endpoint.url}, {other.url}", tmp_path)
        ours, others = (f"json://***@127.0.0.1:{one.server.server_port}/***" for one in (endpoint, other))

        def tell(code: int, *heard_by: str) -> tuple[int, int]:
            choice = AlarmChoice(heard_by=heard_by)
            alarm.tell("shop", {}, Verdict(code=code), choice=lambda: choice)
            return len(endpoint.new_messages()), len(other.new_messages())

        assert tell(2, ours) == (1, 0)
        assert tell(0, others) == (0, 1)
        assert tell(2, ours, "slack://***") == (1, 0), "one that the settings do not name is ignored"
        assert "chosen" not in caplog.text
        assert tell(0, "slack://***", "tgram://***") == (1, 1), "an alarm is not lost"
        assert "none is left (slack://***, tgram://***)" in caplog.text
        alarm.tell("shop", {}, Verdict(code=2))
        assert (len(endpoint.new_messages()), len(other.new_messages())) == (1, 1)


def test_an_alarm_that_does_not_reach_a_chosen_recipient_is_sent_again(
    endpoint: Endpoint, tmp_path: Path
) -> None:
    with alarm_endpoint() as other:
        alarm = Alarm(f"{endpoint.url} {other.url}", tmp_path)
        choice = AlarmChoice(heard_by=[f"json://***@127.0.0.1:{other.server.server_port}/***"])
        other.status = 500
        alarm.tell("shop", {}, Verdict(code=2), choice=lambda: choice)
        other.status = 200
        alarm.tell("shop", {}, Verdict(code=2), choice=lambda: choice)
        assert other.new_messages() == [("failure", "shop: below its policy (exit code 2)")]
        assert endpoint.new_messages() == []


def test_the_crawl_sends_its_alarm_to_the_recipient_that_was_chosen(
    shop: ShopCrawls, endpoint: Endpoint, tmp_path: Path
) -> None:
    shop.site.pages["/start"] = {}
    make_file_with_tables(shop.url)
    with alarm_endpoint() as other:
        engine = make_engine(shop.url)
        shown = [f"json://***@127.0.0.1:{other.server.server_port}/***"]
        with Session(engine) as session:
            session.add(SpiderSchedule(spider="shop", loaded_at=datetime.now(UTC), heard_by=shown))
            session.commit()
        engine.dispose()
        addresses = f"{endpoint.url} {other.url}"
        shop.crawl("-s", f"ALERT_STATES={tmp_path}/alarms", ALERT_URLS=addresses)
        assert other.new_messages() == [("failure", "shop: below its policy (exit code 2)")]
        assert endpoint.new_messages() == []


def test_the_crawl_reads_what_a_person_has_set_for_the_alarms(tmp_path: Path) -> None:
    url, later = f"sqlite:///{tmp_path}/shop.db", datetime(2030, 1, 1, tzinfo=UTC)
    make_file_with_tables(url)
    engine = make_engine(url)
    with Session(engine) as session:
        session.add(SpiderSchedule(spider="shop", loaded_at=later, muted_until=later, heard_by=["x"]))
        session.commit()
    engine.dispose()
    assert alarm_choice(url, "shop") == AlarmChoice(muted_until=later, heard_by=["x"])
    assert alarm_choice(url, "other") == AlarmChoice()
    assert alarm_choice(f"sqlite:///{tmp_path}/none.db", "shop") == AlarmChoice()
    assert not (tmp_path / "none.db").exists()
