"""A stage for scenarios: a real database, a real engine, and an outside that answers what the scenario says.

The outside is an ASGI application that the engine reaches through the guarded way out, like any other host.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sallyport.actions import ACTIONS
from sallyport.clock import Clock, ManualClock, SystemClock
from sallyport.connector_call import ConnectorCall
from sallyport.engine import entries, resume
from sallyport.engine.engine import Engine, Event, Parts
from sallyport.engine.journal import Journal
from sallyport.engine.library import Deployment, Place
from sallyport.engine.limits import Limits
from sallyport.engine.ports import BatchMessage, ChildStart, Ports, StartedChild
from sallyport.engine.records import Record
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import NotFound
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.store import runs, sealing, tables
from sallyport.store.database import Database, sqlite_url

PLACE = Place("5a11c0de-0000-4000-8000-000000000000", "sallyport", "local")

#: Answers a request of the engine: status, headers and body.
Reply = tuple[int, dict[str, str], Any]
Outside = Callable[[OutboundRequest], Awaitable[Reply]]


@dataclass
class Recorded:
    """The outside of a scenario: what it was asked, and what it answers, by method and address without the query."""

    replies: dict[str, list[Reply] | Reply] = field(default_factory=dict)
    requests: list[OutboundRequest] = field(default_factory=list)
    calls: list[ConnectorCall] = field(default_factory=list)

    async def send(self, request: OutboundRequest) -> InboundResponse:
        self.requests.append(request)
        return self._reply(f"{request.method} {request.url.split('?')[0]}", request.url)

    async def call(self, call: ConnectorCall) -> InboundResponse:
        self.calls.append(call)
        return self._reply(f"{call.api} {call.method.upper()} {call.path}", call.path)

    def _reply(self, key: str, url: str) -> InboundResponse:
        reply = self.replies.get(key, (200, {}, {"ok": True}))
        if isinstance(reply, list):
            reply = reply.pop(0) if len(reply) > 1 else reply[0]
        status, headers, body = reply
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        kind = {} if isinstance(body, bytes) or body is None else {"content-type": "application/json"}
        return InboundResponse(status=status, headers=Headers({**kind, **headers}), body=raw, url=url)


class NoChildren:
    """There are no other workflows."""

    async def start(self, child: ChildStart) -> StartedChild:
        raise NotFound(f"There is no workflow '{child.workflow}'.")

    async def answer(self, run_id: str) -> InboundResponse | None:
        return None

    async def has_response(self, workflow: str) -> bool:
        return False


class NoBatches:
    """There are no batch triggers."""

    async def send(self, message: BatchMessage) -> None:
        raise NotFound(f"There is no workflow '{message.workflow}'.")


class Stage:
    """An engine over a database file, which can be closed and opened again as after a crash."""

    def __init__(
        self, folder: Path, *, clock: Clock | None = None, limits: Limits | None = None, url: str | None = None
    ) -> None:
        self.folder = folder
        #: Where the database is; by default a file in the folder.
        self.url = url or sqlite_url(folder / "stage.db")
        #: The name under which this stage's engine claims runs.
        self.owner = "stage"
        self.clock: Clock = clock or SystemClock()
        self.outside = Recorded()
        self.limits = limits or Limits()
        self.sealer = sealing.Sealer(b"k" * 32)
        self.after_commit: Callable[[], None] | None = None
        self.ports = Ports(self.outside, self.outside, NoChildren(), NoBatches(), {"Region": "north"})
        self.database: Database
        self.engine: Engine

    def connect(self, url: str) -> Database:
        return Database(url)

    async def open(self) -> Stage:
        self.database = self.connect(self.url)
        tables.create(self.database)
        seal = entries.Seal(lambda plain: self.sealer.seal(plain, "run"), lambda text: self.sealer.open(text, "run"))
        parts = Parts(
            database=self.database,
            clock=self.clock,
            ports=self.ports,
            limits=self.limits,
            seal=seal,
            place=PLACE,
            action_types=ACTIONS,
            owner=self.owner,
            callback_url=lambda workflow, run, action, repetition: f"https://stage.test/{run}/{action}/{repetition}",
        )
        self.engine = Engine(parts, Journal(self.database, self.clock, self.after_commit))
        await self.engine.open()
        return self

    async def close(self) -> None:
        await self.engine.close()
        self.database.close()

    async def deploy(
        self, document: Mapping[str, Any], *, name: str = "scenario", parameters: Mapping[str, Any] | None = None
    ) -> DeployedWorkflow:
        connections = (parameters or {}).get("$connections", {})
        return await self.engine.library.save(Deployment(name, document, parameters or {}, connections))

    async def start(self, workflow: DeployedWorkflow, body: Any = None, *, event_id: str | None = None) -> str:
        trigger = next(iter(workflow.definition.triggers), "manual")
        started = await self.engine.start(workflow, trigger, Event({"headers": {}, "body": body}, event_id=event_id))
        await started.stored
        return started.run_id

    async def run(self, document: Mapping[str, Any], body: Any = None, **deployed: Any) -> Outcome:
        """Deploy, start and wait for the end, letting a manual clock jump to whatever comes next."""
        workflow = await self.deploy(document, **deployed)
        return await self.finish(await self.start(workflow, body))

    async def finish(self, run_id: str) -> Outcome:
        import asyncio

        ended = asyncio.ensure_future(self.engine.ended(run_id))
        while not ended.done():
            await asyncio.wait((ended,), timeout=0.05)
            if isinstance(self.clock, ManualClock) and not ended.done():
                due = self.clock.next_wake_at()
                step = (due - self.clock.now()) if due is not None else timedelta(seconds=1)
                await self.clock.advance(step)
        await ended
        return await self.outcome(run_id)

    async def outcome(self, run_id: str) -> Outcome:
        row = await self.database.read(lambda connection: runs.get(connection, run_id))
        stored = await self.database.read(lambda connection: resume.read(connection, row))
        reader = entries.Reader(None, stored.bodies)
        return Outcome(row, [reader.record(entry) for entry in stored.entries])


@dataclass
class Outcome:
    """How a run ended, and its history."""

    run: runs.Run
    records: list[Record]

    @property
    def status(self) -> str:
        return self.run.status

    def __getitem__(self, name: str) -> Record:
        """The latest record of an action outside of loops; `name/000001` for one repetition."""
        action, _, repetition = name.partition("/")
        return [each for each in self.records if each.name == action and each.repetition == repetition][-1]

    def statuses(self) -> dict[str, str]:
        """The latest status of every action and repetition."""
        return {
            each.name + (f"/{each.repetition}" if each.repetition else ""): each.status.value
            for each in self.records
            if not each.iteration
        }
