"""Alarms: messages to ALERT_URLS, through Apprise, when a spider's exit code changes to a bad one or back to good."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crawler.atomic_file import write_atomically
from crawler.run.verdict import ALREADY_RUNNING, BELOW_POLICY, GOOD, Verdict
from crawler.security.plain_text import one_line
from models.command_name import command
from models.redaction import redacted

if TYPE_CHECKING:
    from apprise import Apprise

logger = logging.getLogger("splashdown.alarm")
apprise_logger = logging.getLogger("apprise")


class WrongAddress(ValueError):
    """ALERT_URLS has an address that Apprise does not know. The message does not repeat it: it may be a secret."""


@dataclass(frozen=True, kw_only=True)
class State:
    """The state in the last alarm: the exit code, since when, and in how many runs."""

    code: int
    since: str
    runs: int


class Alarm:
    """Sends a message for each change of a spider's state. The state is in a file: the database may be what is broken.

    Args:
        addresses: ALERT_URLS, in Apprise's form, with blanks or commas between them.
        folder: the folder of the states. It has a file for each spider with its arguments.

    Raises:
        WrongAddress: Apprise does not know one of the addresses.
    """

    def __init__(self, addresses: str, folder: Path) -> None:
        self.folder = folder
        self.apprise = _apprise(addresses) if addresses.strip() else None

    def tell(
        self,
        spider: str,
        arguments: Mapping[str, Any],
        verdict: Verdict,
        *,
        run_id: int | None = None,
        examples: Sequence[str] = (),
        muted_until: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """Send a message if the state has changed. If it cannot be sent, the next run tries again.

        Args:
            muted_until: returns until when a person has muted the spider's alarms, and is called only if there is a
                message. A muted message is not sent, and the file stays as it is: the first run after the mute
                whose state still differs sends its message.
        """
        if verdict.code == ALREADY_RUNNING or self.apprise is None or not len(self.apprise):
            return
        from apprise import NotifyFormat, NotifyType  # noqa: PLC0415

        file = self._file(spider, arguments)
        before = _read(file)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        if before is not None and before.code == verdict.code:
            _write(file, State(code=before.code, since=before.since, runs=before.runs + 1))
            return
        if verdict.code == GOOD:
            if before is None:
                return
            title, body = f"{spider} is good again", _good_run(before, run_id)
        else:
            title = f"{spider}: {verdict.word} (exit code {verdict.code})"
            body = _bad_run(verdict, now, run_id, examples)
        title, body = redacted(title), redacted(body)
        until = muted_until()
        if until is not None and until > datetime.now(UTC):
            logger.warning(
                "no alarm is sent, because alarms of %s are muted until %s UTC: %s",
                spider,
                f"{until:%F %H:%M}",
                title,
            )
            return
        kind = NotifyType.SUCCESS if verdict.code == GOOD else NotifyType.FAILURE
        if not self.apprise.notify(title=title, body=body, notify_type=kind, body_format=NotifyFormat.TEXT):
            logger.warning("the alarm did not reach all of ALERT_URLS; the next run sends it again")
            return
        logger.info("alarm sent: %s", title)
        if verdict.code == GOOD:
            file.unlink(missing_ok=True)
        else:
            _write(file, State(code=verdict.code, since=now, runs=1))

    def tell_state(self, subject: str, fault: str | None) -> None:
        """Send a message if the subject, such as a sink of the relay, has a fault now and had none, or the reverse.

        Args:
            fault: what is wrong; None: nothing.
        """
        if self.apprise is None or not len(self.apprise):
            return
        from apprise import NotifyFormat, NotifyType  # noqa: PLC0415

        file = self._file(subject, {})
        before = _read(file)
        if (before is not None) == (fault is not None):
            return
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
        title = redacted(
            f"{subject} is good again" if fault is None else f"{subject}: {one_line(fault, 200)}"
        )
        body = redacted(f"On {socket.gethostname()}, {now}" + (f"\n{one_line(fault, 1000)}" if fault else ""))
        kind = NotifyType.SUCCESS if fault is None else NotifyType.FAILURE
        if not self.apprise.notify(title=title, body=body, notify_type=kind, body_format=NotifyFormat.TEXT):
            logger.warning("the alarm did not reach all of ALERT_URLS; it is sent again")
            return
        logger.info("alarm sent: %s", title)
        if fault is None:
            file.unlink(missing_ok=True)
        else:
            _write(file, State(code=BELOW_POLICY, since=now, runs=1))

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


def _bad_run(verdict: Verdict, now: str, run_id: int | None, examples: Sequence[str]) -> str:
    where = f"on {socket.gethostname()}, {now}"
    lines = [f"Run {run_id} {where}" if run_id is not None else f"A start {where}"]
    lines += [f"- {one_line(reason, 500)}" for reason in verdict.reasons]
    if examples:
        lines += ["Examples:", *(f"  {one_line(example, 300)}" for example in examples)]
    look = command(f"runs show {run_id}" if run_id is not None else "runs")
    return "\n".join([*lines, f"Details: {look}"])


def _good_run(before: State, run_id: int | None) -> str:
    bad = Verdict(code=before.code).word
    runs = "1 run" if before.runs == 1 else f"{before.runs} runs"
    return f"It was bad ({bad}) since {before.since}, in {runs}.\nDetails: {command(f'runs show {run_id}')}"


def _read(file: Path) -> State | None:
    try:
        return State(**json.loads(file.read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        logger.warning(
            "cannot read %s, so the alarm treats the spider as one without a state: %s", file, error
        )
        return None


def _write(file: Path, state: State) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(asdict(state)).encode())
    except OSError as error:
        logger.warning("cannot write %s, so the next run sends the same alarm again: %s", file, error)
