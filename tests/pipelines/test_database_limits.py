"""The limits of real servers: the writer distinguishes a refused row from a database that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import Date, DateTime, Engine, event, make_url, text
from sqlalchemy.orm import Mapped, mapped_column

from crawler.run.errors import DatabaseLost
from models import CrawlRun, OutboxEvent, Quote, RejectedItem, Row, RowChange
from models.schema import upgrade
from models.session import make_engine
from models.types import ExactString, LongText
from tests.conftest import empty, service
from tests.frontier.private_mariadb import PrivateMariaDb, private_mariadb
from tests.pipelines.demo_rows import quote
from tests.pipelines.own_tables import set_apart, there
from tests.pipelines.runs import Run, page


class Article(Row):
    __tablename__ = "test_article"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    body: Mapped[str | None] = mapped_column(LongText())


class Concert(Row):
    __tablename__ = "test_concert"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date | None] = mapped_column(Date)
    begins: Mapped[datetime | None] = mapped_column(DateTime)
    hall: Mapped[str | None] = mapped_column(ExactString(20))


set_apart(Article, Concert)

PACKET = 200 * 1024  # bytes


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateMariaDb]:
    """A MariaDB with a small ``max_allowed_packet``, and a user who may have one connection."""
    with private_mariadb() as server:
        engine = make_engine(server.url)
        with engine.begin() as connection:
            connection.execute(text(f"SET GLOBAL max_allowed_packet = {PACKET}"))
            connection.execute(text("CREATE USER one IDENTIFIED BY 'one' WITH MAX_USER_CONNECTIONS 1"))
            connection.execute(text("GRANT ALL ON crash.* TO one"))
        engine.dispose()
        engine = make_engine(server.url)
        upgrade(engine)
        engine.dispose()
        yield server


def test_a_row_above_max_allowed_packet_is_rejected_alone(server: PrivateMariaDb) -> None:
    engine = make_engine(server.url)
    with there(engine, Article):
        run = Run(engine, outbox=True)
        bodies = dict.fromkeys(range(40), "x" * 30000)  # too long together, but each is short enough
        too_long = {
            40: "x" * PACKET,
            41: "x" * 4 * PACKET,
            42: "\\" * (PACKET // 2 + 1),
            43: '"' * (PACKET // 2 + 1),
        }
        items = [(Article, {"id": n, "body": body}) for n, body in (bodies | too_long).items()]
        (outcome,) = run.commit(page(*items, number=0))
        assert (outcome.stored, outcome.rejected) == (40, 4)
        assert {one.id for one in run.all(Article)} == set(bodies)
        assert len(run.all(OutboxEvent)) == len(run.all(RowChange)) == 40
        for one in run.all(RejectedItem):
            assert "max_allowed_packet" in one.reasons[""] and one.keyed and one.item["id"] in too_long
        engine.dispose()


def test_the_writer_waits_for_a_user_without_free_connections(server: PrivateMariaDb) -> None:
    url = make_url(server.url).set(username="one", password="one")
    engine = make_engine(url.render_as_string(hide_password=False))
    run = Run(engine, spider="another")
    engine.dispose()
    holders = [pymysql.connect(host="127.0.0.1", port=url.port or 0, user="one", password="one")]
    refused: list[Any] = []

    def hang_up(context: Any) -> None:
        refused.append(context.original_exception.args[0])
        while len(refused) == 3 and holders:
            holders.pop().close()

    event.listen(engine, "handle_error", hang_up)
    (outcome,) = run.commit(page((Quote, quote(1))))
    assert outcome.stored == 1 and set(refused) <= {1226, 1203} and len(refused) >= 3
    engine.dispose()


def test_a_stored_zero_date_of_mysql_is_replaced() -> None:
    url = service("TEST_MARIADB_URL", "MariaDB")
    empty(url)
    engine = make_engine(url)
    with there(engine, Concert):
        run = Run(engine)
        run.commit(page((Concert, {"id": 1, "hall": "A"}), (Concert, {"id": 2, "hall": "A"})))
        with engine.begin() as connection:
            connection.execute(text("SET SESSION sql_mode = ''"))
            connection.execute(
                text("UPDATE test_concert SET day = '0000-00-00', begins = '0000-00-00 00:00:00'")
            )
        engine.dispose()
        begins = datetime(2026, 5, 1, tzinfo=UTC)
        (outcome,) = run.commit(
            page(
                (Concert, {"id": 1, "day": date(2026, 5, 1), "begins": begins}),
                (Concert, {"id": 2, "hall": "B"}),
            )
        )
        assert outcome.stored == 2
        (first, second) = run.all(RowChange)[2:]
        assert first.fields["day"] == ["0000-00-00", "2026-05-01"]
        assert second.fields == {"hall": ["A", "B"]}
        run.finish()
    engine.dispose()


@pytest.mark.parametrize("step", ["begin", "commit"])
@pytest.mark.parametrize("replaced", [True, False])
def test_the_run_ends_when_its_sqlite_file_is_deleted_or_replaced(
    tmp_path: Path, step: str, replaced: bool
) -> None:
    file = tmp_path / "shop.db"
    engine = make_engine(f"sqlite:///{file}")
    upgrade(engine)
    run = Run(engine)
    run.commit(page((Quote, quote(1))))

    def delete(*_: Any) -> None:
        file.rename(tmp_path / "elsewhere.db")
        if replaced:
            file.touch()

    event.listen(engine, step, delete, once=True)
    outcome = run.commit(page((Quote, quote(2))), page((Quote, quote(3))), batch_weight=1)
    assert isinstance(outcome, DatabaseLost)
    assert ("replaced" if replaced else "deleted") in str(outcome) and str(file) in str(outcome)
    engine.dispose()


def test_the_run_ends_when_its_table_is_dropped_and_no_row_is_rejected(engine: Engine) -> None:
    with there(engine, Article):
        run = Run(engine)
        run.commit(page((Article, {"id": 1, "body": "a"})))
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE test_article"))
        outcome = run.commit(page((Article, {"id": 2, "body": "b"}), (Article, {"id": 3, "body": "c"})))
        assert isinstance(outcome, DatabaseLost) and "test_article" in str(outcome)
        assert run.all(RejectedItem) == []


def test_the_verdict_counts_rows_that_another_program_deleted(engine: Engine) -> None:
    run = Run(engine)
    run.commit(page(*((Quote, quote(n)) for n in range(20))))
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM quote WHERE quote_id < 5"))
    run.commit(page(*((Quote, quote(n)) for n in range(20, 30))), finish="finished")
    (ended,) = run.all(CrawlRun)
    assert ended.verdict == 2
    assert ended.reasons == [
        "5 of the 30 rows of quote that the run created are missing: another program deleted them"
    ]
