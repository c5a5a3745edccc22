"""Waits at the start until a database server answers, and says in a sentence why it does not.

The rule: what may pass by itself (a server that starts, a network that comes up) is waited for; what will not (a wrong
password, a database that does not exist, a driver that is not installed) is told at once.
"""

from __future__ import annotations

import structlog

from sallyport import errors
from sallyport.clock import Clock
from sallyport.store import probe
from sallyport.store.database import Database

_PAUSE_SECONDS = 1.0
#: What PostgreSQL says of what does not pass by itself.
_FINAL = (
    "password authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "permission denied",
    "no password",
    "invalid connection option",
)

_log = structlog.stdlib.get_logger(__name__)


class NotReached(errors.StorageUnavailable):
    """Raised when the database server could not be reached within the time that the settings give it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"The database at {where} cannot be used: {reason}")
        self.where = where


async def answering(database: Database, clock: Clock, seconds: float) -> None:
    """Answer when the database does; raises NotReached. An embedded database is not waited for."""
    if database.file is not None:
        return
    over = clock.monotonic() + seconds
    told = False
    while True:
        try:
            await database.read(probe.read)
        except errors.StorageUnavailable as error:
            reason = _reason(error)
            if any(sign in reason.lower() for sign in _FINAL) or clock.monotonic() >= over:
                raise NotReached(_where(database), reason) from error
            if not told:
                _log.warning("database.waiting", where=_where(database), reason=reason, seconds=seconds)
            told = True
            await clock.sleep(_PAUSE_SECONDS)
        else:
            return


def _where(database: Database) -> str:
    url = database.engine.url
    host = url.host or url.query.get("host") or "the local socket"
    return f"{host if isinstance(host, str) else host[0]}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _reason(error: errors.StorageUnavailable) -> str:
    """Answer what the server said, on one line."""
    cause = error.__cause__
    said = str(getattr(cause, "orig", None) or error.message)
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return (lines[0] if lines else "it does not answer").rstrip(".") + "."
