"""scrapy schedule: what it prints, what it refuses, and the runner that stands in for cron in a container."""

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

from crawler.commands.schedule import interrupted
from crawler.schedule.declared import WrongSchedule, schedules_of
from crawler.schedule.expression import CronExpression
from crawler.schedule.printed import crontab_lines, systemd_units
from crawler.schedule.runner import Runner
from models.run import hold_run
from models.schema import upgrade
from models.session import make_engine, make_sessions
from tests.crawls import ROOT, scrapy

BERLIN = ZoneInfo("Europe/Berlin")


# --- Printing ------------------------------------------------------------------------------------------------------


def test_a_line_for_each_spider_that_declares_a_schedule() -> None:
    done = scrapy("schedule", SCHEDULE="")
    assert done.returncode == 0
    assert f"15 3 * * * {ROOT}/scripts/crawl books\n" in done.stdout
    assert all(re.fullmatch(r"(\S+ ){5}/\S+/scripts/crawl \w+", line) for line in done.stdout.splitlines())


def test_a_folder_that_cron_or_a_shell_would_misread_is_quoted() -> None:
    lines = crontab_lines({"books": CronExpression("15  3 * * *")}, Path("/my pages/100%"))
    assert lines == [r"15 3 * * * '/my pages/100\%/scripts/crawl' books"]


def test_the_setting_goes_before_what_is_declared() -> None:
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
def test_that_is_one_line_and_an_exit_code(option: str) -> None:
    done = scrapy("schedule", *filter(None, [option]), SCHEDULE="61 * * * *")
    why = "scrapy schedule: SCHEDULE, '61 * * * *', cannot be read: bad minute"
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == f"{why}\n"


def test_a_schedule_that_is_no_text_is_refused_with_the_spider_s_name() -> None:
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
def test_the_same_time_in_systemd_s_words(expression: str, calendar: list[str]) -> None:
    assert CronExpression(expression).on_calendar() == calendar


def test_units_are_what_systemd_takes(tmp_path: Path) -> None:
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


def test_units_are_written_into_a_folder(tmp_path: Path) -> None:
    done = scrapy("schedule", "--systemd", str(tmp_path), SCHEDULE="quotes: off; orders: off")
    assert done.returncode == 0
    assert "OnCalendar=*-*-* 03:15:00" in (tmp_path / "splashdown@books.timer").read_text()
    service = (tmp_path / "splashdown@.service").read_text()
    assert f"WorkingDirectory={ROOT}\n" in service and "-m scrapy crawl %i\n" in service


def test_a_time_is_meant_in_the_time_zone_of_its_day() -> None:
    daily = CronExpression("30 2 * * *")
    spring = daily.after(datetime(2026, 3, 28, 12, tzinfo=BERLIN))  # 2:30 does not come on the 29th
    assert spring == datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)
    autumn = daily.after(datetime(2026, 10, 24, 12, tzinfo=BERLIN))  # and comes twice on the 25th
    assert daily.after(autumn) == datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)


# --- Running -------------------------------------------------------------------------------------------------------


class Clock:
    """Begins a moment before a full minute, and a minute of it is over in a second."""

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
    """The runner with a shell command in place of each spider's crawl, due every minute, told to stop in the end."""

    async def run() -> None:
        runner = Runner(
            {name: CronExpression("* * * * *") for name in runner_of},
            lambda name: ["bash", "-c", runner_of[name]],
            cwd=tmp_path,
            interrupted=interrupted,
            lease=0.2,
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
    """The runner looks at its clock often enough for one that is so fast."""
    monkeypatch.setattr("crawler.schedule.runner.LONGEST_SLEEP", 0.02)


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    class Lines(list[str]):
        def __iter__(self) -> Iterator[str]:
            return iter([record.getMessage() for record in caplog.records])

    with caplog.at_level(logging.INFO, logger="splashdown.schedule"):
        yield Lines()


def test_each_crawl_s_exit_code_is_logged(tmp_path: Path, said: list[str]) -> None:
    ended = re.compile("(good|bad|killed) ended")
    crawls = {"good": "exit 0", "bad": "exit 2", "killed": "kill -9 $$"}
    run_until(lambda: len(set(ended.findall("\n".join(said)))) == 3, crawls, tmp_path)
    log = "\n".join(said)
    assert "good ended with exit code 0 (good) after" in log
    assert "bad ended with exit code 2 (below its policy) after" in log
    assert "killed ended with exit code 137 (not by itself) after" in log
    assert "good runs at * * * * *, the next time 2026-05-01 12:01 CEST" in log


def test_a_spider_is_never_started_twice_at_a_time(tmp_path: Path, said: list[str]) -> None:
    lock = "mkdir lock || echo overlap >>overlaps; sleep 1.6; rmdir lock; echo x >>runs"

    def done() -> bool:
        late = any("slow ran past its next time" in line for line in said)
        return late and lines_of(tmp_path / "runs") >= 2 and lines_of(tmp_path / "quick") >= 2

    run_until(done, {"slow": lock, "quick": "echo x >>quick"}, tmp_path)
    assert not (tmp_path / "overlaps").exists()
    assert lines_of(tmp_path / "quick") >= lines_of(tmp_path / "runs")


def test_a_signal_is_passed_on_and_the_crawls_are_waited_for(tmp_path: Path, said: list[str]) -> None:
    crawl = "trap 'sleep 0.3; echo stopped >>stopped; exit 4' TERM; echo >>ready; for i in {1..600}; do sleep 0.1; done"
    run_until(lambda: lines_of(tmp_path / "ready") == 2, {"one": crawl, "two": crawl}, tmp_path)
    assert (tmp_path / "stopped").read_text().count("stopped") == 2
    log = "\n".join(said)
    assert "told to stop; waits for one, two" in log
    assert "one ended with exit code 4" in log and "two ended with exit code 4" in log


def test_an_interrupted_spider_goes_on_at_once(tmp_path: Path) -> None:
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


def test_an_interrupted_run_whose_owner_may_still_live_is_tried_again_after_its_lease(tmp_path: Path) -> None:
    # The first start finds the run held by someone (75), the second does not.
    crawl = "mkdir first 2>/dev/null && exit 75; echo x >>runs"
    run_until(
        (tmp_path / "runs").exists,
        {"one": crawl},
        tmp_path,
        interrupted=["one"],
        now=lambda: datetime(2026, 5, 1, 12, 0, 30, tzinfo=BERLIN),
    )


def test_the_interrupted_spiders_are_those_whose_run_is_not_over(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    engine = make_engine(url)
    upgrade(engine)
    hold_run(make_sessions(engine), "books", {})
    hold_run(make_sessions(engine), "quotes", {"tag": "x"})  # other arguments: none that a schedule gives
    engine.dispose()
    assert interrupted({"books": "", "quotes": "", "orders": ""}, url) == {"books"}


def test_the_command_ends_with_sigterm(tmp_path: Path) -> None:
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
        line = process.stdout.readline()  # on standard output, as a container's log
        assert re.search(r"books runs at 0 0 1 1 \*, the next time \d{4}-01-01 00:00 CET", line)
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0 and "told to stop; waits for nothing" in rest


def test_a_time_zone_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    done = scrapy("schedule", "--run", TZ="Mars/Phobos", DATABASE_URL=f"sqlite:///{tmp_path}/x.db")
    assert done.returncode == 1
    assert done.stderr == "scrapy schedule: TZ='Mars/Phobos' is no time zone; write Europe/Berlin\n"
