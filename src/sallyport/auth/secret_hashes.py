"""Hashes of client secrets: scrypt, with its parameters beside each hash so that they can be raised later."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

_SALT_BYTES = 16
_KEY_BYTES = 32
_COST, _BLOCK, _LANES = 2**14, 8, 1
_MEMORY_BYTES = 64 * 1024 * 1024
#: Nobody's secret: what is compared when there is none, so that an unknown client takes as long as a wrong secret.
NOBODY = f"scrypt${_COST}${_BLOCK}${_LANES}${'A' * 22}==${'A' * 43}="


def generate() -> str:
    """Answer a new secret of 240 random bits."""
    return secrets.token_urlsafe(30)


def hashed(secret: str) -> str:
    """Answer what is stored for a secret."""
    salt = secrets.token_bytes(_SALT_BYTES)
    key = _derived(secret, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def matches(secret: str, stored: str) -> bool:
    """Answer whether a secret is the one that was hashed; takes as long either way."""
    try:
        form, cost, block, lanes, salt, key = stored.split("$")
        expected = base64.b64decode(key, validate=True)
        derived = _derived(secret, base64.b64decode(salt, validate=True), int(cost), int(block), int(lanes))
    except (ValueError, binascii.Error):
        return False
    return form == "scrypt" and hmac.compare_digest(derived, expected)


def _derived(secret: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    return hashlib.scrypt(
        secret.encode("utf-8", "surrogatepass"),
        salt=salt,
        n=cost,
        r=block,
        p=lanes,
        maxmem=_MEMORY_BYTES,
        dklen=_KEY_BYTES,
    )
