"""Partitions: which partitions of a shared run this worker has, and which of them it is giving up."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from models.worker import Tenure


def to_give_up(parts: Collection[int], busy: Collection[int], number: int) -> list[int]:
    """Return so many of the partitions, with a fair share of the busy ones: another worker gets work, too.

    Args:
        busy: the partitions with pages in progress.
    """
    with_pages = sorted(part for part in parts if part in busy)
    without = sorted(part for part in parts if part not in busy)
    share = round(number * len(with_pages) / len(parts)) if parts else 0
    share = max(share, number - len(without))
    return [*without[: number - share], *with_pages[:share]]


class Partitions:
    """The tenures of a worker.

    A partition is *active* while its requests may be handed out. A *draining* one is given up as soon as its pages in
    progress are committed.
    """

    def __init__(self) -> None:
        self._owners: dict[int, str] = {}
        self._draining: dict[int, float] = {}  # since when, by the partition
        self._leaving: set[int] = set()  # their transaction is sent to the writer
        self.active: frozenset[Tenure] = frozenset()

    def __len__(self) -> int:
        return len(self._owners)

    def tenure_of(self, part: int) -> Tenure | None:
        """Return the tenure of an active partition; None for another one."""
        owner = self._owners.get(part)
        return Tenure(part, owner) if owner is not None and part not in self._draining else None

    def tenures_of(self, parts: Iterable[int]) -> frozenset[Tenure]:
        """Return the tenures of those of the partitions that are active."""
        return frozenset(Tenure(part, self._owners[part]) for part in parts if self.is_active(part))

    def is_active(self, part: int) -> bool:
        return part in self._owners and part not in self._draining

    def has_part(self, part: int) -> bool:
        """Return whether this worker has the partition, also if it is giving it up."""
        return part in self._owners

    def has_owner(self, owner: str) -> bool:
        """Return whether this worker still has the partition in whose tenure this is the owner."""
        return owner in self._owners.values()

    def has(self, tenure: Tenure) -> bool:
        """Return whether this worker still has the partition, and has had it since."""
        return self._owners.get(tenure.part) == tenure.owner

    @property
    def known(self) -> list[Tenure]:
        """The tenures that the table should have too."""
        return [Tenure(part, owner) for part, owner in self._owners.items() if part not in self._leaving]

    def add(self, tenures: Iterable[Tenure]) -> None:
        """Note partitions that this worker has taken."""
        self._owners.update(tenures)
        self._changed()

    def remove(self, tenures: Iterable[Tenure]) -> list[Tenure]:
        """Note partitions that other workers have, or may take now; return those that this worker had."""
        removed = [one for one in tenures if self.has(one)]
        for part, _ in removed:
            del self._owners[part]
            self._draining.pop(part, None)
            self._leaving.discard(part)
        self._changed()
        return removed

    def drain(self, parts: Iterable[int], now: float) -> list[int]:
        """Begin to give partitions up; return those for which this is new."""
        begun = [part for part in parts if self.is_active(part)]
        self._draining.update(dict.fromkeys(begun, now))
        self._changed()
        return begun

    @property
    def draining(self) -> int:
        """How many partitions are being given up."""
        return len(self._draining)

    def drained(self, in_progress: Collection[int], before: float) -> tuple[list[Tenure], list[Tenure]]:
        """Return the tenures that can be given up now, and of these the ones whose pages are still in progress.

        Args:
            in_progress: the partitions of pages in progress.
            before: partitions that drain since before this time do not wait for their pages any more.
        """
        ready, late = [], []
        for part, since in self._draining.items():
            tenure = Tenure(part, self._owners[part])
            if part in self._leaving or (part in in_progress and since >= before):
                continue
            ready.append(tenure)
            if part in in_progress:
                late.append(tenure)
        self._leaving.update(one.part for one in ready)
        return ready, late

    def _changed(self) -> None:
        self.active = frozenset(
            Tenure(part, owner) for part, owner in self._owners.items() if part not in self._draining
        )
