"""The partitions of a worker: which may be handed out, and which are given up."""

from __future__ import annotations

from frontier.partitions import Partitions, to_give_up
from models.worker import Tenure, partition_of


def tenures(*parts: int, owner: str = "first") -> list[Tenure]:
    return [Tenure(part, owner) for part in parts]


def has(*parts: int) -> Partitions:
    partitions = Partitions()
    partitions.add(tenures(*parts))
    return partitions


def test_a_host_has_the_same_partition_in_every_process() -> None:
    """Workers of different Python versions and machines must agree: these numbers never change."""
    assert [partition_of(host, 64) for host in ("127.0.2.1", "shop.example", "")] == [47, 39, 52]


def test_hosts_spread_over_all_partitions() -> None:
    found = [partition_of(f"host{number}.example", 8) for number in range(800)]
    assert {*found} == {*range(8)} and max(map(found.count, range(8))) < 200


def test_a_partition_that_was_taken_is_active() -> None:
    partitions = has(3, 5)
    assert partitions.active == {*tenures(3, 5)} and len(partitions) == 2
    assert partitions.tenure_of(3) == Tenure(3, "first") and partitions.tenure_of(4) is None


def test_a_draining_partition_is_still_had_but_not_handed_out() -> None:
    partitions = has(3, 5)
    assert partitions.drain([3, 4], now=0.0) == [3]
    assert partitions.drain([3], now=1.0) == []
    assert partitions.active == {*tenures(5)} and partitions.tenure_of(3) is None
    assert partitions.has(Tenure(3, "first")) and partitions.draining == 1


def test_a_draining_partition_waits_for_its_pages_in_progress() -> None:
    partitions = has(3, 5)
    partitions.drain([3, 5], now=10.0)
    assert partitions.drained({3}, before=2.0) == (tenures(5), [])
    assert partitions.drained({3}, before=2.0) == ([], [])  # the transaction that gives 5 up is on its way
    assert partitions.known == tenures(3)
    assert partitions.drained(set(), before=2.0) == (tenures(3), [])


def test_a_partition_that_drains_for_too_long_is_given_up_with_its_pages() -> None:
    partitions = has(3)
    partitions.drain([3], now=10.0)
    assert partitions.drained({3}, before=10.5) == (tenures(3), tenures(3))


def test_a_partition_of_an_older_tenure_is_not_removed() -> None:
    """It was lost and taken again before the loss was noticed."""
    partitions = has(3)
    partitions.add(tenures(3, owner="second"))
    assert partitions.remove(tenures(3)) == [] and partitions.is_active(3)
    assert not partitions.has(Tenure(3, "first"))
    assert partitions.remove(tenures(3, owner="second")) == tenures(3, owner="second")
    assert not partitions.active and not len(partitions)


def test_a_partition_that_was_given_up_can_be_taken_again() -> None:
    partitions = has(3)
    partitions.drain([3], now=0.0)
    partitions.drained(set(), before=0.0)
    partitions.remove(tenures(3))
    partitions.add(tenures(3, owner="second"))
    assert partitions.active == {*tenures(3, owner="second")} == {*partitions.known}


def test_a_worker_gives_up_a_fair_share_of_its_work() -> None:
    """A worker that joins would otherwise get the partitions without hosts, and no work."""
    given = to_give_up(range(32), busy=range(16, 32), number=10)
    assert len(given) == 10 and sum(part in range(16, 32) for part in given) == 5
    assert to_give_up([1, 2, 3], busy=[1, 2, 3], number=2) == [1, 2]
    assert sorted(to_give_up([1, 2, 3], busy=[3], number=3)) == [1, 2, 3]
    assert to_give_up([], busy=[], number=2) == []


def test_only_active_partitions_have_tenures_for_new_requests() -> None:
    partitions = Partitions()
    partitions.add([Tenure(1, "a"), Tenure(2, "b")])
    partitions.drain([2], now=0.0)
    assert partitions.tenures_of({1, 2, 3}) == {Tenure(1, "a")}
