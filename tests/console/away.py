"""The console while its database is away, and orders while what carries them out is killed again and again.

python -m tests.console.away [--seconds 30] [--kills 30] [--seed N]

The exit code is 1 if an order was lost or carried out twice, if a page did not come back, or if a log has a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from crawler.run.state import PAUSED, RUNNING
from models.crawl_order import PAUSE, REPLAY, RESUME, START, STOP, CrawlOrder
from models.run import GIVEN_UP
from tests.console.killable import CONSOLE, CRAWL, SCHEDULER, KillableConsole
from tests.console.live_console import PASSWORD, chromium, until
from tests.console.order_audit import begin, claims, outcome, pauses_agree, table_of
from tests.console.ordering_program import Program
from tests.frontier.private_mariadb import PrivateMariaDb, private_mariadb

AGAIN = "again"  # a START from the page of a run, with another argument
MOST_CRAWLS = 3  # at a time, on a small machine
DEADLINE = 400.0  # seconds until all orders have ended, when nothing is killed any more


def log_in(page: Page, link: str) -> None:
    """Make the account of the first link."""
    page.goto(link)
    page.get_by_label("Name").fill("ann")
    for box in page.get_by_label(re.compile("password", re.IGNORECASE)).all():
        box.fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/")


def make_token(page: Page) -> str:
    page.goto("/account/")
    form = page.locator("form[action$='/account/tokens']")
    form.get_by_label("Name").fill("away")
    form.get_by_label("Role").select_option("operator")
    form.get_by_role("button", name="Make a token").click()
    return re.findall(r"sdt_[\w-]{40,}", page.content())[0]


# --- The database is away --------------------------------------------------------------------------------------------


def database_away(
    console: KillableConsole, server: PrivateMariaDb, page: Page, program: Program, seconds: float
) -> list[str]:
    """Kill the database while a crawl runs and its page is open; print what happens, and return the faults."""
    last = console.runs()[-1].id
    page.goto(f"/runs/{last}/again")
    page.get_by_label("All; an interrupted run is given up").check()
    page.get_by_role("button", name="Start").click()
    run = until(lambda: len(console.runs()) and console.runs()[-1].id > last and console.runs()[-1])
    page.goto(f"/runs/{run.id}")
    done = page.locator(".tiles div", has_text="pages done").locator("b")
    expect(done).not_to_have_text("0", timeout=60_000)
    page.evaluate("() => { window.isSamePage = true; }")

    faults: list[str] = []
    server.kill()
    began = time.monotonic()
    notice = page.get_by_text(re.compile("The database does not answer"))
    expect(notice.first).to_be_visible(timeout=15_000)
    said_after = time.monotonic() - began
    answers: Counter[str] = Counter()
    while time.monotonic() - began < seconds:
        for path in ("/", f"/runs/{run.id}", "/orders/", "/api/v1/runs"):
            answer = page.request.get(console.url + path)
            answers[f"{answer.status}, Retry-After: {answer.headers.get('retry-after')}"] += 1
        page.wait_for_timeout(500)
        if not notice.first.is_visible():
            faults.append("the open page says no more that the database is away")
    given = program.order("/schedules/books/runs", START)
    if list(answers) != ["503, Retry-After: 5"]:
        faults.append(f"pages were answered by {dict(answers)}")
    if given is not None or program.refused != 1:
        faults.append("an order was not refused while the database was away")
    server.start()
    back = time.monotonic()
    expect(notice).to_have_count(0, timeout=30_000)
    before = done.inner_text()
    expect(done).not_to_have_text(before, timeout=60_000)
    live_after = time.monotonic() - back
    if not page.evaluate("() => window.isSamePage"):
        faults.append("the open page was loaded again")
    order = until(
        lambda: program.order(f"/runs/{run.id}/again", AGAIN, arguments={"shelf": "1"}, fresh=False)
    )
    state = page.locator(".state").first
    expect(state).to_have_text("good", timeout=120_000)
    ended = until(lambda: order_of(console, order).ended_at and order_of(console, order), 120)
    if ended.state != "done":
        faults.append(f"the order that was given then: {ended.message}")
    if "Traceback" in console.logs:
        faults.append("a log has a traceback")
    print(
        f"database away for {back - began:.0f} s: the open page says so after "
        f"{said_after:.1f} s; {answers.total()} requests, {dict(answers)}; back: live values after {live_after:.1f} s, "
        f"run {run.id} is {state.inner_text()}, order {order} is {ended.state} ({ended.message})",
        flush=True,
    )
    return faults


def order_of(console: KillableConsole, number: int) -> CrawlOrder:
    with Session(console.engine) as session:
        return session.get_one(CrawlOrder, number)


# --- Everything is killed --------------------------------------------------------------------------------------------


class Campaign:
    """Gives orders, and kills the console, the scheduler and crawls at random."""

    def __init__(self, console: KillableConsole, program: Program, dice: random.Random) -> None:
        self.console, self.program, self.dice = console, program, dice
        self.kills: Counter[str] = Counter()
        self.pages = [str(one["name"]) for one in program.get("/pages")]
        self.shelf = 1

    def run(self, kills: int) -> None:
        dice, console = self.dice, self.console
        while self.kills.total() < kills:
            for _ in range(dice.randint(1, 3)):
                self.give_order()
            self.live(dice.uniform(0, 5))
            what = dice.choice((CONSOLE, SCHEDULER, SCHEDULER, CRAWL, CRAWL))
            if console.kill(what, dice):
                self.kills[what] += 1
                print(f"  kill {self.kills.total()}: {what}", flush=True)
            self.live(dice.uniform(0, 2), keep=False)

    def live(self, seconds: float, *, keep: bool = True) -> None:
        """Let everything run so long, and start what was killed."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if keep:
                self.console.keep()
            self.console.crawls()  # they are remembered when their scheduler is killed
            time.sleep(0.05)  # between two looks
        self.console.keep()

    def give_order(self) -> None:
        dice, program = self.dice, self.program
        runs = program.get("/runs?limit=50")
        working = [run for run in runs if run["state"] in (RUNNING, PAUSED)]
        over = [run for run in runs if run["state"] not in (RUNNING, PAUSED)]
        choices = [REPLAY] if self.pages else []
        choices += [PAUSE, RESUME, STOP, RESUME] if working else []
        choices += [START, START, AGAIN, AGAIN] if len(working) < MOST_CRAWLS else []
        kind = dice.choice(choices or [REPLAY])
        if kind == REPLAY:
            program.order(f"/pages/{dice.choice(self.pages)}/orders", REPLAY, kind=REPLAY)
        elif kind == START:
            self.shelf += 1
            arguments = {"shelf": str(dice.choice((self.shelf, dice.randint(1, self.shelf))))}
            program.order("/schedules/books/runs", START, arguments=arguments)
        elif kind == AGAIN and over:
            self.shelf += 1
            program.order(
                f"/runs/{dice.choice(over)['id']}/again", AGAIN, arguments={"shelf": str(self.shelf)}
            )
        elif working:
            fitting = [run for run in working if (run["state"] == PAUSED) == (kind == RESUME)] or working
            program.order(f"/runs/{dice.choice(fitting)['id']}/orders", kind, kind=kind)

    def settle(self) -> None:
        """Order that each paused run goes on and each interrupted one is resumed; wait until all orders have ended."""
        console, program = self.console, self.program
        console.wait()
        end, looked = time.monotonic() + DEADLINE, 0.0
        while time.monotonic() < end:
            self.live(0.5)
            # A replay that was killed leaves its run to the next replay.
            runs = [
                run
                for run in program.get("/runs?limit=500")
                if run["finished_at"] is None and run["spider"] == "books"
            ]
            orders = program.get("/orders?limit=500")
            if not orders:  # the console does not answer
                continue
            open_orders = [one for one in orders if one["state"] in ("asked", "taken")]
            if not runs and not open_orders:
                return
            if time.monotonic() - looked < 10:
                continue
            looked = time.monotonic()
            asked = {(one["run_id"], one["kind"]) for one in open_orders}
            starting = any(one["kind"] == START and one["run_id"] is None for one in open_orders)
            working = [run for run in runs if run["state"] in (RUNNING, PAUSED)]
            for run in runs:
                if run["state"] == PAUSED and (run["id"], RESUME) not in asked:
                    program.order(f"/runs/{run['id']}/orders", RESUME, kind=RESUME)
                elif run not in working and not starting and len(working) < MOST_CRAWLS:
                    program.order(f"/runs/{run['id']}/again", AGAIN)
                    break


def killed_again_and_again(
    console: KillableConsole, program: Program, kills: int, seed: int
) -> tuple[bool, str]:
    """Return whether no order was lost or carried out twice, and the table of orders."""
    campaign = Campaign(console, program, random.Random(seed))
    program.refused = program.unanswered = 0
    campaign.run(kills)
    campaign.settle()
    kinds = outcome(console.engine, program.confirmed)
    all_claims, ordered = claims(console.engine)
    resumed = console.scheduler.text.count("was interrupted and is resumed")
    is_good = not any(kind.lost or kind.twice for kind in kinds.values())
    lines = [
        table_of(kinds),
        f"kills: {dict(campaign.kills)}; orders that the console refused: {program.refused}, answers that were lost: "
        f"{program.unanswered}",
        f"claims of runs: {all_claims}; {ordered} crawls and commands of orders and {resumed} of the schedule began",
        f"runs were paused and resumed as often as orders say: {pauses_agree(console.engine)}",
        f"tracebacks in the logs: {console.logs.count('Traceback')}",
        f"runs: {dict(Counter(word_of(run) for run in console.runs()))}",
    ]
    for name, kind in kinds.items():
        if kind.lost or kind.twice:
            lines.append(f"{name}: lost {kind.lost}, twice {kind.twice}")
    is_good &= all_claims <= ordered + resumed and pauses_agree(console.engine)
    is_good &= "Traceback" not in console.logs
    return is_good, "\n".join(lines)


def word_of(run: Any) -> str:
    if run.finish_reason == GIVEN_UP:
        return GIVEN_UP
    if run.spider != "books":
        return str(run.spider)  # replay
    return "unfinished" if run.finished_at is None else f"exit code {run.verdict}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--folder", type=Path, help="where the logs stay")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        server = stack.enter_context(private_mariadb())
        console = KillableConsole(server.url, folder, stack)
        console.shop.open(1)
        assert console.crawl() == 0
        console.shop.open(1, "--layout", "new")
        assert console.crawl("--pages", "8") != 0
        console.shop.open(2)
        begin(console.engine)
        link = console.start()
        browser = stack.enter_context(chromium())
        page = browser.new_context(base_url=console.url).new_page()
        log_in(page, link)
        program = Program(console.url, make_token(page))
        began = time.monotonic()
        faults = database_away(console, server, page, program, options.seconds) if options.seconds else []
        print("\n".join(faults) or f"no fault, {time.monotonic() - began:.0f} s", flush=True)
        page.goto("about:blank")
        began = time.monotonic()
        is_good, table = killed_again_and_again(console, program, options.kills, options.seed)
        print(f"{table}\nseed {options.seed}, {time.monotonic() - began:.0f} s", flush=True)
        return 0 if is_good and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
