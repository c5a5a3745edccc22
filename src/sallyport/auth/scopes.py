"""What applications may ask for in a user's name, and what each permission means to whoever is asked.

The rule: a scope is one of the table's permissions, one that another application offers, a word of OpenID Connect, or
`/.default`, which is all that was granted on a resource.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from sallyport.auth.permissions import PERMISSIONS, UnknownPermission
from sallyport.auth.roles import USER_IMPERSONATION

OPENID = frozenset({"openid", "profile", "email", "offline_access"})
DEFAULT = "/.default"
#: Names of the management API; what follows them does not count.
MANAGEMENT = ("https://management.azure.com", "https://management.core.windows.net")
#: What lets somebody sign in, and an application read who it is; `User.Read` is Graph's word for that.
SIGN_IN = OPENID | {"user.read", "https://graph.microsoft.com/user.read"}
_GRAPH_ID = "00000003-0000-0000-c000-000000000000"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
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


def parted(part: str) -> tuple[str, str]:
    """Answer the resource and the name of one scope; the resource is empty where only a name is said."""
    resource, _, name = part.rpartition("/")
    return resource.rstrip("/"), name


def application_id(resource: str) -> str:
    """Answer the id of the application that a resource names, `api://<id>` or the id alone; empty for any other."""
    plain = resource.removeprefix("api://").lower()
    return plain if _GUID.match(plain) and plain != _GRAPH_ID else ""


def is_everything(part: str) -> bool:
    """Answer whether a scope is `/.default`: all that was granted."""
    return part.lower().endswith(DEFAULT) or part.lower() == DEFAULT.lstrip("/")


def requested(scope: str) -> tuple[str, ...]:
    """Answer the permissions that a `scope` names, without the words of OpenID Connect and without `/.default`.

    Those that another application offers are named with it, `api://<id>/<name>`.
    """
    found: dict[str, None] = {}
    for part in scope.split():
        resource, name = parted(part)
        of_application = application_id(resource)
        known = f"api://{of_application}/{name}" if of_application else _BY_LOWER.get(name.lower())
        if known is not None and not is_everything(part):
            found[known] = None
    return tuple(found)


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Answer delegated permissions in their own casing, each once; raises `UnknownPermission`."""
    found: dict[str, None] = {}
    for name in names:
        resource, _ = parted(name.strip())
        known = requested(name.strip()) if application_id(resource) or "/" not in name else ()
        if not known:
            raise UnknownPermission(name)
        found[known[0]] = None
    return tuple(found)


def names_something(scope: str) -> bool:
    """Answer whether a `scope` says more than that somebody signs in."""
    return any(part.lower() not in SIGN_IN for part in scope.split())


def granted(scope: str, consented: Iterable[str]) -> tuple[str, ...]:
    """Answer the permissions that a token holds: those asked for that were granted.

    All that were granted on a resource for its `/.default`, and for a `scope` that says nothing at all.
    """
    asked, allowed = requested(scope), tuple(consented)
    everything = [parted(part)[0] for part in scope.split() if is_everything(part)] if scope.strip() else [""]
    if not everything:
        return tuple(each for each in allowed if each in asked)
    return tuple(each for each in allowed if application_id(parted(each)[0]) == application_id(everything[0]))


def missing(scope: str, consented: Iterable[str]) -> tuple[str, ...]:
    """Answer the permissions that are asked for and were not granted."""
    allowed = frozenset(consented)
    return tuple(each for each in requested(scope) if each not in allowed)


def consentable(scope: str, consented: Iterable[str], registered: Iterable[str]) -> tuple[str, ...]:
    """Answer the permissions that somebody must grant first: those asked for that were not.

    For `/.default`, all that the registration names on the resource, as long as nothing of it was granted.
    """
    allowed = tuple(consented)
    return missing(scope, allowed) or (() if granted(scope, allowed) else granted(scope, registered))


def claimed(scope: str, held: Iterable[str]) -> tuple[str, ...]:
    """Answer what a token says in `scp`: the permissions that it holds by their names alone, and who may be told."""
    words = (part.lower() for part in scope.split() if part.lower() in SIGN_IN - {"offline_access"})
    return tuple(dict.fromkeys((*(parted(each)[1] for each in held), *words)))


def told(scope: str, resource: str, held: Iterable[str]) -> str:
    """Answer the permissions of a token in the words of the client that asked, which keeps it under these words."""
    asked = scope.split()
    written = {parted(part)[1].lower(): part for part in asked}
    whole = ((name, parted(name)[1]) for name in held)
    names = [written.get(plain.lower(), name if plain != name else f"{resource}/{name}") for name, plain in whole]
    return " ".join([*names, *(part for part in asked if is_everything(part))])
