"""The signed addresses: somebody posts to a trigger, or reports to a waiting action.

The rule: a wrong signature and a missing workflow are answered alike, and nothing is acknowledged before its commit.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import quote

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sallyport.actions import http_content
from sallyport.engine.engine import Engine
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import Conflict, NotFound, SallyportError
from sallyport.management import errors, later_responses
from sallyport.triggers import request as request_trigger
from sallyport.web import bodies, segments, signed_urls
from sallyport.web.segments import SegmentRoute

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
#: Headers that are the connection's own, tell of an encoding that was taken off, or hold what must not be stored.
_LEFT_OUT = frozenset(
    [
        *("connection", "keep-alive", "transfer-encoding", "upgrade", "te", "content-encoding"),
        *("authorization", "cookie"),
    ]
)
#: What the signature of an address adds to its query.
_SIGNED = frozenset({"api-version", "sp", "sv", "sig", "se"})
#: How many parts of a path stand before what a trigger's `relativePath` describes.
_BEFORE_RELATIVE = "/workflows/{workflow}/triggers/{trigger}/paths/invoke/".count("/")
#: A query this short is remembered when it was read: whoever calls an address calls it again.
_SHORT_QUERY = 512


class AlreadyReported(Conflict):
    """Raised when an action that waits for one report has had it."""

    code = "CallbackAlreadyReceived"


class ReportedTooLate(SallyportError):
    """Raised when an action waits no more for the report that it never had: it timed out, or its run was ended."""

    code = "CallbackExpired"
    status = 410


class Callbacks:
    """The handlers of signed addresses."""

    def __init__(self, engine: Engine, body_limit_bytes: int) -> None:
        self._engine = engine
        self._limit = body_limit_bytes

    async def invoke(self, request: Request) -> Response:
        """Start a run by a trigger's address."""
        trigger_name = request.path_params["trigger"]
        workflow = await self._workflow(request, signed_urls.trigger_permission(trigger_name))
        trigger = request_trigger.callable_trigger(workflow, trigger_name)
        outputs = await self._outputs(request)
        _match_relative_path(trigger.raw.get("inputs"), request, outputs)
        await request_trigger.check_schema(trigger, outputs.get("body"))
        tracking = request.headers.get("x-ms-client-tracking-id")
        accepted, answer = await request_trigger.fire(
            self._engine,
            workflow,
            trigger.name,
            outputs,
            client_tracking_id=tracking or "",
            event_id=request.headers.get("idempotency-key"),
        )
        suppressed = "suppressworkflowheadersonresponse" in trigger.operation_options
        shown = {} if suppressed else _run_headers(workflow, accepted.run_id, tracking)
        if answer is not None:
            return later_responses.answered(answer, shown)
        if accepted.later and accepted.run_id is not None:
            return later_responses.accepted(request, workflow, accepted.run_id, shown)
        if accepted.run_id is not None:
            run = quote(f"{workflow.resource_id}/runs/{accepted.run_id}", safe="/()")
            shown["Location"] = f"{request.url.scheme}://{request.url.netloc}{run}"
        return Response(status_code=202, headers=shown)

    async def response(self, request: Request) -> Response:
        """Answer the response of a run whose caller was told to look for it, or that there is none yet."""
        run_id = request.path_params["run"]
        workflow = await self._workflow(request, signed_urls.response_permission(run_id))
        return await later_responses.looked_for(request, self._engine, workflow, run_id)

    async def report(self, request: Request) -> Response:
        """Hand a request to an action that waits for it; the first one counts."""
        run_id, action = request.path_params["run"], request.path_params["action"]
        repetition = request.path_params["repetition"].removeprefix("-")
        permission = signed_urls.action_permission(run_id, action, repetition)
        await self._workflow(request, permission)
        if not await self._engine.report(run_id, action, repetition, await self._outputs(request)):
            if await self._engine.was_reported(run_id, action, repetition):
                raise AlreadyReported(f"The action '{action}' of run '{run_id}' has its answer.")
            raise ReportedTooLate(f"The action '{action}' of run '{run_id}' waits no more.")
        return Response(status_code=200)

    async def _workflow(self, request: Request, permission: str) -> DeployedWorkflow:
        try:
            workflow = await self._engine.library.current(request.path_params["workflow"])
        except NotFound:
            raise signed_urls.SignatureRefused from None
        signed_urls.check(workflow.access_key, permission, _query(request), self._engine.clock.now())
        return workflow

    async def _outputs(self, request: Request) -> dict[str, Any]:
        """Answer a request as `triggerOutputs()` shows it."""
        raw = await bodies.read_bytes(request, self._limit)
        headers = {name: value for name, value in request.headers.items() if name not in _LEFT_OUT}
        outputs: dict[str, Any] = {"headers": _titled(headers)}
        if raw:
            outputs["body"] = http_content.decode(request.headers.get("content-type", ""), raw)
        queries = {key: value for key, value in _query(request).items() if key not in _SIGNED}
        if queries:
            outputs["queries"] = queries
        return outputs


def routes(engine: Engine, body_limit_bytes: int) -> list[Route]:
    """Answer the routes of signed addresses."""
    callbacks = Callbacks(engine, body_limit_bytes)
    return [
        _invoking("/workflows/{workflow}/triggers/{trigger}/paths/invoke", callbacks),
        _invoking("/workflows/{workflow}/triggers/{trigger}/paths/invoke/{relative:path}", callbacks),
        SegmentRoute("/workflows/{workflow}/runs/{run}/response", errors.Drawn(callbacks.response), methods=["GET"]),
        SegmentRoute(
            "/workflows/{workflow}/runs/{run}/actions/{action}/callback/{repetition}",
            errors.Drawn(callbacks.report),
            methods=["POST", "PUT"],
        ),
    ]


def _invoking(path: str, callbacks: Callbacks) -> Route:
    route = SegmentRoute(path, errors.Drawn(callbacks.invoke), methods=_METHODS)
    # Whoever looks whether an address leads anywhere, as programs that preview links do, starts nothing.
    route.methods = set(_METHODS)
    return route


def _run_headers(workflow: DeployedWorkflow, run_id: str | None, tracking: str | None) -> dict[str, str]:
    headers = {
        "x-ms-workflow-id": workflow.id,
        # A header holds no letters beyond ASCII.
        "x-ms-workflow-name": quote(workflow.name, safe="()"),
        "x-ms-workflow-version": str(workflow.version),
    }
    if run_id is not None:
        headers["x-ms-workflow-run-id"] = run_id
        headers["x-ms-client-tracking-id"] = tracking or run_id
    return headers


def _match_relative_path(inputs: Any, request: Request, outputs: dict[str, Any]) -> None:
    """Hold a request against the trigger's `method` and `relativePath`; what the path names goes into the outputs."""
    stated = inputs if isinstance(inputs, dict) else {}
    method = stated.get("method")
    if isinstance(method, str) and method and method.upper() != request.method:
        raise request_trigger.TriggerNotFound(f"The trigger takes {method.upper()}, not {request.method}.")
    pattern = stated.get("relativePath")
    if not isinstance(pattern, str) or not pattern.strip("/"):
        return
    expected, given = pattern.strip("/").split("/"), _relative(request)
    if len(expected) != len(given):
        raise request_trigger.TriggerNotFound(f"The trigger's path is '{pattern}'.")
    parameters = {}
    for part, value in zip(expected, given, strict=True):
        if part.startswith("{") and part.endswith("}"):
            parameters[part[1:-1]] = value
        elif part.casefold() != value.casefold():
            raise request_trigger.TriggerNotFound(f"The trigger's path is '{pattern}'.")
    outputs["relativePathParameters"] = parameters


def _relative(request: Request) -> list[str]:
    """Answer the parts of what follows the address of a trigger."""
    parts = segments.of(request.scope)[_BEFORE_RELATIVE:]
    while parts and not parts[-1]:
        parts.pop()
    while parts and not parts[0]:
        parts.pop(0)
    return parts or [""]


def _titled(headers: dict[str, str]) -> dict[str, str]:
    """Answer headers as the service shows them: `Content-Type`, but `x-ms-...` as it is."""
    return {name if name.startswith("x-") else name.title(): value for name, value in headers.items()}


def _query(request: Request) -> QueryParams:
    raw: bytes = request.scope["query_string"]
    return _remembered_query(raw) if len(raw) <= _SHORT_QUERY else QueryParams(raw)


@lru_cache(maxsize=1024)
def _remembered_query(raw: bytes) -> QueryParams:
    return QueryParams(raw)
