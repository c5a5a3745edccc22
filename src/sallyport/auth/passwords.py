"""Passwords of users: argon2id, with its parameters beside each hash so that they can be raised later.

The rule: hashing runs in a thread; the time that an answer takes does not tell whether a name exists.
"""

from __future__ import annotations

import asyncio
import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from sallyport import errors

LENGTH_LEAST, LENGTH_MOST = 12, 256
#: The second of the parameter sets that RFC 9106 and OWASP recommend for servers: 19 MB, two passes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class PasswordUnfit(errors.BadRequest):
    """Raised when a password is too short, too long, or the name itself."""

    def __init__(self) -> None:
        super().__init__(f"A password has {LENGTH_LEAST} to {LENGTH_MOST} characters, and is not the user's name.")


def generate() -> str:
    """Answer a new password of 120 random bits."""
    return secrets.token_urlsafe(15)


def checked(password: str, name: str) -> str:
    """Answer a password that may be used; raises `PasswordUnfit`."""
    if not LENGTH_LEAST <= len(password) <= LENGTH_MOST or password.strip().lower() == name.strip().lower():
        raise PasswordUnfit
    return password


def hashed(password: str) -> str:
    """Answer what is stored for a password."""
    return _hasher.hash(password.encode("utf-8", "surrogatepass"))


def matches(password: str, stored: str) -> bool:
    """Answer whether a password is the one that was hashed."""
    try:
        return _hasher.verify(stored, password.encode("utf-8", "surrogatepass"))
    except (VerificationError, InvalidHashError):
        return False


async def verify(password: str, stored: str | None) -> bool:
    """Answer whether a password is right; for nobody's it takes as long as for a wrong one."""

    def compare() -> bool:
        right = matches(password[: LENGTH_MOST + 1], stored or _nobody())
        return right and stored is not None

    return await asyncio.to_thread(compare)


@functools.cache
def _nobody() -> str:
    """Answer the hash of a password that nobody knows."""
    return hashed(secrets.token_urlsafe(30))
