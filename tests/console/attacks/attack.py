"""One attempt, one attack, and the line of the table with what came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.console.attacks.target import Answer, Target


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt.

    Attributes:
        what: what was sent.
        came: the HTTP status, or the effect.
        held: the console has refused it, or nothing came of it.
    """

    what: str
    came: str
    held: bool


# Carries out an attack and yields its attempts.
Attack = Callable[["Target"], Iterable[Try]]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All attempts of an attack."""

    attack: str
    tries: Sequence[Try]

    @property
    def held(self) -> bool:
        return bool(self.tries) and all(one.held for one in self.tries)

    @property
    def came(self) -> str:
        """Return what came, with how often it came if there is more than one answer."""
        counted = Counter(one.came for one in self.tries).most_common()
        return ", ".join(came if len(counted) == 1 else f"{came} ({times})" for came, times in counted)

    @property
    def line(self) -> str:
        return f"| {self.attack} | {len(self.tries):,} | {self.came} | {'yes' if self.held else 'NO'} |"


def status_try(what: str, answer: Answer, *held: int, also: bool = True) -> Try:
    """Return the attempt that has this answer.

    Args:
        held: the statuses with which the console has refused it.
        also: what else must be true.
    """
    came = str(answer.status) if also else f"{answer.status}, with an effect"
    return Try(what=what, came=came, held=answer.status in held and also)


def no_fault(what: str, answer: Answer) -> Try:
    """Return the attempt whose answer may be any that is no fault of the console."""
    return Try(what=what, came=str(answer.status), held=200 <= answer.status < 500)
