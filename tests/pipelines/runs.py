"""A run without a spider: a test makes pages and gives them to a real writer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, select

from crawler.page.commit import Commit, Committed
from crawler.page.row import ValidRow, row_of
from crawler.run.verdict import Ending, Policy
from models import Row
from models.request import Settled
from models.run import ClaimedRun, claim_run
from models.session import make_sessions
from models.trial_run import begin_trial
from pipelines.storage.run_context import RunContext
from pipelines.storage.writer import Writer
from pipelines.validate import validated


class Run:
    def __init__(
        self,
        engine: Engine,
        *,
        spider: str = "test",
        outbox: bool = False,
        delta: bool = False,
        trial_pages: int | None = None,
        policy: Policy | None = None,
        **arguments: Any,
    ) -> None:
        self.engine, self.sessions = engine, make_sessions(engine)
        self.spider, self.arguments, self.outbox = spider, arguments, outbox
        self.policy, self.delta = policy, delta
        self.claimed: ClaimedRun = (
            begin_trial(self.sessions, spider, arguments, trial_pages)
            if trial_pages
            else claim_run(self.sessions, spider, arguments)
        )

    def commit(
        self,
        *commits: Commit,
        finish: str | None = None,
        covered: bool = True,
        recover_frontier: bool = False,
        **options: Any,
    ) -> Any:
        """Give the commits to a writer; return what became of them, or the error that ended the writer."""

        async def work() -> list[Committed] | Exception:
            loop = asyncio.get_running_loop()
            failed: asyncio.Future[Exception] = loop.create_future()
            outcome: list[Committed] = []
            target = RunContext(
                run=self.claimed,
                outbox=self.outbox,
                gone_limit=options.pop("gone_limit", 0.2),
                policy=self.policy,
                delta=self.delta,
            )
            writer = Writer(self.sessions, target, loop=loop, failed=failed.set_result, **options)
            writer.start()
            if recover_frontier:  # like the scheduler, before anything else
                writer.recover_frontier(lambda _: None)
            for commit in commits:
                writer.put(commit, outcome.append)
            if finish:
                await writer.finish(Ending(reason=finish, covered=covered))
            else:
                await writer.close()
            await asyncio.sleep(0)
            self.claimed = ClaimedRun(
                **{f: getattr(self.claimed, f) for f in self.claimed.__dataclass_fields__}
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
    """Return a page with these items, each with its model."""
    rows = tuple(
        one if isinstance(one, ValidRow) else row_of(validated(one[1], one[0]), one[0]) for one in items
    )
    settled = Settled(number=number, state="done") if number is not None else None
    return Commit(url="http://shop/page", number=number, rows=rows, settled=settled, **fields)


def kinds(changes: Sequence[Any]) -> list[tuple[str, str]]:
    return [(change.row_key, change.kind) for change in changes]
