"""One call of the Graph surface: what the house gives it, who makes it, and how it is answered.

The rule: handlers take a `Call` and answer a response; they hold nothing between calls.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from sallyport import errors, principal
from sallyport.clock import Clock, SystemClock
from sallyport.engine.ports import HttpPort
from sallyport.graph import prefer
from sallyport.graph.alert_readers import AlertReaders
from sallyport.graph.endpoint import Endpoint
from sallyport.graph.errors import JSON
from sallyport.graph.federation import Source
from sallyport.graph.throttle import Throttle
from sallyport.odata import instants
from sallyport.principal import Principal
from sallyport.recorder import SILENT, Recorder
from sallyport.store import documents, outbox, schema
from sallyport.store.database import Database
from sallyport.web import bodies

T = TypeVar("T")

_MIB = 1024 * 1024
_OFFSET = re.compile(r"(\d\d:\d\d(?:\.\d+)?)\+(\d\d:\d\d)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one request may ask of the house."""

    body_bytes: int = 4 * _MIB
    #: One alert, in a list that is ingested.
    line_bytes: int = _MIB
    ingest_bytes: int = 1024 * _MIB
    #: Alerts of one request that may fail: each costs an answer longer than itself.
    ingest_failures: int = 1_000
    #: One answer of a trigger's poll; what is beyond comes with the next poll, at once.
    poll_bytes: int = 50 * _MIB
    subscriptions_per_tenant: int = 10_000


def _nobody() -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Deps:
    """What the surface is given by the composition root."""

    database: Database
    clock: Clock
    #: The guarded way out, for the handshake of subscriptions.
    http: HttpPort
    #: Stamped on what arrives without one.
    tenant_id: str
    #: Where clients reach the house, when that is not what their `Host` header says.
    public_url: str = ""
    limits: Limits = field(default_factory=Limits)
    #: Demand every documented property of an indicator, not only those that make it work.
    strict_indicators: bool = False
    #: Who answers lists of alerts beside the own store.
    sources: tuple[Source, ...] = ()
    #: How many requests each application may make.
    throttle: Throttle = field(default_factory=lambda: Throttle(SystemClock()))
    #: The ids of the workspaces that this server stands for, in lower case; without any it stands for all.
    workspaces: frozenset[str] = frozenset()
    #: Told when indicators were stored that stored alerts may mention.
    indicators_stored: Callable[[], None] = _nobody
    #: Who reads the alerts of large bodies.
    readers: AlertReaders = field(default_factory=lambda: AlertReaders(SystemClock()))
    recorder: Recorder = SILENT


@dataclass(frozen=True, slots=True)
class Surface:
    """The surface that a call came to."""

    #: Behind the bearer check: where the items of a batch go.
    app: ASGIApp
    endpoints: tuple[Endpoint, ...]
    #: What its OpenAPI description tells of.
    described: tuple[Endpoint, ...]


class Call:
    """One request, resolved: its version, and the names that its path gave."""

    def __init__(self, deps: Deps, request: Request, version: str, names: Mapping[str, str], surface: Surface) -> None:
        self.deps = deps
        self.request = request
        #: `v1.0` or `beta`.
        self.version = version
        self.names = names
        self.surface = surface

    @cached_property
    def principal(self) -> Principal:
        """Answer who is calling; raises Unauthenticated with the reason that the bearer check found."""
        return principal.of(self.request.scope)

    @cached_property
    def options(self) -> list[tuple[str, str]]:
        """Answer the query options as they were sent, decoded: `+` is a blank."""
        try:
            # A plus sign before the hours of an offset is meant, even where it was sent without its encoding.
            text = _OFFSET.sub(r"\1%2B\2", self.request.scope["query_string"].decode())
            found = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError as error:
            raise errors.BadRequest("The query options cannot be read.") from error
        if any("\0" in value for _, value in found):
            raise errors.BadRequest("A query option holds the character U+0000.")
        return found

    @cached_property
    def preferences(self) -> frozenset[str]:
        """Answer what the client would like."""
        return prefer.preferences(self.request.headers.getlist("prefer"))

    @property
    def base_url(self) -> str:
        """Answer where the service's versions are, without a final slash."""
        return self.deps.public_url.rstrip("/") or f"{self.request.url.scheme}://{self.request.url.netloc}"

    def at(self) -> str:
        """Answer the present moment as sortable text."""
        return instants.of_datetime(self.deps.clock.now())

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Run work that reads resources and changes them; what it has read, nobody else changes meanwhile.

        It asks `at` itself what time it is: then times rise as commits do, and whoever polls by them misses nothing.
        """

        def alone(connection: Connection) -> T:
            schema.ordered(connection, outbox.SEQUENCE)
            return work(connection)

        return await self.deps.database.write(alone)

    async def json(self, limit_bytes: int | None = None) -> Any:
        """Answer the body, read as JSON within bounds."""
        return await bodies.read_json(self.request, limit_bytes or self.deps.limits.body_bytes)


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer a JSON response of the service."""
    return Response(documents.dumps(content), status, headers, media_type=JSON)


def empty(headers: Mapping[str, str] | None = None) -> Response:
    """Answer a response that only says that it is done."""
    return Response(status_code=204, headers=headers)
