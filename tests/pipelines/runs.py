"""A run of which the tests are the spider: pages are put together by hand and given to a real writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from crawler.page import Commit, Committed
from crawler.row import ValidRow, row_of
from crawler.verdict import Ending
from models import Row
from models.request import Settled
from models.run import HeldRun, hold_run
from models.session import make_sessions
from pipelines.target import Target
from pipelines.validate import validated
from pipelines.writer import Writer


class Run:
    def __init__(
        self, engine: Engine, *, spider: str = "test", outbox: bool = False, **arguments: Any
    ) -> None:
        self.engine, self.sessions = engine, make_sessions(engine)
        self.spider, self.arguments, self.outbox = spider, arguments, outbox
        self.held: HeldRun = hold_run(self.sessions, spider, arguments)

    def commit(
        self, *commits: Commit, finish: str | None = None, covered: bool = True, **options: Any
    ) -> Any:
        """Give the commits to a writer; what came of them, or the error that ended it."""

        async def work() -> list[Committed] | Exception:
            loop = asyncio.get_running_loop()
            failed: asyncio.Future[Exception] = loop.create_future()
            outcome: list[Committed] = []
            target = Target(run=self.held, outbox=self.outbox, gone_limit=options.pop("gone_limit", 0.2))
            writer = Writer(self.sessions, target, loop=loop, failed=failed.set_result, **options)
            writer.start()
            for commit in commits:
                writer.put(commit, outcome.append)
            if finish:
                await writer.finish(Ending(reason=finish, covered=covered))
            else:
                await writer.close()
            await asyncio.sleep(0)
            self.held = HeldRun(
                **{f: getattr(self.held, f) for f in self.held.__dataclass_fields__}
                | {"commits": writer.commits}
            )
            return writer.error or outcome

        return asyncio.run(work())

    def finish(self, **options: Any) -> Any:
        return self.commit(finish="finished", **options)

    def all(self, model: type[Any]) -> list[Any]:
        with self.sessions() as session:
            return list(session.scalars(select(model).order_by(*model.__table__.primary_key.columns)))


def page(
    *items: tuple[type[Row], dict[str, Any]] | ValidRow, number: int | None = None, **fields: Any
) -> Commit:
    """A page that gave these items, each with its model."""
    rows = tuple(
        one if isinstance(one, ValidRow) else row_of(validated(one[1], one[0]), one[0]) for one in items
    )
    settled = Settled(number=number, state="done") if number is not None else None
    return Commit(url="http://shop/page", number=number, rows=rows, settled=settled, **fields)


def kinds(changes: Sequence[Any]) -> list[tuple[str, str]]:
    return [(change.row_key, change.kind) for change in changes]
