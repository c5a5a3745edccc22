"""How processes divide what is to be done: everything is somebody's, nothing is two's, and all have about the same."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from sallyport.graph import shares
from sallyport.store.lanes import SHARES
from sallyport.store.leases import Lease


class Installation:
    """The leases, and processes that beat one after another; whoever is dead has not beaten for long."""

    def __init__(self) -> None:
        self.leases: dict[str, Lease] = {}
        self.dead: set[str] = set()

    def beat(self, owner: str) -> None:
        planned = shares.plan(self.leases.values(), lambda lease: lease.owner in self.dead, owner)
        for number in planned.give:
            name = f"share-{number:02}"
            assert self.leases[name].owner == owner, "nobody gives what is another's"
            self.leases[name] = Lease(name, None, self.leases[name].beat)
        for gone in planned.gone:
            del self.leases[gone.name]
        for taken in planned.take:
            held = self.leases.get(taken.name)
            assert held is None or held.owner is None or held.owner in self.dead, "nobody takes what is a living one's"
            self.leases[taken.name] = Lease(taken.name, owner, taken.beat + 1)

    def holders(self) -> Counter[str | None]:
        return Counter(each.owner for each in self.leases.values() if each.name.startswith("share-"))


@given(st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), st.sets(st.sampled_from("abcd"), max_size=4))
def test_after_a_few_beats_the_living_share_everything_about_equally(beats: list[str], dying: set[str]) -> None:
    installation = Installation()
    for owner in beats:
        installation.beat(owner)
    installation.dead = dying & set(beats)
    living = sorted({*beats, "e"} - installation.dead)
    for _ in range(4):
        for owner in living:
            installation.beat(owner)
    found = installation.holders()
    assert found.total() == SHARES
    assert set(found) <= set(living)
    assert max(found.values()) <= -(-SHARES // len(living))
    assert {each.owner for each in installation.leases.values()} == set(living), "the dead have left nothing behind"
