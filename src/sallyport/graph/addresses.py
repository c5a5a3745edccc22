"""One address that notifications go to, as the process that brings them knows it.

The rule: the database knows how far it has come and until when it is put off; what stands only here is found out again.
"""

from __future__ import annotations

from dataclasses import dataclass

from sallyport.graph.notification_rules import MOST, MOST_BEHIND
from sallyport.store.lanes import Lane


@dataclass(slots=True)
class Address:
    """An address, how far it has come, and how it is doing."""

    lane: Lane
    #: The number of the last notice that was dealt with.
    position: int
    #: The number of the newest notice that it may want something of.
    newest: int
    #: How many attempts in a row have failed, and until when it is put off.
    attempts: int
    due_at: str | None
    #: Until when its endpoint, which is slow, is left alone.
    held_until: str | None = None
    #: Whether something is due that goes to it alone.
    own: bool = False
    #: How many notifications the next POST holds at the most, and how many it has shown to take.
    size: int = MOST
    ceiling: int = MOST_BEHIND

    @classmethod
    def of(cls, lane: Lane, newest: int) -> Address:
        """Answer an address as the database knows it; it may want anything up to the newest notice."""
        return cls(lane, lane.position, newest, lane.attempts, lane.due_at)

    def is_due(self, now: str) -> bool:
        """Answer whether it may be tried, and something is there for it."""
        if self.due_at is not None and self.due_at > now:
            return False
        return self.own or (self.is_behind and (self.held_until is None or self.held_until <= now))

    @property
    def is_behind(self) -> bool:
        """Whether it may want something that it has not been told."""
        return self.newest > self.position

    @property
    def room(self) -> int:
        """How many notifications the next POST may hold; one that failed shows first that it takes some."""
        return min(self.ceiling, MOST if self.attempts else self.size)

    def took(self, count: int, room: int) -> None:
        """Learn from a POST that was taken."""
        self.attempts, self.due_at = 0, None
        if not self.is_behind:
            self.size = MOST
        elif count >= room:
            self.size = min(self.ceiling, max(self.size, room) * 2)

    def refused(self, count: int) -> None:
        """Learn from a POST that was not."""
        self.size = MOST
        if count > MOST:
            # Perhaps it was only too large: until it is known better, no more so large ones.
            self.ceiling = min(self.ceiling, MOST)

    def too_large(self, count: int) -> None:
        """Learn that it takes fewer at a time."""
        self.ceiling = max(1, count // 2)
