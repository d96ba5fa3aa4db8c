"""Count how orders ended, by triggers in a MariaDB server that note each change of an order and of a run's owner."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from models import CrawlOrder
from models.crawl_order import ASKED, DONE, FAILED, PAUSE, RESUME, TAKEN, WITHDRAWN
from models.scheduler import BEGUN

ENDS = (DONE, FAILED, WITHDRAWN)
STATEMENTS = f"""
CREATE DATABASE audit
CREATE TABLE audit.step (number BIGINT AUTO_INCREMENT PRIMARY KEY, order_id BIGINT NOT NULL, old VARCHAR(10),
  new VARCHAR(10), old_run INT, new_run INT, is_begun INT)
CREATE TABLE audit.claim (number BIGINT AUTO_INCREMENT PRIMARY KEY, run_id INT NOT NULL, owner VARCHAR(200))
CREATE TABLE audit.pause (number BIGINT AUTO_INCREMENT PRIMARY KEY, run_id INT NOT NULL, is_paused INT)
CREATE TRIGGER order_given AFTER INSERT ON crawl_order FOR EACH ROW
  INSERT INTO audit.step (order_id, new) VALUES (NEW.id, NEW.state)
CREATE TRIGGER order_changed AFTER UPDATE ON crawl_order FOR EACH ROW
  INSERT INTO audit.step (order_id, old, new, old_run, new_run, is_begun)
  VALUES (NEW.id, OLD.state, NEW.state, OLD.run_id, NEW.run_id,
    NEW.message <=> '{BEGUN}' AND NOT OLD.message <=> NEW.message)
CREATE TRIGGER run_begun AFTER INSERT ON crawl_run FOR EACH ROW
  INSERT INTO audit.claim (run_id, owner) VALUES (NEW.id, NEW.owner)
CREATE TRIGGER run_changed AFTER UPDATE ON crawl_run FOR EACH ROW BEGIN
  IF NEW.owner IS NOT NULL AND NOT (OLD.owner <=> NEW.owner) THEN
    INSERT INTO audit.claim (run_id, owner) VALUES (NEW.id, NEW.owner); END IF;
  IF (OLD.paused_at IS NULL) <> (NEW.paused_at IS NULL) AND NEW.finished_at IS NULL THEN
    INSERT INTO audit.pause (run_id, is_paused) VALUES (NEW.id, NEW.paused_at IS NOT NULL); END IF; END
"""


@dataclass
class Kind:
    """The orders of a kind.

    Attributes:
        again: those that a second scheduler has taken, because the first one was killed.
        twice: those that were carried out twice.
        lost: those that were confirmed and are not in the table, are open at the end, or failed without a reason.
    """

    given: int = 0
    done: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    again: int = 0
    twice: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def begin(engine: Engine) -> None:
    """Note each change from now on. The engine is that of an administrator."""
    lines: list[str] = []
    for line in STATEMENTS.strip().splitlines():
        if line.startswith(" "):
            lines[-1] += f"\n{line}"
        else:
            lines.append(line)
    with engine.begin() as connection:
        for statement in lines:
            connection.exec_driver_sql(statement)


def outcome(engine: Engine, confirmed: Mapping[int, str]) -> dict[str, Kind]:
    """Return what became of all orders, by kind.

    Args:
        confirmed: the kinds of the orders that the console has confirmed, by id.
    """
    kinds: dict[str, Kind] = defaultdict(Kind)
    with Session(engine) as session:
        orders = {order.id: order for order in session.scalars(select(CrawlOrder).order_by(CrawlOrder.id))}
        steps = defaultdict(list)
        for step in session.execute(text("SELECT * FROM audit.step ORDER BY number")):
            steps[step.order_id].append(step)
    for number in sorted({*orders, *confirmed}):
        order = orders.get(number)
        kind = kinds[confirmed.get(number, order.kind if order is not None else "")]
        kind.given += 1
        if order is None or order.state not in ENDS or (order.state == FAILED and not order.message):
            kind.lost.append(number)
            continue
        kind.done += order.state == DONE
        if order.state != DONE:
            kind.failed[reason_of(order.message or order.state)] += 1
        mine = steps[number]
        kind.again += sum(
            one.old == one.new == TAKEN and one.new_run == one.old_run and not one.is_begun for one in mine
        )
        counts = (
            sum(one.old == ASKED and one.new == TAKEN for one in mine),
            sum(one.old != one.new and one.new in ENDS for one in mine),
            sum(one.old is not None and one.old_run != one.new_run for one in mine),
            sum(one.old in ENDS for one in mine) + 1,
            sum(one.is_begun or 0 for one in mine),
        )
        if max(counts) > 1:
            kind.twice.append(number)
    return kinds


def pauses_agree(engine: Engine) -> bool:
    """Return whether runs were paused and resumed as often as orders say."""
    with Session(engine) as session:
        changes = Counter(session.scalars(text("SELECT is_paused FROM audit.pause")))
        said = Counter(
            (row.kind, row.message)
            for row in session.execute(
                select(CrawlOrder.kind, CrawlOrder.message).where(CrawlOrder.kind.in_((PAUSE, RESUME)))
            )
        )
    return (changes[1], changes[0]) == (said[PAUSE, "the run is paused"], said[RESUME, "the run goes on"])


def claims(engine: Engine) -> tuple[int, int]:
    """Return how often processes have claimed runs, and how many crawls and commands orders have started."""
    with Session(engine) as session:
        all_claims = session.scalar(text("SELECT COUNT(*) FROM audit.claim"))
        ordered = session.scalar(
            text(
                "SELECT COUNT(*) FROM audit.step WHERE is_begun OR old IS NOT NULL AND old_run IS NULL "
                "AND new_run IS NOT NULL"
            )
        )
    return int(all_claims or 0), int(ordered or 0)


def reason_of(message: str) -> str:
    """Return a message without the numbers and names in it, so that equal reasons are counted together."""
    words = " ".join("N" if word.strip("(),:;").isdigit() else word for word in message.split())
    for known in (
        "ended without a verdict",
        "interrupted",
        "still bad",
        "the command ran",
        "is in use by",
        "crawls with these arguments",
    ):
        if known in words:
            return known
    return words[:70]


def table_of(kinds: Mapping[str, Kind]) -> str:
    """Return the table of orders by kind."""
    lines = [
        f"{'order':<10}{'given':>7}{'done':>6}{'failed':>8}{'again':>7}{'twice':>7}{'lost':>6}  failed because"
    ]
    for name, kind in sorted(kinds.items()):
        reasons = "; ".join(f"{count} {reason}" for reason, count in kind.failed.most_common())
        lines.append(
            f"{name:<10}{kind.given:>7}{kind.done:>6}{kind.failed.total():>8}{kind.again:>7}"
            f"{len(kind.twice):>7}{len(kind.lost):>6}  {reasons}"
        )
    return "\n".join(lines)
