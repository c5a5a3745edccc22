"""What every part of identity works with: the tenant, its keys in memory, its tokens, the database and the clock."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from sallyport.auth import keyring
from sallyport.auth.failures import Failures
from sallyport.auth.keyring import Keyring
from sallyport.auth.tokens import LIFETIME_SECONDS, Tokens
from sallyport.clock import Clock
from sallyport.store import grants, schema
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
    #: Families of tokens that were ended before their time.
    revoked: frozenset[str] = frozenset()
    tokens: Tokens = field(init=False)
    failures: Failures = field(init=False)
    #: Hashing a secret takes 16 MB and a twentieth of a second: two at a time.
    hashing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.tenant_id, lambda: self.ring, self.clock, self.lifetime_seconds, lambda: self.revoked)
        self.failures = Failures(self.clock)

    async def reload(self) -> None:
        """Read the signing keys and what was revoked again, after somebody may have changed them."""
        since = schema.instant(self.clock.now() - keyring.RETIRED_FOR)
        before = self.ring

        def read(connection: Connection) -> tuple[Keyring, frozenset[str]]:
            return keyring.load(connection, self.sealer, self.clock, before), grants.revoked(connection, since)

        self.ring, self.revoked = await self.db.read(read)
        if self.ring.published != before.published:
            self.tokens.forget()
