"""Brings notifications to their addresses: a worker for each, so that one that is dead never delays another.

The rule: an address is behind until it has answered 2xx, and its place stands in the database. An address that does not
answer holds a connection for ten seconds at a time, and nothing in memory in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy.engine import Connection

from sallyport.clock import Alarm, Clock
from sallyport.errors import SallyportError
from sallyport.graph import notice_window
from sallyport.graph.addresses import Address
from sallyport.graph.courier import Courier
from sallyport.graph.gates import Gates
from sallyport.graph.shares import Shares
from sallyport.odata import instants
from sallyport.rounds import Rounds
from sallyport.store import deliveries, lanes
from sallyport.store.database import Database
from sallyport.store.lanes import Lane
from sallyport.store.notices import Notice

log = structlog.stdlib.get_logger(__name__)

_REST_SECONDS = 0.5
#: How often the places of those that want nothing are noted, and all addresses are read anew.
_SWEEP_SECONDS = 5.0
_ANEW_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Look:
    """What one look at the database found."""

    head: int
    newer: Sequence[Notice]
    #: The addresses of shares that were not this process's before, and those that were not known.
    gained: Sequence[Lane]
    unknown: Sequence[Lane]
    #: Those that something of their own is due for.
    own: Sequence[Lane]


class Couriers:
    """The workers; one set for each process."""

    def __init__(self, database: Database, clock: Clock, courier: Courier, shares: Shares) -> None:
        self._database = database
        self._clock = clock
        self._courier = courier
        self._shares = shares
        self._alarm = Alarm(clock)
        self._gates = Gates()
        self._window, self._receipts = courier.window, courier.receipts
        self._addresses: dict[int, Address] = {}
        #: Of which shares every address is known.
        self._known: frozenset[int] = frozenset()
        self._swept_at = self._read_at = clock.monotonic()
        self._workers: dict[int, asyncio.Task[None]] = {}
        self._rounds = Rounds(log, "deliveries", self.look, lambda: self._alarm.rest(_REST_SECONDS))
        shares.busy = self._is_busy

    async def open(self) -> None:
        """Begin with whatever waits."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop; what was under way is brought again after the next start."""
        await self._rounds.end()
        tasks = list(self._workers.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._receipts.close()

    def ring(self) -> None:
        """Look at once: there is something to bring."""
        self._alarm.ring()

    async def look(self) -> None:
        """Give every address of this process's shares that something is due for a worker, unless it has one."""
        now, mine = instants.of_datetime(self._clock.now()), self._shares.mine
        if self._clock.monotonic() - self._read_at > _ANEW_SECONDS:
            self._forget()
        found = await self._database.read(lambda connection: self._look(connection, now, mine))
        self._learn(found, mine)
        for lane_id, address in self._addresses.items():
            if lane_id not in self._workers and address.lane.share in mine and address.is_due(now):
                self._workers[lane_id] = asyncio.create_task(self._serve(address))
        self._sweep(mine)

    async def settled(self) -> None:
        """Wait until no worker has anything to do now, and all of it is noted."""
        while self._workers:
            await asyncio.wait(set(self._workers.values()))
        await self._receipts.written()

    def _is_busy(self, share: int) -> bool:
        """Answer whether something of a share is under way, or told and not noted yet: the next one would repeat it."""
        addresses = (self._addresses.get(each) for each in (*self._workers, *self._receipts.open))
        return any(each is not None and each.lane.share == share for each in addresses)

    def _look(self, connection: Connection, now: str, mine: frozenset[int]) -> _Look:
        head, newer = notice_window.newer(connection, self._window.head)
        named = {each for notice in newer for each in notice.wanted}
        unknown = named - self._addresses.keys()
        gained = mine - self._known
        own = deliveries.due(connection, now)
        return _Look(
            head,
            newer,
            lanes.of_shares(connection, gained) if gained else (),
            lanes.of_ids(connection, unknown) if unknown else (),
            lanes.of_ids(connection, own) if own else (),
        )

    def _learn(self, found: _Look, mine: frozenset[int]) -> None:
        if self._window.head is None:
            self._window.start(found.head)
        self._window.add(found.newer)
        head = self._window.head or 0
        for each in (*found.gained, *found.unknown, *found.own):
            if each.id not in self._workers:
                self._learn_of(each, head)
        for each in found.own:
            self._addresses[each.id].own = True
        for notice in found.newer:
            for lane_id in notice.wanted.keys() & self._addresses.keys():
                self._addresses[lane_id].newest = max(self._addresses[lane_id].newest, notice.id)
        self._known = mine

    def _learn_of(self, lane: Lane, head: int) -> None:
        """Take over what the database knows of an address; nobody here is working for it."""
        known = self._addresses.get(lane.id)
        address = self._addresses[lane.id] = Address.of(lane, head)
        if known is not None and known.position > lane.position:
            # What was told last is on its way to the database.
            address.position = known.position

    def _forget(self) -> None:
        """Forget the addresses that nobody works for: those that are still there are read again."""
        self._read_at = self._clock.monotonic()
        self._addresses = {key: each for key, each in self._addresses.items() if key in self._workers}
        self._known = frozenset()

    def _sweep(self, mine: frozenset[int]) -> None:
        """Move those that want nothing along now and then, so that the notices behind them can be forgotten."""
        if self._clock.monotonic() - self._swept_at < _SWEEP_SECONDS:
            return
        self._swept_at = self._clock.monotonic()
        head = self._window.head or 0
        for lane_id, address in self._addresses.items():
            idle = lane_id not in self._workers and not address.is_behind
            if idle and address.lane.share in mine and address.position < head:
                address.position = head
                self._receipts.moved(lane_id, head)

    async def _serve(self, address: Address) -> None:
        """Bring what is due to one address, in order, until nothing is due or it fails."""
        endpoint, share = address.lane.endpoint, address.lane.share
        try:
            more = True
            while more and share in self._shares.mine:
                async with self._gates.through(endpoint, failing=address.attempts > 0):
                    more = await self._courier.bring(address)
        except SallyportError as error:
            log.warning("deliveries.stalled", endpoint=endpoint, error=str(error))
        except Exception:
            log.exception("deliveries.broken", endpoint=endpoint)
        finally:
            self._workers.pop(address.lane.id, None)
