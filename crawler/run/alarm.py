"""Alarms: a message to ALERT_URLS, through Apprise, when a spider's runs turn bad, and when they are good again."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apprise import Apprise, NotifyFormat, NotifyType

from crawler.plain_text import one_line
from crawler.verdict import ALREADY_RUNNING, GOOD, Verdict

logger = logging.getLogger("splashdown.alarm")
apprise_logger = logging.getLogger("apprise")


class WrongAddress(ValueError):
    """ALERT_URLS has something that Apprise does not know; the message does not repeat it."""


@dataclass(frozen=True, kw_only=True)
class State:
    """What was said last: the exit code, since when it is so (ISO 8601), and in how many runs."""

    code: int
    since: str
    runs: int


class Alarm:
    """Says each change of a spider's state once. The state is a file, for the database may be what is broken.

    Args:
        addresses: ALERT_URLS, as Apprise has them, with blanks or commas between them.
        folder: where the states are kept, a file for each spider with its arguments.

    Raises:
        WrongAddress: one of the addresses is none.
    """

    def __init__(self, addresses: str, folder: Path) -> None:
        self.folder = folder
        self.apprise = Apprise()
        # The addresses are secrets: Apprise repeats one that it does not know, and more of them below WARNING.
        apprise_logger.setLevel(logging.CRITICAL)
        known = not addresses.strip() or self.apprise.add(addresses)
        apprise_logger.setLevel(logging.WARNING)
        if not known:
            raise WrongAddress(
                "ALERT_URLS has an address that Apprise does not know; https://appriseit.com/services has their forms"
            )

    def tell(
        self,
        spider: str,
        arguments: Mapping[str, Any],
        verdict: Verdict,
        *,
        run_id: int | None = None,
        examples: Sequence[str] = (),
    ) -> None:
        """Send a message if the state has changed; a state that could not be told is told next time."""
        if verdict.code == ALREADY_RUNNING or not len(self.apprise):
            return
        file = self._file(spider, arguments)
        before = _read(file)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        if before is not None and before.code == verdict.code:
            _write(file, State(code=before.code, since=before.since, runs=before.runs + 1))
            return
        if verdict.code == GOOD:
            if before is None:
                return
            title, body = f"{spider} is good again", _recovery(before, run_id)
        else:
            title = f"{spider}: {verdict.word} (exit code {verdict.code})"
            body = _trouble(verdict, now, run_id, examples)
        kind = NotifyType.SUCCESS if verdict.code == GOOD else NotifyType.FAILURE
        if not self.apprise.notify(title=title, body=body, notify_type=kind, body_format=NotifyFormat.TEXT):
            logger.warning("the alarm did not reach all of ALERT_URLS; it is sent again after the next run")
            return
        logger.info("an alarm was sent: %s", title)
        if verdict.code == GOOD:
            file.unlink(missing_ok=True)
        else:
            _write(file, State(code=verdict.code, since=now, runs=1))

    def _file(self, spider: str, arguments: Mapping[str, Any]) -> Path:
        which = json.dumps(dict(arguments), sort_keys=True, default=str).encode()
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in spider)[:80]
        return self.folder / f"{safe}-{hashlib.sha256(which).hexdigest()[:12]}.json"


def _trouble(verdict: Verdict, now: str, run_id: int | None, examples: Sequence[str]) -> str:
    where = f"on {socket.gethostname()}, {now}"
    lines = [f"Run {run_id} {where}" if run_id is not None else f"A start {where}"]
    lines += [f"- {one_line(reason, 500)}" for reason in verdict.reasons]
    if examples:
        lines += ["For instance:", *(f"  {one_line(example, 300)}" for example in examples)]
    look = f"scrapy runs show {run_id}" if run_id is not None else "scrapy runs"
    return "\n".join([*lines, f"Look closer: {look}"])


def _recovery(before: State, run_id: int | None) -> str:
    bad = Verdict(code=before.code).word
    runs = "1 run" if before.runs == 1 else f"{before.runs} runs"
    return f"It was bad ({bad}) since {before.since}, for {runs}.\nLook closer: scrapy runs show {run_id}"


def _read(file: Path) -> State | None:
    try:
        return State(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        logger.warning("%s cannot be read, and is taken for good: %s", file, error)
        return None


def _write(file: Path, state: State) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state)), "utf-8")
        draft.replace(file)
    except OSError as error:
        logger.warning("%s cannot be written, so the same alarm will be sent again: %s", file, error)
