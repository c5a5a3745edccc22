"""The newest notices, kept in memory: whoever keeps up is told of them without asking the database again.

The rule: memory is bounded by the window, not by what waits; who has fallen behind reads what it missed, a little at a
time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import takewhile

from sqlalchemy.engine import Connection

from sallyport.store import notices
from sallyport.store.notices import Notice

#: How many notices are kept.
_KEPT = 256
#: How many are read at a time.
PORTION = 64


class NoticeWindow:
    """The newest notices in order, without a gap."""

    def __init__(self) -> None:
        self._kept: deque[Notice] = deque(maxlen=_KEPT)
        #: The number of the newest notice that is known of; None before the first look.
        self.head: int | None = None
        #: Everything newer than this is kept.
        self._floor = 0

    def start(self, head: int) -> None:
        """Begin behind a notice."""
        self.head = self._floor = head

    def add(self, found: Iterable[Notice]) -> None:
        """Keep what follows the newest."""
        for each in found:
            if len(self._kept) == _KEPT:
                self._floor = self._kept[0].id
            self._kept.append(each)
            self.head = each.id

    def reaches(self, position: int) -> bool:
        """Answer whether everything behind a place is kept."""
        return position >= self._floor

    def after(self, position: int) -> list[Notice]:
        """Answer what is kept behind a place, oldest first."""
        found = list(takewhile(lambda each: each.id > position, reversed(self._kept)))
        found.reverse()
        return found


def newer(connection: Connection, head: int | None) -> tuple[int, list[Notice]]:
    """Answer where to begin, and what is newer than the newest that is known of."""
    if head is None:
        return notices.highest(connection), []
    found: list[Notice] = []
    while portion := notices.after(connection, found[-1].id if found else head, PORTION):
        found += portion
        if len(portion) < PORTION or len(found) >= _KEPT:
            break
    return head, found
