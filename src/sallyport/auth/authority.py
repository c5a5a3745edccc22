"""What every part of identity works with: the tenant, its keys in memory, its tokens, the database and the clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.engine import Connection

from sallyport.auth import keyring
from sallyport.auth.failures import Budget, Failures
from sallyport.auth.keyring import Keyring
from sallyport.auth.tokens import LIFETIME_SECONDS, Ending, Tokens
from sallyport.clock import Clock
from sallyport.store import endings, grants, schema, sessions
from sallyport.store.database import Database
from sallyport.store.sealing import Sealer

#: How long a person's session holds at the most, and without being used.
SESSION, SESSION_IDLE = timedelta(hours=12), timedelta(hours=1)


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
    #: Applications and users none of whose tokens up to a moment counts.
    ended: Mapping[str, Ending] = field(default_factory=dict)
    tokens: Tokens = field(init=False)
    failures: Failures = field(init=False)
    #: How much of refused requests for tokens is written down.
    audit_budget: Budget = field(init=False)
    #: How many devices ask for codes, which nobody has to sign in for.
    device_budget: Budget = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(
            self.tenant_id,
            lambda: self.ring,
            self.clock,
            self.lifetime_seconds,
            lambda: self.revoked,
            lambda: self.ended,
        )
        self.failures = Failures(self.clock)
        self.audit_budget, self.device_budget = Budget(self.clock), Budget(self.clock)

    async def reload(self) -> None:
        """Read the signing keys and what was revoked again, after somebody may have changed them."""
        before, known = self.ring, self.ended

        def read(connection: Connection) -> tuple[Keyring, frozenset[str], dict[str, Ending]]:
            return keyring.load(connection, self.sealer, self.clock, before), *ends(connection, self.clock, known)

        self.ring, self.revoked, self.ended = await self.db.read(read)
        if self.ring.published != before.published:
            self.tokens.forget()

    async def tidy(self) -> None:
        """Delete codes, tokens and sessions that are over, and what was remembered only for as long as they held."""
        now = self.clock.now()
        at, before = schema.instant(now), schema.instant(now - keyring.RETIRED_FOR)

        def sweep(connection: Connection) -> None:
            grants.sweep(connection, at, before)
            endings.forget(connection, before)
            sessions.sweep(connection, schema.instant(now - SESSION), schema.instant(now - SESSION_IDLE))

        await self.db.write(sweep)


def ends(
    connection: Connection, clock: Clock, known: Mapping[str, Ending] | None = None
) -> tuple[frozenset[str], dict[str, Ending]]:
    """Answer what was ended before its time: families of tokens, and all that an application or user held till then.

    `known` is what this answered last.
    """
    now, before = clock.now(), known or {}
    since = schema.instant(now - keyring.RETIRED_FOR)
    ended = {}
    for name, at in endings.after(connection, since).items():
        same = before.get(name)
        heard = min(schema.moment(at), now).timestamp()
        ended[name] = same if same is not None and same.at == at else Ending(at, heard)
    return grants.revoked(connection, since), ended
