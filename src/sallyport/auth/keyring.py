"""The signing keys in memory: the one that signs, and all whose signatures still count.

The rule: a key is found by its id in our own ring, never by anything else that a token says.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from joserfc.jwk import RSAKey
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.clock import Clock
from sallyport.store import audit, keys, schema
from sallyport.store.audit import AuditEvent
from sallyport.store.keys import SigningKey
from sallyport.store.sealing import Sealer

ALGORITHM = "RS256"
_KEY_BITS = 2048
#: How long a retired key still counts: the longest life of a token, and the skew.
RETIRED_FOR = timedelta(hours=2)
#: How long a new key is shown before it signs, so that clients that keep the key document have it in time.
PUBLISHED_FOR = timedelta(minutes=5)


class NoSigningKey(errors.SallyportError):
    """Raised when there is no key to sign with, because the server was never started on this data folder."""

    code = "NoSigningKey"

    def __init__(self) -> None:
        super().__init__("There is no signing key yet: it is made when the server starts for the first time.")


@dataclass(frozen=True, slots=True)
class Keyring:
    """Keys that are ready for use."""

    kid: str
    private: RSAKey
    #: Every public key by its id, the signing one included.
    public: Mapping[str, RSAKey]
    #: What the key document shows.
    published: tuple[Mapping[str, Any], ...]


def create(connection: Connection, sealer: Sealer, clock: Clock) -> SigningKey:
    """Make, store and answer a new signing key."""
    kid = uuid.uuid4().hex
    private = RSAKey.generate_key(_KEY_BITS, auto_kid=False)
    key = SigningKey(
        kid=kid,
        algorithm=ALGORITHM,
        sealed_private_key=sealer.seal(private.as_pem(private=True), keys.aad(kid)),
        public_jwk={**private.as_dict(private=False), "use": "sig", "alg": ALGORITHM, "kid": kid},
        created_at=schema.instant(clock.now()),
    )
    keys.insert(connection, key)
    return key


def load(connection: Connection, sealer: Sealer, clock: Clock, known: Keyring | None = None) -> Keyring:
    """Answer the keys as they are stored, those that are known as they are; raises `NoSigningKey` when none is in use.

    A key never changes under its id, and reading one takes longer than all the rest.
    """
    now = schema.instant(clock.now())
    stored = keys.published(connection, schema.instant(clock.now() - RETIRED_FOR))
    in_use = [key for key in stored if key.retired_at is None or key.retired_at > now]
    if not in_use:
        raise NoSigningKey
    # The first to retire: a new one is only shown until the one before it has gone.
    current = min(in_use, key=lambda key: (key.retired_at is None, key.retired_at or "", key.created_at))
    if known is not None and known.kid == current.kid:
        private = known.private
    else:
        private = RSAKey.import_key(sealer.open(current.sealed_private_key, keys.aad(current.kid)))
    before = known.public if known is not None else {}
    return Keyring(
        kid=current.kid,
        private=private,
        public={key.kid: before.get(key.kid) or RSAKey.import_key(key.public_jwk) for key in stored},
        published=tuple(key.public_jwk for key in stored),
    )


def rotate(connection: Connection, sealer: Sealer, clock: Clock) -> SigningKey:
    """Make a new signing key and retire those before it, once it was published for a while.

    What they signed stays valid until it expires.
    """
    then = schema.instant(clock.now() + PUBLISHED_FOR)
    for key in keys.published(connection, schema.instant(clock.now())):
        keys.retire(connection, key.kid, then)
    made = create(connection, sealer, clock)
    audit.append(connection, AuditEvent(made.created_at, "local", "key.rotated", made.kid, "success"))
    return made
