"""Alarms: messages to ALERT_URLS, through Apprise, when a spider's exit code changes to a bad one or back to good."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine

from crawler.run.alarm_state import AlarmState, State
from crawler.run.recipients import recipients_of
from crawler.run.verdict import ALREADY_RUNNING, BELOW_POLICY, GOOD, Verdict
from crawler.security.plain_text import one_line
from models.command_name import command
from models.redaction import redacted
from models.run import ClaimedRun
from models.spider_schedule import AlarmChoice

if TYPE_CHECKING:
    from apprise import Apprise

logger = logging.getLogger("splashdown.alarm")
apprise_logger = logging.getLogger("apprise")


class WrongAddress(ValueError):
    """ALERT_URLS has an address that Apprise does not know. The message does not repeat it: it may be a secret."""


class Alarm:
    """Sends a message for each change of a spider's state (AlarmState).

    Args:
        addresses: ALERT_URLS, in Apprise's form, with blanks or commas between them.
        folder: the folder of the states on this machine. It has a file for each spider with its arguments.

    Raises:
        WrongAddress: Apprise does not know one of the addresses.
    """

    def __init__(self, addresses: str, folder: Path) -> None:
        self.folder, self.recipients = folder, recipients_of(addresses)
        self.apprise = _apprise(addresses) if addresses.strip() else None

    def tell(
        self,
        spider: str,
        arguments: Mapping[str, Any],
        verdict: Verdict,
        *,
        run: ClaimedRun | None = None,
        engine: Engine | None = None,
        examples: Callable[[], Sequence[str]] = list,
        choice: Callable[[], AlarmChoice] = AlarmChoice,
    ) -> None:
        """Send a message if the state has changed. If it cannot be sent, the next run tries again.

        Args:
            run: the run of the verdict; None: the crawl could not begin one.
            engine: the database of the run.
            examples: returns some failures of the run. It is called if they are sent.
            choice: returns what a person has set for the spider's alarms, and is called only if there is a message. A
                muted message is not sent, and the noted state stays as it is: the first run after the mute whose state
                still differs sends its message.
        """
        if self.apprise is None or not len(self.apprise):
            return
        if verdict.code == ALREADY_RUNNING or verdict.is_of_others:
            return
        with AlarmState(self._file(spider, arguments), engine, run) as state:
            before, at = state.before, time.time()
            now = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
            if before is not None and before.code == verdict.code:
                state.note(replace(before, runs=before.runs + 1, at=at))
                return
            if verdict.code != GOOD:
                title = f"{spider}: {verdict.word} (exit code {verdict.code})"
                body = _bad_run(verdict, now, run, examples())
            elif before is not None:
                title, body = f"{spider} is good again", _good_run(before, run)
            else:
                return
            chosen = choice()
            until = chosen.muted_until
            if until is not None and until > datetime.now(UTC):
                logger.warning(
                    "no alarm is sent, because alarms of %s are muted until %s UTC: %s",
                    spider,
                    f"{until:%F %H:%M}",
                    redacted(title),
                )
                return
            apprise = self._heard_by(spider, chosen.heard_by)
            if _send(apprise, title, body, is_good=verdict.code == GOOD, then="the next run sends it again"):
                state.note(State(code=verdict.code, since=now, runs=1, at=at))

    def _heard_by(self, spider: str, heard_by: Sequence[str] | None) -> Apprise:
        """Return an Apprise with the recipients that a person has chosen; with all if none of these is left."""
        assert self.apprise is not None
        if heard_by is None:
            return self.apprise
        left = [one for one in heard_by if one in self.recipients]
        if not left:
            logger.warning(
                "all of ALERT_URLS hear this alarm of %s: of the recipients that were chosen in the console none is "
                "left (%s)",
                spider,
                redacted(one_line(", ".join(heard_by), 500)),
            )
            return self.apprise
        return _apprise(" ".join(self.recipients[one] for one in left))

    def tell_state(self, subject: str, fault: str | None) -> None:
        """Send a message if the subject, such as a sink of the relay, has a fault now and had none, or the reverse.

        Args:
            fault: what is wrong; None: nothing.
        """
        if self.apprise is None or not len(self.apprise):
            return
        with AlarmState(self._file(subject, {})) as state:
            if (state.before is not None) == (fault is not None):
                return
            now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            title = f"{subject} is good again" if fault is None else f"{subject}: {one_line(fault, 200)}"
            body = f"On {socket.gethostname()}, {now}" + (f"\n{one_line(fault, 1000)}" if fault else "")
            if _send(self.apprise, title, body, is_good=fault is None, then="it is sent again"):
                state.note(State(code=GOOD if fault is None else BELOW_POLICY, since=now, runs=1))

    def _file(self, spider: str, arguments: Mapping[str, Any]) -> Path:
        scope = json.dumps(dict(arguments), sort_keys=True, default=str).encode()
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in spider)[:80]
        return self.folder / f"{safe}-{hashlib.sha256(scope).hexdigest()[:12]}.json"


def _apprise(addresses: str) -> Apprise:
    """Return an Apprise with these addresses.

    Raises:
        WrongAddress: Apprise does not know one of them.
    """
    from apprise import Apprise  # noqa: PLC0415 - here, because it takes 60 ms and few crawls have addresses

    apprise = Apprise()
    # The addresses are secrets. Apprise logs an address that it does not know, and others at levels below WARNING.
    apprise_logger.setLevel(logging.CRITICAL)
    known = apprise.add(addresses)
    apprise_logger.setLevel(logging.WARNING)
    if not known:
        raise WrongAddress(
            "ALERT_URLS has an address that Apprise does not know; https://appriseit.com/services has their forms"
        )
    return apprise


def _send(apprise: Apprise, title: str, body: str, *, is_good: bool, then: str) -> bool:
    """Send a message to all addresses; return whether it has reached them."""
    from apprise import NotifyFormat, NotifyType  # noqa: PLC0415

    title, body = redacted(title), redacted(body)
    kind = NotifyType.SUCCESS if is_good else NotifyType.FAILURE
    if not apprise.notify(title=title, body=body, notify_type=kind, body_format=NotifyFormat.TEXT):
        logger.warning("the alarm did not reach all of ALERT_URLS; %s", then)
        return False
    logger.info("alarm sent: %s", title)
    return True


def _bad_run(verdict: Verdict, now: str, run: ClaimedRun | None, examples: Sequence[str]) -> str:
    where = f"on {socket.gethostname()}, {now}"
    lines = [f"Run {run.id} {where}" if run is not None else f"A start {where}"]
    lines += [f"- {one_line(reason, 500)}" for reason in verdict.reasons]
    if examples:
        lines += ["Examples:", *(f"  {one_line(example, 300)}" for example in examples)]
    look = _look_at(run)
    return "\n".join([*lines, f"Details: {look}"])


def _good_run(before: State, run: ClaimedRun | None) -> str:
    bad = Verdict(code=before.code).word
    runs = "1 run" if before.runs == 1 else f"{before.runs} runs"
    return f"It was bad ({bad}) since {before.since}, in {runs}.\nDetails: {_look_at(run)}"


def _look_at(run: ClaimedRun | None) -> str:
    return command(f"runs show {run.id}" if run is not None else "runs")
