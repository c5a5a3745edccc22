"""A call of the outside as an action states it, whatever will carry it, and the headers that say who is calling."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sallyport.actions import inputs as read
from sallyport.engine.limits import Limits
from sallyport.engine.ports import Ports
from sallyport.engine.workflow import Connection
from sallyport.http_messages import Headers, InboundResponse


@dataclass(frozen=True, slots=True)
class Request:
    """A call; `address` is a URL or a connector's path."""

    method: str
    address: str
    queries: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    #: Tells a request from the first one of its action or look, of which it is no repeat.
    part: str = ""


class Caller(Protocol):
    """Whoever calls the outside: an action of a run, or a trigger."""

    @property
    def limits(self) -> Limits:
        """The limits that are kept."""
        ...

    @property
    def ports(self) -> Ports:
        """The ways to the outside."""
        ...

    @property
    def tracking_id(self) -> str:
        """The same for every attempt of one call."""
        ...

    @property
    def client_tracking_id(self) -> str:
        """What correlates the call with whoever caused it."""
        ...

    @property
    def workflow_headers(self) -> dict[str, str]:
        """The headers that tell the other side who is calling."""
        ...

    def now(self) -> datetime:
        """Answer the present moment, in UTC."""
        ...

    def option(self, name: str) -> bool:
        """Answer whether an operation option is given."""
        ...

    def connection(self, connection_id: str) -> Connection:
        """Answer the connection that an evaluated `host.connection.name` means."""
        ...


#: Sends a request and answers the response, whatever its status; raises ConnectionFailed when none came.
Send = Callable[[Request], Awaitable[InboundResponse]]


def stated(inputs: Any, address: str, default_method: str = "") -> Request:
    """Answer the call that inputs state; `address` names the member that says where to."""
    return Request(
        (read.text(inputs, "method", default_method) or read.text(inputs, "method")).upper(),
        read.text(inputs, address),
        read.entries(inputs, "queries"),
        read.texts(inputs, "headers"),
        read.member(inputs, "body"),
    )


def signed(ctx: Caller, headers: Mapping[str, str], part: str = "") -> Headers:
    """Answer the author's headers, and those that tell the other side who is calling and what is a repeat."""
    found = Headers(headers)
    ours = {} if ctx.option("SuppressWorkflowHeaders") else dict(ctx.workflow_headers)
    ours["Idempotency-Key"] = f"{ctx.tracking_id}-{part}" if part else ctx.tracking_id
    ours["x-ms-client-tracking-id"] = ctx.client_tracking_id
    for name, value in ours.items():
        found = found.with_default(name, value)
    return found
