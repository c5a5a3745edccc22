"""One operation of the surface: its method and path, who does it, and who may call it.

The rule: what an endpoint asks of its caller is said in the table, never in a handler; what says nothing is refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from sallyport import principal
from sallyport.principal import Principal

if TYPE_CHECKING:
    # A call knows the table of endpoints, and the table what answers a call.
    from sallyport.graph.call import Call

    Handler = Callable[[Call], Awaitable[Response]]
else:
    Handler = Callable[[Any], Awaitable[Response]]


class Access(StrEnum):
    """What a caller must bring."""

    #: A token with one of the permissions.
    PERMISSION = "permission"
    #: Any token that holds: what the call leads to is checked on its own.
    TOKEN = "token"  # noqa: S105 - no secret
    #: Nothing.
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation."""

    method: str
    #: Segments behind the root; `{version}` and names in braces match anything that fits.
    path: str
    handler: Handler
    #: One of these is needed.
    permissions: tuple[str, ...] = ()
    access: Access = Access.PERMISSION
    #: The path's segments.
    segments: tuple[str, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "segments", tuple(self.path.strip("/").split("/")))

    def admit(self, caller: Principal) -> None:
        """Raise MissingPermission unless a caller whose token holds may call this."""
        if self.access is Access.PERMISSION:
            principal.require(caller, *self.permissions)
