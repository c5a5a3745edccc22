"""Whether a caller is on this very machine, with nobody between.

The rule: a proxy on the same machine is no caller: a header that tells of one, or an address that was asked for and is
not loopback, means that somebody else is behind it.
"""

from __future__ import annotations

import ipaddress

from starlette.datastructures import URL
from starlette.types import Scope

from sallyport import settings

_FORWARDED = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
)


def is_here(scope: Scope) -> bool:
    """Answer whether the caller is a program of this machine that asked for this machine."""
    if any(name.lower() in _FORWARDED for name, _ in scope["headers"]):
        return False
    address = (scope.get("client") or ("", 0))[0]
    return _is_loopback(address) and settings.loopback(URL(scope=scope).hostname or "")


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
