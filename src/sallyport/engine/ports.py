"""What a run needs from the rest of the house, named as protocols so that the engine depends on none of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sallyport.connector_call import ConnectorCall
from sallyport.http_messages import InboundResponse, OutboundRequest


class HttpPort(Protocol):
    """The guarded way out."""

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """Send a request and answer the response, whatever its status.

        Raises `EgressDenied` or `ConnectionFailed`.
        """
        ...


class ConnectorPort(Protocol):
    """The outside APIs, by connector."""

    async def call(self, call: ConnectorCall) -> InboundResponse:
        """Make a call and answer the response, whatever its status.

        Raises `SallyportError` when there is no such connector or operation, or the connection may not be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChildStart:
    """A run that another run asks for."""

    workflow: str
    trigger: str
    headers: Mapping[str, str]
    body: Any
    #: One child for each, however often it is asked for.
    event_id: str
    client_tracking_id: str


@dataclass(frozen=True, slots=True)
class StartedChild:
    """What a call of another workflow has started."""

    #: The first run; None when a condition of the trigger kept it from starting.
    run_id: str | None
    #: Whether the run's response may be waited for; if not, the call was accepted and that is all.
    answers: bool


class ChildPort(Protocol):
    """Other workflows."""

    async def start(self, child: ChildStart) -> StartedChild:
        """Start a child run and answer it, the same one when it was started before.

        Raises `NotFound` when there is no such workflow or trigger, and what refuses a call of the trigger's address.
        """
        ...

    async def answer(self, run_id: str) -> InboundResponse | None:
        """Wait for a child's response; None when it ended without one."""
        ...

    async def has_response(self, workflow: str) -> bool:
        """Answer whether a workflow holds a Response action.

        Raises `NotFound` when there is no such workflow.
        """
        ...


@dataclass(frozen=True, slots=True)
class BatchMessage:
    """One message for a workflow that gathers messages into batches."""

    workflow: str
    trigger: str
    batch_name: str
    content: Any
    message_id: str
    partition: str = "DEFAULT"
    #: The same however often the message is delivered; empty when its own id is.
    delivery_id: str = ""


class BatchPort(Protocol):
    """The batches that workflows gather."""

    async def send(self, message: BatchMessage) -> None:
        """Add a message, once however often it is delivered.

        Raises `NotFound` when there is no such workflow or batch trigger.
        """
        ...


class IdentityPort(Protocol):
    """The identities that stand in for a cloud's managed ones."""

    async def token(self, audience: str, identity: str) -> str:
        """Answer an access token for an audience; an empty `identity` means the workflow's own.

        Raises `SallyportError` when there is no such identity, or it gets no token.
        """
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside that an action may reach."""

    http: HttpPort
    connectors: ConnectorPort
    children: ChildPort
    batches: BatchPort
    #: Values that `appsetting()` may read.
    app_settings: Mapping[str, str] = field(default_factory=dict)
    #: None when no identity is configured.
    identities: IdentityPort | None = None
