"""Two days of the demo, while each server between the site and the consumers is killed."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.frontier.crash_tree import CrashNode
from tests.frontier.crashes import Crawls
from tests.outbox.demo_days import Shop, crawl_days
from tests.pipelines.own_tables import there

KILLS = {"relay": 1, "rabbitmq": 1, "kafka": 1, "mariadb": 1}


@pytest.mark.usefixtures("mqtt")
def test_the_days_of_the_demo_arrive_whatever_is_killed(tmp_path: Path) -> None:
    def crawl(site: str, database: str) -> None:
        crawls = Crawls(database, tmp_path, plain=False)  # by the shop's API, without a renderer
        crawls.whole(site, poison=False)
        crawls.engine.dispose()

    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown when it fails
    with ExitStack() as stack:
        shop = Shop(tmp_path, stack)
        stack.enter_context(there(shop.engine, CrashNode))
        crawl_days(shop, (1, 2), 60, KILLS, random.Random(seed), crawl)
        shop.finish()
