"""What applications may ask for in a user's name, and what each permission means to whoever is asked.

The rule: a scope is one of the table's permissions, a word of OpenID Connect, or `/.default`, which is all that was
granted; what we do not know is granted to nobody and asked of nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sallyport.auth import tokens
from sallyport.auth.permissions import PERMISSIONS, UnknownPermission
from sallyport.auth.roles import USER_IMPERSONATION

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
DEFAULT = "/.default"
_MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
_BY_LOWER: Mapping[str, str] = {name.lower(): name for name in (*PERMISSIONS, USER_IMPERSONATION)}

#: What a permission lets an application do, as a consent page says it.
SUMMARIES: Mapping[str, str] = {
    "SecurityEvents.Read.All": "Read the security alerts of your organisation.",
    "SecurityEvents.ReadWrite.All": "Read and change the security alerts of your organisation, and be told of changes.",
    "ThreatIndicators.ReadWrite.OwnedBy": "Keep the threat indicators that this application brings.",
    "ThreatIndicators.Read.All": "Read all threat indicators.",
    "SecurityAlert.Read.All": "Read all alerts, in their newer shape.",
    "SecurityAlert.ReadWrite.All": "Read and change all alerts, in their newer shape.",
    "SecurityIncident.Read.All": "Read all incidents.",
    "SecurityIncident.ReadWrite.All": "Read and change all incidents.",
    "Sallyport.Administer": "See everybody's subscriptions, and mend notifications that nobody took.",
    "Sallyport.Ingest": "Bring alerts, and do nothing else.",
    "Sallyport.Metrics": "Read the metrics of the server.",
    "LogicApps.Read.All": "Read workflows and their runs.",
    "LogicApps.ReadWrite.All": "Read, change and run workflows.",
    USER_IMPERSONATION: "Work on workflows in the name of whoever signs in.",
}


def requested(scope: str) -> tuple[str, ...]:
    """Answer the permissions that a `scope` names, without the words of OpenID Connect and without `/.default`."""
    found: dict[str, None] = {}
    for part in scope.split():
        name = part.rpartition("/")[2] if "://" in part else part
        known = _BY_LOWER.get(name.lower())
        if known is not None:
            found[known] = None
    return tuple(found)


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Answer delegated permissions in their own casing, each once; raises `UnknownPermission`."""
    found: dict[str, None] = {}
    for name in names:
        known = _BY_LOWER.get(name.strip().lower())
        if known is None:
            raise UnknownPermission(name)
        found[known] = None
    return tuple(found)


def audience(scope: str) -> str:
    """Answer which of our two resources a `scope` means."""
    for part in scope.split():
        if part.lower().startswith(_MANAGEMENT):
            return tokens.MANAGEMENT
    return tokens.GRAPH


def granted(scope: str, consented: Iterable[str]) -> tuple[str, ...]:
    """Answer the permissions that a token holds: those asked for that were granted, all of them for `/.default`."""
    asked, allowed = requested(scope), tuple(consented)
    return tuple(each for each in allowed if each in asked) if asked else allowed


def missing(scope: str, consented: Iterable[str]) -> tuple[str, ...]:
    """Answer the permissions that are asked for and were not granted."""
    allowed = frozenset(consented)
    return tuple(each for each in requested(scope) if each not in allowed)


def told(scope: str, resource: str, held: Iterable[str]) -> str:
    """Answer the permissions of a token in the words of the client that asked, which keeps it under these words."""
    asked = scope.split()
    written = {part.rpartition("/")[2].lower(): part for part in asked}
    names = [written.get(name.lower(), f"{resource}/{name}") for name in held]
    return " ".join([*names, *(part for part in asked if part.lower().endswith(DEFAULT))])
