"""Looks now and then whether another process has changed the signing keys or ended tokens, and deletes what is over."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import structlog

from sallyport import errors
from sallyport.auth.authority import Authority

#: A change takes effect within so many seconds.
EVERY_SECONDS = 10.0
#: What is over is deleted every tenth of an hour.
_TIDY_TURNS = 36

_log = structlog.stdlib.get_logger(__name__)


class Watch:
    """The background loop of one authority."""

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to look."""
        self._task = asyncio.create_task(self._look_forever())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _look_forever(self) -> None:
        for turn in itertools.count():
            await self._authority.clock.sleep(EVERY_SECONDS)
            try:
                await self._authority.reload()
                if turn % _TIDY_TURNS == 0:
                    await self._authority.tidy()
            except errors.SallyportError as error:
                # What is known stays in use until the database answers again.
                _log.warning("keys.unreadable", reason=error.code)
