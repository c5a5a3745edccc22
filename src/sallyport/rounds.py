"""Work that is done round after round for as long as a process lives.

The rule: whatever goes wrong in one round is logged, and the next begins all the same: what made it fail may be gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from structlog.stdlib import BoundLogger

from sallyport.errors import SallyportError


class Rounds:
    """One such loop, in a task of its own."""

    def __init__(
        self, log: BoundLogger, name: str, work: Callable[[], Awaitable[object]], rest: Callable[[], Awaitable[object]]
    ) -> None:
        """`work` is one round, `rest` what is waited for after it; the log has what went wrong under `name`."""
        self._log = log
        self._name = name
        self._work = work
        self._rest = rest
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin with the first round."""
        self._task = asyncio.create_task(self._go_round())

    async def end(self) -> None:
        """Stop, wherever the round stands."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_round(self) -> None:
        while True:
            try:
                await self._work()
            except SallyportError as error:
                self._log.warning(f"{self._name}.stalled", error=error.message)
            except Exception:  # noqa: BLE001 - the rule says so
                self._log.exception(f"{self._name}.broken")
            await self._rest()
