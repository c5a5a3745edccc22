"""Addresses at which applications wait for their answer: taken apart, held against what is registered, and answered at.

The rule: an address is read strictly, or not at all; what goes into a policy is put together from its parts, never cut
out of what a caller sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

_LENGTH_LIMIT = 2_048
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?\Z")
#: Programs listen here on whatever port is free.
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def parts(address: str) -> SplitResult | None:
    """Answer the parts of an absolute address without user and fragment; None when it is not plainly one."""
    plain = address.isascii() and address.isprintable() and not set(address) & set(' #*\\<>"')
    if not plain or len(address) > _LENGTH_LIMIT:
        return None
    try:
        found = urlsplit(address)
        whole = _netloc(found)
    except ValueError:
        return None
    return found if found.scheme and whole and whole == found.netloc.lower() else None


def origin(address: str) -> str:
    """Answer scheme, host and port of an address; empty for one that cannot be read."""
    found = parts(address)
    return "" if found is None else f"{found.scheme}://{_netloc(found)}"


def is_local(found: SplitResult) -> bool:
    """Answer whether an address is on the machine of whoever follows it."""
    host = found.hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def fits(address: str, registered: Iterable[str]) -> bool:
    """Answer whether an address is one of those that are registered, to the letter.

    A program on somebody's desktop listens on whatever port is free: for `http://localhost` and loopback addresses the
    port does not count, RFC 8252, section 7.3.
    """
    known = tuple(registered)
    local = _without_port(address)
    return address in known or (local is not None and local in map(_without_port, known))


def answered(address: str, fields: Mapping[str, str], *, in_fragment: bool = False) -> Response:
    """Answer a redirect that brings fields to an address."""
    mark = "#" if in_fragment else "&" if urlsplit(address).query else "?"
    return RedirectResponse(f"{address}{mark}{urlencode(fields)}", 302, {"Cache-Control": "no-store"})


def _netloc(found: SplitResult) -> str:
    """Answer host and port as they are written plainly; empty for no host, raises `ValueError` for a wrong port."""
    host, port = found.hostname or "", "" if found.port is None else f":{found.port}"
    if _HOST.match(host):
        return f"{host}{port}"
    return f"[{host}]{port}" if host and "%" not in host and ip_address(host).version == 6 else ""


def _without_port(address: str) -> str | None:
    """Answer a loopback address without its port; None for any other."""
    found = parts(address)
    if found is None or found.scheme != "http" or found.hostname not in _LOOPBACK:
        return None
    return f"http://{found.hostname}{found.path or '/'}?{found.query}"
