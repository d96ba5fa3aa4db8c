"""``scrapy rejected --replay``: rejected items that are fit by now."""

from __future__ import annotations

from scrapy.settings import Settings
from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from crawler.page import Commit
from crawler.row import Rejection
from models import OutboxEvent, Quote, RejectedItem, RowChange
from pipelines.replay import replay
from tests.pipelines.runs import Run


def test_what_is_stored_after_all_has_its_history_and_its_event(engine: Engine) -> None:
    rejection = Rejection(model=Quote, item={"quote_id": 1, "body": "b"}, reasons={"author": "is missing"})
    Run(engine).commit(Commit(rejections=(rejection,)), finish="finished")
    with Session(engine) as session, session.begin():
        session.execute(update(RejectedItem).values(item={"quote_id": 1, "body": "b", "author": "a"}))
    assert replay(engine, Settings({"OUTBOX_ENABLED": True})) == (1, 0)
    with Session(engine) as session:
        assert session.scalars(select(RowChange.kind)).all() == ["created"]
        assert len(session.scalars(select(OutboxEvent)).all()) == 1
