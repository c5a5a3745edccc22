"""Looks now and then whether another process has changed the signing keys or ended tokens, and deletes what is over.

The rule: what is known stays in use until the database answers again.
"""

from __future__ import annotations

import itertools

import structlog

from sallyport.auth.authority import Authority
from sallyport.rounds import Rounds

#: A change takes effect within so many seconds.
EVERY_SECONDS = 10.0
#: What is over is deleted every tenth of an hour.
_TIDY_TURNS = 36

_log = structlog.stdlib.get_logger(__name__)


class Watch:
    """The background loop of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._turns = itertools.count()
        self._rounds = Rounds(_log, "identity", self._look, lambda: authority.clock.sleep(EVERY_SECONDS))

    async def open(self) -> None:
        """Begin to look."""
        self._rounds.begin()

    async def close(self) -> None:
        """Stop."""
        await self._rounds.end()

    async def _look(self) -> None:
        await self._authority.reload()
        if next(self._turns) % _TIDY_TURNS == 0:
            await self._authority.tidy()
