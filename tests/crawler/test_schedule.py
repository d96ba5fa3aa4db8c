"""scrapy schedule: the lines that it prints, the expressions that it refuses, and the runner for containers."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from crawler.commands.schedule import interrupted_spiders
from crawler.schedule.export import crontab_lines, systemd_units
from crawler.schedule.expression import CronExpression
from crawler.schedule.runner import Runner
from crawler.schedule.spider_schedules import WrongSchedule, schedules_of
from models.run import claim_run
from models.schema import upgrade
from models.session import make_engine, make_sessions
from tests.crawls import ROOT, scrapy

BERLIN = ZoneInfo("Europe/Berlin")
LEASE = 0.5  # seconds


# --- Printing ------------------------------------------------------------------------------------------------------


def test_the_command_prints_a_line_for_each_spider_that_declares_a_schedule() -> None:
    done = scrapy("schedule", SCHEDULE="")
    assert done.returncode == 0
    assert f"15 3 * * * {ROOT}/scripts/crawl books\n" in done.stdout
    assert all(re.fullmatch(r"(\S+ ){5}/\S+/scripts/crawl \w+", line) for line in done.stdout.splitlines())


def test_a_crontab_line_quotes_a_folder_that_cron_or_a_shell_would_misread() -> None:
    lines = crontab_lines({"books": CronExpression("15  3 * * *")}, Path("/my pages/100%"))
    assert lines == [r"15 3 * * * '/my pages/100\%/scripts/crawl' books"]


def test_the_setting_overrides_the_declared_schedules() -> None:
    declared = {"books": "15 3 * * *", "quotes": "45 3 * * 0", "other": None}
    minute = CronExpression("* * * * *")
    assert schedules_of(declared, "* * * * *") == {"books": minute, "quotes": minute}
    some = schedules_of(declared, "quotes: off; other: * * * * *")
    assert some == {"books": CronExpression("15 3 * * *"), "other": minute}


@pytest.mark.parametrize(
    ("schedule", "why"),
    {
        "often": "it takes five fields",
        "@daily": "it takes five fields",
        "1 2 3 4 5 6": "it takes five fields",
        "61 * * * *": "bad minute",
        "* 24 * * *": "bad hour",
        "* * * * MOO": "bad day-of-week",
        "0 0 31 2 *": "bad day-of-month",
        "0 0 L * *": "neither L nor #",
        "0 0 * * 1#2": "neither L nor #",
        "books: 0 4 * *": "it takes five fields",
        "bokks: 0 4 * * *": "there is no spider 'bokks'; there are books, orders, quotes",
    }.items(),
)
def test_a_wrong_expression_is_refused(schedule: str, why: str) -> None:
    with pytest.raises(WrongSchedule, match=re.escape(why)):
        schedules_of({"books": "15 3 * * *", "orders": None, "quotes": None}, schedule)


@pytest.mark.parametrize("option", ["", "--systemd", "--run"])
def test_the_command_prints_a_wrong_expression_on_one_line_and_ends_with_1(option: str) -> None:
    done = scrapy("schedule", *filter(None, [option]), SCHEDULE="61 * * * *")
    why = "scrapy schedule: SCHEDULE, '61 * * * *', cannot be read: bad minute"
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == f"{why}\n"


def test_a_schedule_that_is_no_text_is_refused_with_the_name_of_the_spider() -> None:
    with pytest.raises(WrongSchedule, match=r"spider books, 3, cannot be read"):
        schedules_of({"books": 3})


@pytest.mark.parametrize(
    ("expression", "calendar"),
    {
        "15 3 * * *": ["*-*-* 03:15:00"],
        "*/30 9-11 * * MON-FRI": ["Mon,Tue,Wed,Thu,Fri *-*-* 09,10,11:00,30:00"],
        "0 0 * * 7": ["Sun *-*-* 00:00:00"],
        "5 * 1,15 6 *": ["*-06-01,15 *:05:00"],
        # Cron takes either day, systemd both.
        "0 4 13 * 5": ["*-*-13 04:00:00", "Fri *-*-* 04:00:00"],
    }.items(),
)
def test_an_expression_becomes_systemd_calendars(expression: str, calendar: list[str]) -> None:
    assert CronExpression(expression).on_calendar() == calendar


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    schedules = {"books": CronExpression("0 4 13 * 5"), "my-site.org": CronExpression("15 3 * * *")}
    units = systemd_units(schedules, root=tmp_path, python=Path(sys.executable), user="root")
    assert sorted(units) == [
        "splashdown@.service",
        "splashdown@books.timer",
        "splashdown@my-site.org.timer",
    ]
    for name, text in units.items():
        (tmp_path / name).write_text(text)
    if shutil.which("systemd-analyze"):
        for file in tmp_path.glob("*.timer"):
            checked = subprocess.run(
                ["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True, check=False
            )
            assert str(tmp_path) not in checked.stderr and "splashdown" not in checked.stderr


def test_the_command_writes_the_units_into_a_folder(tmp_path: Path) -> None:
    done = scrapy("schedule", "--systemd", str(tmp_path), SCHEDULE="quotes: off; orders: off")
    assert done.returncode == 0
    assert "OnCalendar=*-*-* 03:15:00" in (tmp_path / "splashdown@books.timer").read_text()
    service = (tmp_path / "splashdown@.service").read_text()
    assert f"WorkingDirectory={ROOT}\n" in service and "-m scrapy crawl %i\n" in service


def test_an_expression_follows_the_time_zone_through_summer_time() -> None:
    daily = CronExpression("30 2 * * *")
    spring = daily.after(datetime(2026, 3, 28, 12, tzinfo=BERLIN))  # 2:30 does not come on the 29th
    assert spring == datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)
    autumn = daily.after(datetime(2026, 10, 24, 12, tzinfo=BERLIN))  # and comes twice on the 25th
    assert daily.after(autumn) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


# --- Running -------------------------------------------------------------------------------------------------------


class Clock:
    """A clock that begins half a minute before a full minute; one of its minutes takes a second."""

    def __init__(self) -> None:
        self.started = time.monotonic()

    def __call__(self) -> datetime:
        seconds = (time.monotonic() - self.started) * 60
        return datetime(2026, 5, 1, 12, 0, 30, tzinfo=BERLIN) + timedelta(seconds=seconds)


def run_until(
    done: Callable[[], bool],
    runner_of: dict[str, str],
    tmp_path: Path,
    interrupted: Sequence[str] = (),
    now: Callable[[], datetime] | None = None,
) -> None:
    """Run the runner with a shell command as each spider's crawl, due every minute, until ``done``; then stop it."""

    async def run() -> None:
        runner = Runner(
            {name: CronExpression("* * * * *") for name in runner_of},
            lambda name: ["bash", "-c", runner_of[name]],
            cwd=tmp_path,
            interrupted=interrupted,
            lease=LEASE,
            now=now or Clock(),
        )
        running = asyncio.ensure_future(runner.run())
        async with asyncio.timeout(60):
            while not done():  # noqa: ASYNC110 - it is files and log lines that we wait for
                await asyncio.sleep(0.02)
        runner.stop()
        await running

    asyncio.run(run())


def lines_of(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


@pytest.fixture(autouse=True)
def short_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the runner read its clock often enough for a clock that is so fast."""
    monkeypatch.setattr("crawler.schedule.runner.LONGEST_SLEEP", 0.02)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    class Lines(list[str]):
        def __iter__(self) -> Iterator[str]:
            return iter([record.getMessage() for record in caplog.records])

    with caplog.at_level(logging.INFO, logger="splashdown.schedule"):
        yield Lines()


def test_the_runner_logs_the_exit_code_of_each_crawl(tmp_path: Path, said: list[str]) -> None:
    ended = re.compile("(good|bad|killed) ended")
    crawls = {"good": "exit 0", "bad": "exit 2", "killed": "kill -9 $$"}
    run_until(lambda: len(set(ended.findall("\n".join(said)))) == 3, crawls, tmp_path)
    log = "\n".join(said)
    assert "good ended with exit code 0 (good) after" in log
    assert "bad ended with exit code 2 (below its policy) after" in log
    assert "killed ended with exit code 137 (ended by something else) after" in log
    assert "good runs at * * * * *, next at 2026-05-01 12:01 CEST" in log


def test_the_runner_never_starts_a_spider_that_still_runs(tmp_path: Path, said: list[str]) -> None:
    lock = "mkdir lock || echo overlap >>overlaps; sleep 1.6; rmdir lock; echo x >>runs"

    def done() -> bool:
        late = any("slow still ran at its next time" in line for line in said)
        return late and lines_of(tmp_path / "runs") >= 2 and lines_of(tmp_path / "quick") >= 2

    run_until(done, {"slow": lock, "quick": "echo x >>quick"}, tmp_path)
    assert not (tmp_path / "overlaps").exists()
    assert lines_of(tmp_path / "quick") >= lines_of(tmp_path / "runs")


def test_the_runner_passes_a_signal_on_and_waits_for_its_crawls(tmp_path: Path, said: list[str]) -> None:
    crawl = "trap 'sleep 0.3; echo stopped >>stopped; exit 4' TERM; echo >>ready; for i in {1..600}; do sleep 0.1; done"

    def both_run() -> bool:
        # A crawl may be ready before the runner knows its process.
        return lines_of(tmp_path / "ready") == 2 and sum(" begins, process " in line for line in said) == 2

    run_until(both_run, {"one": crawl, "two": crawl}, tmp_path)
    assert (tmp_path / "stopped").read_text().count("stopped") == 2
    log = "\n".join(said)
    assert "the schedule stops; it waits for one, two" in log
    assert "one ended with exit code 4" in log and "two ended with exit code 4" in log


def test_the_runner_starts_an_interrupted_spider_at_once(tmp_path: Path) -> None:
    crawls = {"one": "echo x >>runs", "other": "echo x >>others"}
    run_until(
        (tmp_path / "runs").exists,
        crawls,
        tmp_path,
        interrupted=["one"],
        now=lambda: datetime(2026, 5, 1, 12, 0, 30, tzinfo=BERLIN),  # nothing comes due
    )
    assert (tmp_path / "runs").read_text() == "x\n"
    assert not (tmp_path / "others").exists()


def test_the_runner_starts_a_spider_that_is_already_running_again_after_the_lease(tmp_path: Path) -> None:
    # The first start ends with 75, since another process may own the run; the second start resumes the run.
    crawl = "date +%s.%N >>starts; mkdir first 2>/dev/null && exit 75; echo x >>runs"
    run_until(
        (tmp_path / "runs").exists,
        {"one": crawl},
        tmp_path,
        interrupted=["one"],
        now=lambda: datetime(2026, 5, 1, 12, 0, 30, tzinfo=BERLIN),
    )
    first, second = map(float, (tmp_path / "starts").read_text().split())
    assert second - first > LEASE


def test_a_spider_with_an_unfinished_run_is_interrupted(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/x.db")
    upgrade(engine)
    claim_run(make_sessions(engine), "books", {})
    claim_run(make_sessions(engine), "quotes", {"tag": "x"})  # a schedule has no arguments
    assert interrupted_spiders(engine, ["books", "quotes", "orders"]) == {"books"}
    engine.dispose()


def test_sigterm_ends_the_command(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "scrapy", "schedule", "--run"],
        cwd=ROOT,
        env=os.environ
        | {
            "SPLASHDOWN_ENV_FILE": "",
            "SCHEDULE": "0 0 1 1 *",
            "DATABASE_URL": f"sqlite:///{tmp_path}/x.db",
            "LOG_LEVEL": "INFO",
            "TZ": "Europe/Berlin",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()  # on standard output, which is a container's log
        assert re.search(r"books runs at 0 0 1 1 \*, next at \d{4}-01-01 00:00 CET", line)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and "the schedule stops; it waits for nothing" in rest


def test_the_command_refuses_an_unknown_time_zone_in_one_line(tmp_path: Path) -> None:
    done = scrapy("schedule", "--run", TZ="Mars/Phobos", DATABASE_URL=f"sqlite:///{tmp_path}/x.db")
    assert done.returncode == 1
    assert done.stderr == "scrapy schedule: TZ='Mars/Phobos' is no time zone; write Europe/Berlin\n"
