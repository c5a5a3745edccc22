"""Who is calling, as every surface sees it: the bearer check makes one, the handlers ask it for permissions.

The rule: a handler names the permissions that allow a call and never looks at a token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sallyport import errors


@dataclass(frozen=True, slots=True)
class Principal:
    """An application, alone or on behalf of a user, whose token was found valid."""

    app_id: str
    #: None when the application calls in its own name.
    user_id: str | None
    #: What people call it: the user's sign-in name, or the application's display name.
    name: str
    tenant_id: str
    #: Application permissions, such as `SecurityEvents.Read.All`.
    roles: frozenset[str] = frozenset()
    #: Delegated permissions, such as `SecurityEvents.ReadWrite.All`.
    scopes: frozenset[str] = frozenset()

    def allows(self, *permissions: str) -> bool:
        """Answer whether one of the named permissions was granted, to the application or through the user."""
        return not self.roles.isdisjoint(permissions) or not self.scopes.isdisjoint(permissions)


class MissingPermission(errors.Forbidden):
    """Raised when none of the permissions that a call accepts was granted to the caller."""

    def __init__(self, principal: Principal, permissions: tuple[str, ...]) -> None:
        super().__init__("Auth token does not contain valid permissions or user does not have valid roles")
        self.principal = principal
        self.permissions = permissions


def require(principal: Principal, *permissions: str) -> None:
    """Raise MissingPermission unless the caller holds at least one of the named permissions."""
    if not principal.allows(*permissions):
        raise MissingPermission(principal, permissions)


def of(scope: Mapping[str, Any]) -> Principal:
    """Answer the caller that the bearer check put beside a request; raises `Unauthenticated` with its reason.

    `scope` is the ASGI scope: in Starlette, `request.scope`.
    """
    found = scope.get("state", {}).get("principal")
    if isinstance(found, Principal):
        return found
    raise found if isinstance(found, errors.Unauthenticated) else errors.Unauthenticated("Access token is empty.")
