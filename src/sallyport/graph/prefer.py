"""The `Prefer` header: what a client would like, as RFC 7240 writes it."""

from __future__ import annotations

from collections.abc import Iterable

REPRESENTATION = "return=representation"
MINIMAL = "return=minimal"
UNKNOWN_MEMBERS = "include-unknown-enum-members"


def preferences(values: Iterable[str]) -> frozenset[str]:
    """Answer the preferences of all `Prefer` headers, in lower case, without blanks, quotes or parameters."""
    found = set()
    for value in values:
        for part in value.split(","):
            name, _, setting = part.partition(";")[0].partition("=")
            setting = setting.strip().strip('"')
            found.add(f"{name.strip()}={setting}".lower() if setting else name.strip().lower())
    return frozenset(found - {""})
