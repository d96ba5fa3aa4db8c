"""Orders: the scheduler looks for orders every two seconds and carries them out, and replans what people have set."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from sqlalchemy.exc import SQLAlchemyError

from crawler.run.verdict import WORDS
from crawler.schedule.database import OrderResult, SchedulerDatabase
from crawler.schedule.expression import CronExpression
from crawler.schedule.order_commands import WrongOrder, command_of, crawl_arguments
from crawler.schedule.runner import Runner
from crawler.schedule.spider_schedules import OFF
from crawler.security.plain_text import one_line
from models.crawl_order import LONGEST_RESULT, START
from models.error_text import error_line
from models.redaction import redacted
from models.scheduler import ASK_AGAIN, Choice, TakenOrder

logger = logging.getLogger("splashdown.schedule")

LOOK = 2.0  # seconds between two looks
COPY = 0.5  # seconds between two copies of what a crawl has written


class Orders:
    """Carries out orders in processes of their own: crawls beside each other, other commands one after another.

    Args:
        declared: the schedules of the spiders, without what people have set.
        program: returns the command line of ``scrapy`` with these arguments.
    """

    def __init__(
        self,
        database: SchedulerDatabase,
        runner: Runner,
        declared: Mapping[str, CronExpression],
        *,
        program: Callable[[Sequence[str]], Sequence[str]],
        cwd: Path,
    ) -> None:
        self.database, self.runner, self.declared = database, runner, declared
        self.program, self.cwd = program, cwd
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._results: list[OrderResult] = []
        self._one_command = asyncio.Lock()
        self._is_away = False
        self._wrong: dict[str, str] = {}  # the choices that a warning has named

    async def run(self) -> None:
        """Look until the runner stops; then wait for the processes and write their results."""
        while True:
            await self._look()
            if await self.runner.stops_within(LOOK):
                break
        if self._tasks:
            await asyncio.wait(self._tasks.values())
        await self._look(takes=False)
        with suppress(SQLAlchemyError):  # another scheduler sees that this one is dead
            await asyncio.to_thread(self.database.leave)

    async def _look(self, *, takes: bool = True) -> None:
        results, known = list(self._results), {*self._tasks, *(one.order.id for one in self._results)}
        try:
            found = await asyncio.to_thread(
                self.database.look, dict(self.runner.next_times), results, known, takes=takes
            )
        except SQLAlchemyError as error:
            if not self._is_away:
                logger.warning("no orders are read: the database does not answer: %s", error_line(error))
            self._is_away = True
            return
        if self._is_away:
            logger.warning("the database answers again: orders are read")
        self._is_away = False
        del self._results[: len(results)]
        self.replan(found.choices)
        for order in found.orders:
            self._tasks[order.id] = asyncio.create_task(self._carry_out(order))

    def replan(self, choices: Mapping[str, Choice]) -> None:
        """Give the runner the schedules that hold now."""
        for name in self.database.spiders:
            self.runner.plan(name, self._plan_of(name, choices.get(name)))

    def _plan_of(self, name: str, choice: Choice | None) -> CronExpression | None:
        declared = self.declared.get(name)
        if choice is None or not choice.chosen:
            self._wrong.pop(name, None)
            return None if choice is not None and choice.is_paused else declared
        if choice.is_paused or choice.chosen == OFF:
            return None
        try:
            return CronExpression(choice.chosen)
        except ValueError as error:
            if self._wrong.get(name) != choice.chosen:
                self._wrong[name] = choice.chosen
                logger.warning(
                    "the schedule %r that was set for %s is ignored: %s", choice.chosen, name, error
                )
            return declared

    async def _carry_out(self, order: TakenOrder) -> None:
        logger.info("order %d of %s: %s", order.id, one_line(order.asked_by), order.kind)
        result: OrderResult | None
        try:
            if order.kind == START:
                result = await self._start(order)
            else:
                command = self.program(command_of(order))
                async with self._one_command:
                    result = await self._run_command(order, command) if await self._begins(order) else None
        except (WrongOrder, OSError) as error:
            result = OrderResult(order=order, succeeded=False, message=str(error))
        except Exception as error:  # without an end, the order would wait for this process for ever
            logger.exception("order %d could not be carried out", order.id)
            result = OrderResult(order=order, succeeded=False, message=error_line(error, with_type=True))
        if result is None:
            logger.warning("order %d is not carried out here: another process has taken it", order.id)
        elif not result.succeeded and order.kind != START:  # the runner has logged the end of a crawl
            logger.warning("order %d failed: %s", order.id, one_line(result.message, 500))
        if result is not None:
            self._results.append(result)
        del self._tasks[order.id]

    async def _start(self, order: TakenOrder) -> OrderResult:
        """Crawl. The crawl ends the order itself, in the transaction that ends its run."""
        command = self.program(command_of(order))
        if self.runner.stopping.is_set():
            raise WrongOrder(ASK_AGAIN)
        assert order.spider is not None
        with tempfile.TemporaryFile() as output:
            code = await self.runner.crawl(
                order.spider,
                command,
                arguments=crawl_arguments(order),
                stderr=output,
                beside=lambda: self._copy(output),
            )
            if code is None:
                raise WrongOrder(
                    f"{order.spider} crawls with these arguments already; ask again when this crawl has ended"
                )
            last = last_line_of(output)
        word = f"exit code {code}, {WORDS.get(code, 'ended by something else')}"
        return OrderResult(
            order=order,
            succeeded=code == 0,
            message=redacted(f"{last} ({word})" if last else word)[:LONGEST_RESULT],
        )

    async def _copy(self, output: IO[bytes]) -> None:
        """Copy what a crawl writes to this process's own standard error, until it is cancelled.

        The crawl writes into a file that has no name, and not into a pipe: it must outlive this process.
        """
        done = 0
        try:
            while True:
                done = copy_from(output, done)
                await asyncio.sleep(COPY)
        finally:
            copy_from(output, done)

    async def _begins(self, order: TakenOrder) -> bool:
        """Store that the command of the order starts, when the database answers; return False if it must not start.

        Raises:
            WrongOrder: the scheduler stops before.
        """
        while True:
            try:
                return await asyncio.to_thread(self.database.begin_command, order.id)
            except SQLAlchemyError:  # the next look says so
                if await self.runner.stops_within(LOOK):
                    raise WrongOrder(ASK_AGAIN) from None

    async def _run_command(self, order: TakenOrder, command: Sequence[str]) -> OrderResult:
        # It ends by itself, also if this process is told to stop.
        child = await asyncio.create_subprocess_exec(
            *command,
            cwd=self.cwd,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        output, _ = await child.communicate()
        text = redacted(output.decode("utf-8", "replace")).strip()[-LONGEST_RESULT:]
        return OrderResult(
            order=order, succeeded=child.returncode == 0, message=text or f"exit code {child.returncode}"
        )


def copy_from(output: IO[bytes], done: int) -> int:
    """Write what the file has beyond ``done`` bytes to standard error; return the size that is written."""
    while part := os.pread(output.fileno(), 65_536, done):
        os.write(2, part)
        done += len(part)
    return done


def last_line_of(output: IO[bytes]) -> str:
    """Return the last line of the file that is not empty."""
    size = os.fstat(output.fileno()).st_size
    lines = os.pread(output.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace").split("\n")
    return one_line(next((line for line in reversed(lines) if line.strip()), ""), 1000)
