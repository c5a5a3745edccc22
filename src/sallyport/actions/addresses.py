"""URLs: queries added to them, places they point to, and whether two of them have the same owner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

from sallyport.actions import inputs as read


def with_queries(url: str, queries: Mapping[str, Any]) -> str:
    """Answer a URL with more queries, after those that it has; null ones are left out."""
    pairs = [f"{quote(name, safe='$')}={quote(read.plain(value), safe='')}" for name, value in _single(queries)]
    if not pairs:
        return url
    front, hash_mark, fragment = url.partition("#")
    between = "&" if "?" in front else "?"
    return f"{front}{'' if front.endswith(('?', '&')) else between}{'&'.join(pairs)}{hash_mark}{fragment}"


def pointed(url: str, location: str) -> str:
    """Answer where a `Location` of a response from a URL points to."""
    try:
        return urljoin(url, location)
    except ValueError:
        return location


def same_origin(one: str, other: str) -> bool:
    """Answer whether two URLs have scheme, host and port in common, so that a secret for one may go to the other."""
    return _origin(one) == _origin(other) != ()


def _origin(url: str) -> tuple[str, str, int | None] | tuple[()]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ()
    return (parts.scheme, parts.hostname or "", port)


def _single(queries: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(str(name), value) for name, value in queries.items() if value is not None]
