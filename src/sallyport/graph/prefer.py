"""The `Prefer` header: what a client would like, as RFC 7240 writes it."""

from __future__ import annotations

from collections.abc import Iterable

REPRESENTATION = "return=representation"
MINIMAL = "return=minimal"
UNKNOWN_MEMBERS = "include-unknown-enum-members"
#: RFC 7240 knows no such preference; OData writes it in both ways.
_PAGE_SIZES = ("odata.maxpagesize", "maxpagesize")


def preferences(values: Iterable[str]) -> frozenset[str]:
    """Answer the preferences of all `Prefer` headers, in lower case, without blanks, quotes or parameters."""
    found = set()
    for value in values:
        for part in value.split(","):
            name, _, setting = part.partition(";")[0].partition("=")
            setting = setting.strip().strip('"')
            found.add(f"{name.strip()}={setting}".lower() if setting else name.strip().lower())
    return frozenset(found - {""})


def page_size(preferred: Iterable[str]) -> int | None:
    """Answer how many items a client takes at once; None when it does not say, or not in a number above 0."""
    for each in sorted(preferred):
        name, _, setting = each.partition("=")
        if name in _PAGE_SIZES and setting.isascii() and setting.isdigit() and 0 < len(setting) < 10 and int(setting):
            return int(setting)
    return None
