"""What every part of identity works with: the tenant, its keys in memory, its tokens, the database and the clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sallyport.auth import keyring
from sallyport.auth.failures import Failures
from sallyport.auth.keyring import Keyring
from sallyport.auth.tokens import LIFETIME_SECONDS, Tokens
from sallyport.clock import Clock
from sallyport.store.database import Database
from sallyport.store.sealing import Sealer


@dataclass(slots=True)
class Authority:
    """One tenant's identity, ready for use: what `administrator.open_authority` answers."""

    db: Database
    clock: Clock
    sealer: Sealer
    tenant_id: str
    ring: Keyring
    lifetime_seconds: int = LIFETIME_SECONDS
    tokens: Tokens = field(init=False)
    failures: Failures = field(init=False)
    #: Hashing a secret takes 16 MB and a twentieth of a second: two at a time.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.tenant_id, lambda: self.ring, self.clock, self.lifetime_seconds)
        self.failures = Failures(self.clock)

    async def reload(self) -> None:
        """Read the signing keys again, after they were changed."""
        self.ring = await self.db.read(lambda connection: keyring.load(connection, self.sealer, self.clock))
        self.tokens.forget()
