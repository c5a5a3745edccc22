"""Work that is done round after round for as long as a process lives.

The rule: whatever goes wrong in one round is logged, and the next begins all the same: what made it fail may be gone.
What goes on to fail in the same way is logged ever more seldom, or the log would fill the disk whose fullness it tells.
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
        #: How the latest rounds failed, and how many in a row.
        self._failure, self._times = "", 0

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
                self._note_success()
            except SallyportError as error:
                if self._is_told(str(error)):
                    self._log.warning(f"{self._name}.stalled", error=str(error), times=self._times)
            except Exception as error:  # noqa: BLE001 - the rule says so
                if self._is_told(repr(error)):
                    self._log.exception(f"{self._name}.broken", times=self._times)
            await self._rest()

    def _is_told(self, failure: str) -> bool:
        """Count a failure, and answer whether it is logged: the first of its kind, the second, the fourth and so on."""
        self._times = self._times + 1 if failure == self._failure else 1
        self._failure = failure
        return self._times.bit_count() == 1

    def _note_success(self) -> None:
        if self._times:
            self._log.info(f"{self._name}.going_on", failed_times=self._times)
        self._failure, self._times = "", 0
