"""Which part of telling subscribers is this process's, where several processes of one installation share a database.

The rule: an endpoint belongs to a share, and a share to one process at a time. Whoever stops beating loses its shares
to the others; whoever has not been able to beat for that long holds nothing, whatever the database says. SQLite has one
process, which holds everything.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import structlog

from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.rounds import Rounds
from sallyport.store import leases
from sallyport.store.database import Database
from sallyport.store.lanes import SHARES
from sallyport.store.leases import Lease

log = structlog.stdlib.get_logger(__name__)

#: How often a process says that it lives, and after how long without that it counts as dead.
BEAT_SECONDS = 2.0
DEAD_SECONDS = 8.0
_SHARE = "share-"
_MEMBER = "member-"
_NAMES = {f"{_SHARE}{number:02}": number for number in range(SHARES)}
_EVERYTHING = frozenset(range(SHARES))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process does at a beat."""

    take: tuple[Lease, ...]
    #: Shares that others are to have, once nothing of them is under way here.
    give: frozenset[int]
    #: What the dead have left behind.
    gone: tuple[Lease, ...]


def plan(found: Iterable[Lease], dead: Callable[[Lease], bool], owner: str) -> Plan:
    """Answer what a process that sees these leases does, so that all that live have about the same."""
    there = {name: Lease(name, None, 0) for name in _NAMES} | {each.name: each for each in found}
    members = [each for each in there.values() if each.name.startswith(_MEMBER)]
    living = {each.owner for each in members if not dead(each)} | {owner}
    due = -(-SHARES // len(living))
    mine = [number for name, number in _NAMES.items() if there[name].owner == owner]
    free = [there[name] for name in _NAMES if there[name].owner is None or dead(there[name])]
    own = f"{_MEMBER}{owner}"
    take = [] if own in there else [Lease(own, None, 0)]
    take += free[: max(0, due - len(mine))]
    gone = tuple(each for each in members if each.owner != owner and dead(each))
    return Plan(tuple(take), frozenset(mine[due:]), gone)


class Shares:
    """The shares of one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._alone = database.dialect == "sqlite"
        self._owner = uuid.uuid4().hex
        #: When each lease was first seen as it is.
        self._seen: dict[str, tuple[Lease, float]] = {}
        self._mine: frozenset[int] = frozenset()
        self._giving: frozenset[int] = frozenset()
        self._until = 0.0
        #: Answers whether something of a share is under way.
        self.busy: Callable[[int], bool] = lambda _share: False
        self._rounds = Rounds(log, "shares", self.beat, lambda: clock.sleep(BEAT_SECONDS))

    @property
    def mine(self) -> frozenset[int]:
        """The shares that this process may work on now."""
        if self._alone:
            return _EVERYTHING
        return self._mine - self._giving if self._clock.monotonic() < self._until else frozenset()

    @property
    def leads(self) -> bool:
        """Whether this process does what only one is to do."""
        return 0 in self.mine

    async def open(self) -> None:
        """Take what is free, and go on saying that this process lives."""
        if not self._alone:
            self._rounds.begin()

    async def close(self) -> None:
        """Leave everything to the others at once."""
        if self._alone:
            return
        await self._rounds.end()
        self._mine, owner = frozenset(), self._owner
        try:
            await self._database.write(lambda connection: leases.release(connection, owner, f"{_MEMBER}{owner}"))
        except SallyportError as error:
            log.warning("shares.not_released", error=str(error))

    async def beat(self) -> None:
        """Say that this process lives, take what is free, and give what others are to have."""
        if self._alone:
            return
        began, owner = self._clock.monotonic(), self._owner
        found = await self._database.read(leases.everything)
        # The holder's time runs from before it wrote, ours from after we read: it always ends first.
        planned = plan(found, self._deaths(found, self._clock.monotonic()), owner)
        # What is to be given is left alone from now on, and given once nothing of it is under way.
        self._giving = planned.give
        given = [name for name, number in _NAMES.items() if number in planned.give and not self.busy(number)]
        held = await self._database.write(
            lambda connection: leases.beat(connection, owner, planned.take, given, planned.gone)
        )
        self._mine = frozenset(_NAMES[each] for each in held if each in _NAMES)
        self._until = began + DEAD_SECONDS

    def _deaths(self, found: Iterable[Lease], now: float) -> Callable[[Lease], bool]:
        """Answer what tells whether a lease's holder has not moved it for too long."""
        seen: Mapping[str, tuple[Lease, float]] = self._seen
        self._seen = {
            each.name: seen[each.name] if each.name in seen and seen[each.name][0] == each else (each, now)
            for each in found
        }
        return lambda lease: lease.owner is not None and now - self._seen[lease.name][1] > DEAD_SECONDS
