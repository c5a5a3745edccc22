"""Runs and their actions: list, read with everything, cancel, and the contents behind signed links."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sallyport.engine import entries
from sallyport.engine.engine import Engine
from sallyport.engine.outcome import EndsRun
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import Conflict, NotFound
from sallyport.management import errors, filters, shapes
from sallyport.management.call import READ, WRITE, Call, Deps, answer, page, page_of_named, route
from sallyport.management.shapes import Recorded
from sallyport.management.workflows import WORKFLOW
from sallyport.statuses import Status
from sallyport.store import contents, documents, history, runs, schema, trigger_histories
from sallyport.store.history import Entry
from sallyport.wdl.definition import Definition
from sallyport.web import signed_urls
from sallyport.web.segments import SegmentRoute

RUN = WORKFLOW + "/runs/{run}"
ACTION = RUN + "/actions/{action}"


class ActionNotFound(NotFound):
    """Raised when a run has no such action, or no such repetition of it."""

    code = "WorkflowRunActionNotFound"


class RunHasEnded(Conflict):
    """Raised when a run that has ended is cancelled."""

    code = "WorkflowRunHasEnded"


async def listed(call: Call) -> Response:
    """Answer a workflow's runs, the newest first."""
    workflow = await call.workflow()
    top, place, wanted = call.number("$top", 30, 1000), call.place(), filters.wanted(call, by_client=True)

    def read(connection: Connection) -> list[runs.Run]:
        chosen = partial(runs.listed, connection, workflow.id, status=wanted.status, started=wanted.started)
        return chosen(tracked=wanted.tracked, before=place.before, limit=top, skip=place.skip)

    rows = await call.engine.database.query(read)
    return page_of_named(call, [shapes.run(row, workflow, call.links()) for row in rows], top=top)


async def get(call: Call) -> Response:
    """Answer a run; with `$expand=properties/actions,workflow/properties` also its actions and its definition."""
    workflow, row = await _run(call)
    shown = shapes.run(row, workflow, call.links())
    if "properties/actions" in call.request.query_params.get("$expand", ""):
        pinned = await call.engine.library.at_version(row.workflow_id, row.version)
        found = await _latest(call, workflow, row, _outside_of_loops)
        shown["properties"]["actions"] = {
            name: shapes.action(each, workflow, row, call.links())["properties"] for (name, _), each in found.items()
        }
        shown["properties"]["workflow"]["properties"] = shapes.workflow(pinned, call.origin())["properties"]
    return answer(shown)


async def cancel(call: Call) -> Response:
    """End a run as cancelled; answered when that is committed."""
    _, row = await _run(call)
    if not await call.engine.end(row.id, EndsRun(Status.CANCELLED, "WorkflowRunCancelled", "The run was cancelled.")):
        raise RunHasEnded(f"The run '{row.id}' has ended with status '{row.status}' and cannot be cancelled.")
    return Response(status_code=200)


async def actions(call: Call) -> Response:
    """Answer the actions of a run outside of repetitions."""
    workflow, row = await _run(call)
    found = await _latest(call, workflow, row, _outside_of_loops)
    return _paged(call, workflow, row, list(found.values()))


async def action(call: Call) -> Response:
    """Answer one action of a run."""
    workflow, row = await _run(call)
    name = call.name("action")
    found = _one(await _latest(call, workflow, row, _outside_of_loops), workflow, name, "")
    return answer(shapes.action(found, workflow, row, call.links()))


async def repetitions(call: Call) -> Response:
    """Answer the repetitions of an action inside loops."""
    workflow, row = await _run(call)
    name = call.name("action")
    latest = await _latest(call, workflow, row, _inside_of_loops)
    return _paged(call, workflow, row, [each for each in _of(latest, workflow, name) if not each.record.iteration])


async def iterations(call: Call) -> Response:
    """Answer the iterations of a loop."""
    workflow, row = await _run(call)
    name = call.name("action")
    latest = await _latest(call, workflow, row, _inside_of_loops)
    return _paged(call, workflow, row, [each for each in _of(latest, workflow, name) if each.record.iteration])


async def repetition(call: Call) -> Response:
    """Answer one repetition of an action, or one iteration of a loop."""
    workflow, row = await _run(call)
    place = call.name("repetition")
    found = _one(await _latest(call, workflow, row, lambda each: each == place), workflow, call.name("action"), place)
    return answer(shapes.action(found, workflow, row, call.links()))


class Contents:
    """Contents of runs, read without a token by whoever holds a signed address."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def read(self, request: Request) -> Response:
        """Answer recorded inputs or outputs as they are."""
        path = request.path_params
        repetition = path["repetition"].removeprefix("-")
        permission = signed_urls.content_permission(path["run"], path["action"], repetition, path["part"])
        try:
            workflow = await self._engine.library.current(path["workflow"])
        except NotFound:
            raise signed_urls.SignatureRefused from None
        signed_urls.check(workflow.access_key, permission, request.query_params, self._engine.clock.now())
        body = await self._body(path["run"], path["action"], repetition, path["part"])
        if body is None:
            return Response(status_code=204)
        headers = {"Access-Control-Allow-Origin": "*", "Cache-Control": "no-store"}
        return Response(body, 200, headers, media_type="application/json")

    async def _body(self, run_id: str, action: str, repetition: str, part: str) -> bytes | None:
        """Answer a content as it is stored, None when there is none or it is secured."""

        def read(connection: Connection) -> bytes | None:
            if action == shapes.OF_TRIGGER:
                return _stored(connection, trigger_histories.document(connection, run_id), part)
            row = runs.get(connection, run_id)
            entry = history.latest(connection, row.id, (action, repetition))
            if entry is None:
                raise ActionNotFound(f"The run has no action '{action}' in repetition '{repetition}'.")
            return _stored(connection, entry.document, part)

        return await self._engine.database.read(read)


def routes(deps: Deps) -> list[Route]:
    """Answer the routes of runs."""
    contents = Contents(deps.engine)
    return [
        route(deps, "GET", WORKFLOW + "/runs", READ, listed),
        route(deps, "GET", RUN, READ, get),
        route(deps, "POST", RUN + "/cancel", WRITE, cancel),
        route(deps, "GET", RUN + "/actions", READ, actions),
        route(deps, "GET", ACTION, READ, action),
        route(deps, "GET", ACTION + "/repetitions", READ, repetitions),
        route(deps, "GET", ACTION + "/repetitions/{repetition}", READ, repetition),
        route(deps, "GET", ACTION + "/scopeRepetitions", READ, iterations),
        route(deps, "GET", ACTION + "/scopeRepetitions/{repetition}", READ, repetition),
        SegmentRoute(
            "/workflows/{workflow}/runs/{run}/contents/{action}/{repetition}/{part}", errors.Drawn(contents.read)
        ),
    ]


Latest = dict[tuple[str, str], Recorded]
#: Says of a repetition whether it is asked for.
Wanted = Callable[[str], bool]


async def _run(call: Call) -> tuple[DeployedWorkflow, runs.Run]:
    workflow = await call.workflow()
    # Clients keep ids in lower case.
    name = call.name("run").upper()
    row = await call.engine.database.read(lambda connection: runs.get(connection, name))
    if row.workflow_id != workflow.id:
        raise runs.RunNotFound(f"The workflow run '{row.id}' could not be found.")
    if row.version == workflow.version:
        return workflow, row
    # Which loops are around an action is said by the version that the run followed.
    followed = await call.engine.library.at_version(row.workflow_id, row.version)
    return replace(workflow, definition=followed.definition, _facts={}), row


async def _latest(call: Call, workflow: DeployedWorkflow, row: runs.Run, wanted: Wanted) -> Latest:
    """Answer the latest entries of a run's actions in the wanted repetitions; large contents stay where they are."""
    return await call.engine.database.read(
        lambda connection: _by_key(history.read(connection, row.id), wanted, workflow.definition)
    )


def _by_key(found: Iterable[Entry], wanted: Wanted, definition: Definition) -> Latest:
    """Answer the latest entry of each action and repetition, in the order in which they were first recorded."""
    latest: dict[tuple[str, str], Entry] = {}
    begun: set[tuple[str, str]] = set()
    for entry in found:
        if wanted(entry.repetition):
            latest[entry.name, entry.repetition] = entry
        if entry.repetition:
            begun.add((_loop(entry, definition), entry.repetition))
    counted = Counter((name, repetition.rpartition("-")[0]) for name, repetition in begun)
    reader = entries.Reader(None, None)
    return {key: Recorded(entry, reader.record(entry), counted[key]) for key, entry in latest.items()}


def _loop(entry: Entry, definition: Definition) -> str:
    """Answer the loop whose iteration an entry tells of, or belongs to."""
    return entry.name if "iteration" in entry.document else definition.actions[entry.name].loops[-1]


def _outside_of_loops(repetition: str) -> bool:
    return not repetition


def _inside_of_loops(repetition: str) -> bool:
    return bool(repetition)


def _stored(connection: Connection, document: Mapping[str, Any], part: str) -> bytes | None:
    content = document.get(part)
    if isinstance(content, dict) and "same" in content:
        content = document["inputs"]
    if not isinstance(content, dict) or "sealed" in content:
        return None
    if "digest" in content:
        return contents.get(connection, [content["digest"]]).get(content["digest"])
    return documents.dumps(content.get("value"))


def _of(latest: Latest, workflow: DeployedWorkflow, name: str) -> list[Recorded]:
    """Answer what is known of one action, whose name may come in any letter case.

    Raises ActionNotFound when the workflow has none of that name.
    """
    folded = name.casefold()
    if folded not in (each.casefold() for each in workflow.definition.actions):
        raise ActionNotFound(f"The workflow has no action '{name}'.")
    return [each for (known, _), each in latest.items() if known.casefold() == folded]


def _one(latest: Latest, workflow: DeployedWorkflow, name: str, repetition: str) -> Recorded:
    known = _of(latest, workflow, name)
    found = next((each for each in known if each.record.repetition == repetition), None)
    if found is not None:
        return found
    if repetition:
        raise ActionNotFound(f"The run has no action '{name}' in repetition '{repetition}'.")
    if workflow.action(name).loops:
        raise ActionNotFound(f"The action '{name}' is in a loop: it is found by its 'repetitions'.")
    raise ActionNotFound(f"The run has not come to the action '{name}'.")


def _paged(call: Call, workflow: DeployedWorkflow, row: runs.Run, found: list[Recorded]) -> Response:
    top, skip = call.number("$top", 1000, 10_000), call.number("$skiptoken", 0, 10**9)
    wanted = filters.wanted(call)
    records = ((each, each.record) for each in found)
    kept = [each for each, record in records if wanted.selects(record.status.value, schema.instant(record.started_at))]
    shown = [shapes.action(each, workflow, row, call.links()) for each in kept[skip : skip + top]]
    return page(call, shown, top=top, skip=skip)
