"""The directory roles of users, and what each of them may do: the table that delegated tokens are cut down by.

The rule: an application that acts for a user may do what the user granted *and* the user's own roles allow, never more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sallyport import errors
from sallyport.auth.permissions import PERMISSIONS


@dataclass(frozen=True, slots=True)
class Role:
    """One directory role."""

    #: The id of the role's template, which tokens carry in `wids`.
    id: str
    summary: str
    #: Permissions by name.
    allows: frozenset[str]


_READ = frozenset(
    {
        *("SecurityEvents.Read.All", "SecurityAlert.Read.All", "SecurityIncident.Read.All"),
        *("ThreatIndicators.Read.All", "LogicApps.Read.All"),
    }
)
_OPERATE = _READ | {"SecurityEvents.ReadWrite.All", "SecurityAlert.ReadWrite.All", "SecurityIncident.ReadWrite.All"}

#: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference
ROLES: Mapping[str, Role] = {
    "Security Reader": Role(
        "5d6b6bb7-de71-4623-b4af-96380a352509", "Read alerts, incidents, indicators and workflows.", _READ
    ),
    "Security Operator": Role(
        "5f2222b1-57c3-48ba-8ad5-d4759f1fde6f", "Read all that, and work on alerts and incidents.", _OPERATE
    ),
    "Security Administrator": Role(
        "194ae4cb-b126-40b2-bd5b-6091b380977d",
        "Do all that, bring alerts, and keep indicators.",
        _OPERATE | {"ThreatIndicators.ReadWrite.OwnedBy", "Sallyport.Ingest"},
    ),
    "Logic App Contributor": Role(
        "87a39d53-fc1b-424a-814c-f7e04687dc9e",
        "Read and change workflows and their connections.",
        frozenset({"LogicApps.Read.All", "LogicApps.ReadWrite.All"}),
    ),
    "Global Administrator": Role(
        "62e90394-69f5-4237-9190-012177145e10", "Do everything, and consent for the tenant.", frozenset(PERMISSIONS)
    ),
}
#: Who may consent to what applications ask for.
ADMINISTRATOR = "Global Administrator"
#: The one delegated permission of the management API, as Azure names it.
USER_IMPERSONATION = "user_impersonation"

_BY_ID: Mapping[str, Role] = {role.id: role for role in ROLES.values()}


class UnknownRole(errors.BadRequest):
    """Raised when a role is named that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no role '{name}'. There are: {', '.join(ROLES)}.")
        self.name = name


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Answer roles in their own casing, each once; raises `UnknownRole`."""
    by_lower = {name.lower(): name for name in ROLES}
    found: dict[str, None] = {}
    for name in names:
        known = by_lower.get(" ".join(name.split()).lower())
        if known is None:
            raise UnknownRole(name)
        found[known] = None
    return tuple(found)


def ids(names: Iterable[str]) -> list[str]:
    """Answer the ids of roles, as `wids` holds them."""
    return [ROLES[name].id for name in names if name in ROLES]


def effective(scopes: Iterable[str], wids: Iterable[str]) -> frozenset[str]:
    """Answer what a delegated token allows: its scopes and what they imply, where the user's roles allow the same."""
    allowed = frozenset().union(*(_BY_ID[each].allows for each in wids if each in _BY_ID))
    return frozenset(implied for scope in scopes for implied in _implied(scope)) & allowed


def _implied(scope: str) -> Iterable[str]:
    """Answer a scope and the weaker ones that it contains."""
    if scope == USER_IMPERSONATION:
        return "LogicApps.Read.All", "LogicApps.ReadWrite.All"
    weaker = scope.replace(".ReadWrite.", ".Read.") if scope.endswith(".ReadWrite.All") else scope
    return scope, weaker
