"""How many of the partitions of a shared run a worker has."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def share_of(partitions: int, sharers: Collection[int], worker: int) -> int:
    """Return how many partitions a worker may have. The first of the workers have one more if the rest asks for it."""
    share, rest = divmod(partitions, len(sharers))
    return share + (sorted(sharers).index(worker) < rest)


def surplus_of(partitions: int, held: Mapping[int, int], worker: int) -> int:
    """Return how many partitions a worker gives up so that no two workers differ by more than one.

    A broker chooses who gets them, and does not know which workers have one more than others. So one more is
    given up only as long as another worker has too few.

    Args:
        held: how many partitions each worker has.
    """
    least, rest = divmod(partitions, len(held))
    most = least + (rest > 0)
    if held[worker] > most:
        return held[worker] - most
    on_their_way = partitions - sum(held.values()) + sum(max(0, one - most) for one in held.values())
    missing = sum(max(0, least - one) for one in held.values()) - on_their_way
    above = [number for number in sorted(held) if held[number] > least]
    return int(worker in above[: max(0, missing)])
