"""One call of the management surface: what it is given, how paths match, and how answers are drawn.

The rule: paths match whatever their letter case, with or without a slash at the end; `api-version` is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sallyport import principal
from sallyport.engine.engine import Engine
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.management import errors, shapes
from sallyport.store import documents, schema
from sallyport.wdl.findings import Limits
from sallyport.web.segments import SegmentRoute

#: Digits that both databases can take as a number.
NUMBER = re.compile(r"[0-9]{1,18}")

READ = ("LogicApps.Read.All", "LogicApps.ReadWrite.All")
WRITE = ("LogicApps.ReadWrite.All",)
API_VERSION = "2019-05-01"
#: What runs and firings are called, by which their lists go on.
_NAME = re.compile(r"[0-9]{29}CU[0-9]{2}")
#: How long the addresses of contents hold, up to an hour less.
_LINKS_HOLD = timedelta(hours=5)


class Triggers(Protocol):
    """The loop of triggers, as this surface needs it."""

    async def synchronise(self, workflow: DeployedWorkflow) -> None:
        """Follow a workflow that was saved, enabled, disabled, given another key, or deleted."""
        ...

    async def fire_now(self, workflow: DeployedWorkflow, trigger_name: str, body: Any = None) -> list[str]:
        """Let a trigger look, or fire with a body; answers the runs that it started."""
        ...

    async def reset(self, workflow: DeployedWorkflow, trigger_name: str) -> None:
        """Let a workflow's trigger forget what it has seen."""
        ...


@dataclass(frozen=True, slots=True)
class Deps:
    """What the surface is given by the composition root."""

    engine: Engine
    triggers: Triggers
    public_url: str
    body_limit_bytes: int
    #: What a definition may hold, to be saved.
    definition_limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    deps: Deps
    request: Request

    @property
    def engine(self) -> Engine:
        """The engine."""
        return self.deps.engine

    def name(self, part: str) -> str:
        """Answer a name from the path."""
        return str(self.request.path_params[part])

    async def workflow(self) -> DeployedWorkflow:
        """Answer the workflow that the path names; raises WorkflowNotFound."""
        return await self.engine.library.named(self.name("workflow"))

    def origin(self) -> str:
        """Answer the address under which the caller reached this house."""
        url = self.request.url
        return f"{url.scheme}://{url.netloc}"

    def links(self) -> shapes.Links:
        """Answer what makes the addresses of contents, which hold for hours: whoever finds one later reads nothing."""
        until = self.engine.clock.now() + _LINKS_HOLD
        # The same within an hour, so that a client which asks again gets the same ones.
        return shapes.Links(self.origin(), schema.instant(until.replace(minute=0, second=0, microsecond=0)))

    def number(self, option: str, default: int, most: int) -> int:
        """Answer a whole number from the query, such as `$top`; raises BadRequest."""
        given = self.request.query_params.get(option)
        if given is None:
            return default
        if NUMBER.fullmatch(given) is None or int(given) > most:
            raise BadRequest(f"The query option '{option}' is '{given}': a whole number up to {most} is expected.")
        return int(given)

    def place(self) -> Place:
        """Answer where a page begins whose list grows at its head; raises BadRequest."""
        given = self.request.query_params.get("$skiptoken", "")
        if _NAME.fullmatch(given) is not None:
            return Place(before=given)
        return Place(skip=self.number("$skiptoken", 0, 10**9))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page of runs or firings begins: behind one of them, or after so many."""

    before: str | None = None
    skip: int = 0


Handler = Callable[[Call], Awaitable[Response]]


class ResourceRoute(SegmentRoute):
    """A route whose path matches in any letter case, with or without a slash at the end."""

    def __init__(self, path: str, endpoint: Any, method: str, permissions: tuple[str, ...], handler: Handler) -> None:
        super().__init__(path, endpoint, methods=[method])
        #: One of these is needed; the documentation reads them here, and the handler's docstring.
        self.permissions = permissions
        self.handler = handler
        pattern = self.path_regex.pattern.removesuffix("$") + "/?$"
        self.path_regex = re.compile(pattern, re.IGNORECASE)


def route(deps: Deps, method: str, path: str, permissions: tuple[str, ...], handler: Handler) -> Route:
    """Answer the route of an operation, which asks for one of some permissions first."""

    async def endpoint(request: Request) -> Response:
        principal.require(principal.of(request.scope), *permissions)
        return await handler(Call(deps, request))

    return ResourceRoute(path, errors.Drawn(endpoint), method, permissions, handler)


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer a value as JSON."""
    return Response(documents.dumps(value), status, headers, media_type="application/json")


def page(call: Call, values: list[Any], *, top: int, skip: int) -> Response:
    """Answer one page of a list, with an absolute address of the next when there may be one."""
    return _page(call, values, top, str(skip + len(values)))


def page_of_named(call: Call, values: list[Any], *, top: int) -> Response:
    """Do the same for a list that grows at its head: the next page begins behind the last value, whatever comes."""
    return _page(call, values, top, values[-1]["name"] if values else "")


def _page(call: Call, values: list[Any], top: int, following: str) -> Response:
    body: dict[str, Any] = {"value": values}
    if values and len(values) >= top:
        query = {**call.request.query_params, "$skiptoken": following}
        query.setdefault("api-version", API_VERSION)
        body["nextLink"] = str(call.request.url.replace(query="").include_query_params(**query))
    return answer(body)
