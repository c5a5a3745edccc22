"""Runs workflows without a server: the same engine on a temporary database, mocks for the outside, time that jumps.

The rule: nothing leaves the process, and nothing is waited for in real time.
"""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sallyport.actions import ACTIONS
from sallyport.cli import offline_history
from sallyport.cli.mocks import Call, Mock, Mocks
from sallyport.clock import ManualClock, SystemClock
from sallyport.connector_call import ConnectorCall
from sallyport.engine import entries
from sallyport.engine.action_type import ActionType
from sallyport.engine.context import ActionContext
from sallyport.engine.engine import Engine, Parts
from sallyport.engine.library import Deployment, Place
from sallyport.engine.limits import Limits
from sallyport.engine.outcome import Outcome
from sallyport.engine.ports import Ports
from sallyport.engine.start import Event
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import BadRequest
from sallyport.http_messages import InboundResponse, OutboundRequest
from sallyport.store import runs, schema, tables
from sallyport.store.database import Database, sqlite_url
from sallyport.store.sealing import Sealer
from sallyport.triggers import split
from sallyport.triggers.batch import Batches
from sallyport.triggers.children import Children
from sallyport.triggers.firing import TriggerScope, most_items
from sallyport.wdl.definition import Trigger

_PLACE = Place("00000000-0000-0000-0000-000000000000", "sallyport", "local")
_LIMITS = Limits()


class NotFired(BadRequest):
    """Raised when the trigger that should start a run does not."""

    code = "TriggerDidNotFire"


@dataclass(slots=True)
class Outside:
    """Everything outside, answered from mocks."""

    mocks: Mocks
    #: Which action is calling, and where its callback address leads.
    caller: ContextVar[str] = field(default_factory=lambda: ContextVar("caller", default=""))
    #: Reports a callback to a waiting action of the run that is calling.
    report: Callable[[str, Mapping[str, Any]], Awaitable[None]] | None = None
    _reports: set[asyncio.Task[None]] = field(default_factory=set)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        """Answer an HTTP request; raises NoMock."""
        path = urlsplit(request.url).path
        call = Call(self.caller.get(), request.method, path=path, url=request.url)
        return self._answer(call, request.url)

    async def call(self, call: ConnectorCall) -> InboundResponse:
        """Answer a connector's call; raises NoMock."""
        return self._answer(Call(self.caller.get(), call.method, call.api, call.path), call.path)

    def _answer(self, call: Call, url: str) -> InboundResponse:
        mock = self.mocks.find(call)
        if mock.callback is not None and self.report is not None:
            self._report_later(mock, call)
        return mock.take().response(url)

    def _report_later(self, mock: Mock, call: Call) -> None:
        async def report() -> None:
            assert self.report is not None
            assert mock.callback is not None
            await self.report(call.action, mock.callback)

        task = asyncio.get_running_loop().create_task(report())
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    def marked(self, action_type: ActionType) -> ActionType:
        """Answer an action type whose calls of the outside say which action makes them."""
        handler = action_type.handler

        async def marking(inputs: Any, ctx: ActionContext) -> Outcome:
            self.caller.set(ctx.action.name)
            return await handler(inputs, ctx)

        return replace(action_type, handler=marking)


class Offline:
    """An engine without an outside."""

    def __init__(self, engine: Engine, clock: ManualClock, outside: Outside) -> None:
        self._engine = engine
        self._clock = clock
        self.outside = outside

    async def deploy(self, name: str, body: Mapping[str, Any]) -> DeployedWorkflow:
        """Store a workflow, given as a server would be given it."""
        properties = body["properties"]
        values = {key: each["value"] for key, each in properties["parameters"].items()}
        connections = values.pop("$connections", {})
        deployment = Deployment(name, properties["definition"], values, connections, kind=body.get("kind"))
        return await self._engine.library.save(deployment)

    async def named(self, name: str) -> DeployedWorkflow:
        """Answer a workflow that was stored; raises WorkflowNotFound."""
        return await self._engine.library.named(name)

    async def run(self, workflow: DeployedWorkflow, trigger_name: str, body: Any) -> list[dict[str, Any]]:
        """Fire a trigger with a body, wait for the end of every run that it starts, and answer them with everything.

        Raises NotFired.
        """
        trigger = workflow.definition.triggers[trigger_name]
        fired = {"name": trigger.name, "outputs": {"headers": {}, "body": body}, "code": "OK", "status": "Succeeded"}
        self._check(workflow, trigger, fired)
        outputs = split.outputs(workflow, trigger, fired, most_items(trigger, _LIMITS))
        return [await self._one(workflow, trigger.name, each) for each in outputs]

    def _check(self, workflow: DeployedWorkflow, trigger: Trigger, fired: dict[str, Any]) -> None:
        scope = TriggerScope(workflow, fired, self._clock)
        if any(condition.evaluate(scope) is not True for condition in trigger.conditions):
            raise NotFired(f"A condition of the trigger '{trigger.name}' is not met: no run was started.")

    async def _one(self, workflow: DeployedWorkflow, trigger_name: str, outputs: Any) -> dict[str, Any]:
        started = await self._engine.start(workflow, trigger_name, Event(outputs), answered=workflow.has_response)
        await started.stored
        ended = asyncio.ensure_future(self._engine.ended(started.run_id))
        while not ended.done():
            await self._jump(started.run_id, ended)
        await ended
        # A run that waited for long answers nobody any more, as on a server.
        answer = started.answer.result() if started.answer is not None and started.answer.done() else None
        return await offline_history.read(self._engine, workflow, started.run_id, answer)

    async def _jump(self, run_id: str, ended: asyncio.Future[None]) -> None:
        """Move time on to whatever comes next, once everything has come to rest."""
        before = self._clock.next_wake_at()
        await self._rest()
        if ended.done() or self._clock.next_wake_at() != before:
            return
        due = before
        if run_id not in self._engine.dispatch.active:
            # The run was put away: nothing in memory waits for it, only its row says when it goes on.
            stored = await self._engine.database.read(runs.next_wake_at)
            due = schema.moment(stored) if stored is not None else before
        if due is not None:
            await self._clock.advance(max(due - self._clock.now(), timedelta()))

    async def _rest(self) -> None:
        """Let pass whatever takes no time: what was handed to the database, and the steps that follow from it."""
        for _ in range(3):
            await self._engine.database.write(lambda _connection: None)
            await SystemClock().sleep(0.01)


@asynccontextmanager
async def opened(mocks: Mocks, app_settings: Mapping[str, str]) -> AsyncIterator[Offline]:
    """Answer an engine on a database that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="sallyport-") as folder:
        database = Database(sqlite_url(Path(folder) / "offline.db"))
        tables.create(database)
        clock, outside = ManualClock(SystemClock().now()), Outside(mocks)
        engine = _engine(database, clock, outside, app_settings)
        await engine.open()
        try:
            yield Offline(engine, clock, outside)
        finally:
            await engine.close()
            database.close()


def _engine(database: Database, clock: ManualClock, outside: Outside, app_settings: Mapping[str, str]) -> Engine:
    sealer = Sealer(secrets.token_bytes(32))
    ports = Ports(outside, outside, Children(lambda: engine), Batches(lambda: engine), app_settings)
    seal = entries.Seal(lambda plain: sealer.seal(plain, "run"), lambda text: sealer.open(text, "run"))

    def callback_url(workflow: DeployedWorkflow, run_id: str, action: str, repetition: str) -> str:
        return f"https://offline.invalid/workflows/{workflow.id}/runs/{run_id}/actions/{action}/{repetition or '-'}"

    async def report(action: str, callback: Mapping[str, Any]) -> None:
        for run_id, run in list(engine.dispatch.active.items()):
            for name, repetition in list(run.records):
                if name == action:
                    await engine.report(run_id, name, repetition, dict(callback))

    outside.report = report
    table = {name: outside.marked(action_type) for name, action_type in ACTIONS.items()}
    parts = Parts(database, clock, ports, _LIMITS, seal, _PLACE, table, "offline", callback_url)
    engine = Engine(parts)
    return engine
