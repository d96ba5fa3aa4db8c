"""A request with a number that its table cannot hold is refused; every other one is stored on every database."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy import Request, Spider
from sqlalchemy import Engine, select

from crawler.page.commit import Commit
from frontier.request_check import check_found, check_request
from frontier.typed_json import NotJson
from models.request import CrawlRequest, NewRequest, lease
from models.run import database_now
from tests.pipelines.runs import Run


class Shop(Spider):
    name = "shop"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"priority": 2**63}, "priority has more than 64 bits"),
        ({"priority": -(2**63) - 1}, "priority has more than 64 bits"),
        ({"meta": {"depth": 2**31}}, r"meta\['depth'\] is 2147483648"),
        ({"meta": {"depth": "deep"}}, r"meta\['depth'\] is 'deep'"),
        ({"meta": {"delay": float("nan")}}, r"meta\['delay'\] is nan"),
        ({"meta": {"delay": float("inf")}}, r"meta\['delay'\] is inf"),
        (
            {"meta": {"delay": 1732800000000}},
            r"meta\['delay'\] is 1732800000000, and not a number of seconds",
        ),
        ({"meta": {"delay": "soon"}}, r"meta\['delay'\] is 'soon'"),
        ({"meta": {"delay": 10**400}}, r"meta\['delay'\] is 1000"),
        ({"meta": {"download_slot": ["a"]}}, r"meta\['download_slot'\] is \['a'\]"),
        ({"meta": {"makes_session": True, "delay": float("nan")}}, "delay"),
    ],
)
def test_a_number_that_the_table_cannot_hold_is_refused(fields: Any, said: str) -> None:
    with pytest.raises(NotJson, match=said):
        check_request(Request("http://shop/", **fields), Shop())


@pytest.mark.parametrize(
    "fields", [{"priority": 1732800000000}, {"priority": -(2**63)}, {"meta": {"delay": "2.5", "depth": 3}}]
)
def test_other_numbers_are_taken(fields: Any) -> None:
    check_found(Request("http://shop/", **fields), Shop())


def test_moments_in_milliseconds_are_priorities_on_every_database(engine: Engine) -> None:
    run = Run(engine)
    priorities = [1732800000001, -(2**63), 2**63 - 1, 1732800000000, 0]
    found = tuple(
        NewRequest(
            number=n,
            identity=bytes([n] * 20),
            url="u",
            request="{}",
            priority=priority,
            position=2**62,
            depth=2**31 - 1,
        )
        for n, priority in enumerate(priorities)
    )
    done = run.commit(Commit(requests=found, start_read=True))
    assert not isinstance(done, Exception), done
    with run.sessions.begin() as session:
        session.execute(CrawlRequest.__table__.update().values(state="queued"))  # type: ignore[attr-defined]
        leased = lease(session, run.claimed.id, 10, database_now(session))
        assert session.scalars(select(CrawlRequest.depth)).first() == 2**31 - 1
    assert [one.priority for one in leased] == sorted(priorities, reverse=True)
