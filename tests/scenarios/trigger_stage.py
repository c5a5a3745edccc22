"""A stage for triggers: a manual clock, an engine, the loop, and an outside that answers what the scenario says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sallyport.clock import ManualClock
from sallyport.engine import entries
from sallyport.engine.ports import Ports
from sallyport.engine.start import load_trigger
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.store import runs, trigger_histories, trigger_states
from sallyport.store.trigger_histories import TriggerHistory
from sallyport.store.trigger_states import TriggerState
from sallyport.triggers.batch import Batches
from sallyport.triggers.loop import Loop
from scenarios.stage import NoChildren, Recorded, Stage

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
#: One action, so that a run has something to do.
ACTIONS = {"Note": {"type": "Compose", "inputs": "@triggerOutputs()", "runAfter": {}}}
GRAPH_PATH = "/trigger/v1.0/security/alerts"
CONNECTIONS = {
    "$connections": {
        "graph": {
            "connectionId": "/connections/graph",
            "connectionName": "graph",
            "id": "/subscriptions/x/providers/Microsoft.Web/locations/l/managedApis/microsoftgraphsecurity",
        }
    }
}


def definition(trigger: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A workflow with one trigger, named `it`."""
    return {"triggers": {"it": trigger}, "actions": ACTIONS, **more}


def polling(**more: Any) -> dict[str, Any]:
    """An Http trigger that polls every minute."""
    trigger = {"type": "Http", "recurrence": {"frequency": "Minute", "interval": 1}}
    inputs = {"method": "GET", "uri": "https://peer.test/events", "retryPolicy": {"type": "none"}}
    return definition({**trigger, "inputs": inputs, **more})


class TriggerStage(Stage):
    """A stage whose triggers look by themselves, whenever the clock says so."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.time = ManualClock(START)
        super().__init__(folder, clock=self.time, **more)
        self.batches = Batches(lambda: self.engine)
        self.ports = Ports(self.outside, self.outside, NoChildren(), self.batches, {"Region": "north"})
        self.loop: Loop

    async def open(self) -> TriggerStage:
        await super().open()
        self.loop = Loop(
            self.engine, lambda workflow, name: f"https://stage.test/{workflow.id}/{name}/{_key(workflow)}"
        )
        await self.loop.open()
        return self

    async def close(self) -> None:
        await self.loop.close()
        await super().close()

    async def crash(self) -> TriggerStage:
        """Forget everything but the database, and begin again."""
        await self.close()
        return await self.open()

    async def save(self, document: dict[str, Any], **more: Any) -> DeployedWorkflow:
        """Deploy, tell the loop, and wait until it has nothing to do at this moment."""
        workflow = await self.deploy(document, **more)
        await self.loop.synchronise(workflow)
        await self.quiet()
        return workflow

    async def set_state(self, workflow: DeployedWorkflow, state: str) -> None:
        await self.engine.library.set_state(workflow, state)
        await self.loop.synchronise(workflow)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until no trigger that is due has not looked, and no run goes on that could."""
        for _ in range(4):
            async with asyncio.timeout(20):
                while self.loop.busy or await self._due() or self.engine.dispatch.active:
                    await asyncio.sleep(0.002)
            await asyncio.sleep(0.002)

    async def _due(self) -> bool:
        now = self.time.now()
        look = await self.database.read(trigger_states.next_due)
        run = await self.database.read(runs.next_wake_at)
        return any(at is not None and datetime.fromisoformat(at[:26] + "+00:00") <= now for at in (look, run))

    async def advance(self, **duration: float) -> None:
        """Let time pass, stopping wherever a trigger is due."""
        until = self.time.now() + timedelta(**duration)
        while True:
            look = await self.database.read(trigger_states.next_due)
            due = datetime.fromisoformat(look[:26] + "+00:00") if look is not None else until
            step = min(max(due, self.time.now()), until) - self.time.now()
            await self.time.advance(step)
            await self.quiet()
            if self.time.now() >= until:
                return

    async def runs(self, workflow: DeployedWorkflow) -> list[runs.Run]:
        """Every run, the oldest first."""
        found = await self.database.read(lambda connection: runs.listed(connection, workflow.id, limit=500))
        return sorted(found, key=lambda run: (run.started_at, run.event_id or ""))

    async def fired(self, workflow: DeployedWorkflow) -> list[dict[str, Any]]:
        """What `trigger()` answers in every run, the oldest first."""
        seal = entries.Seal(lambda plain: self.sealer.seal(plain, "run"), lambda text: self.sealer.open(text, "run"))
        return [load_trigger(run.trigger, seal, {}) for run in await self.runs(workflow)]

    async def bodies(self, workflow: DeployedWorkflow) -> list[Any]:
        return [each["outputs"].get("body") for each in await self.fired(workflow)]

    async def history(self, workflow: DeployedWorkflow, name: str = "it") -> list[TriggerHistory]:
        """The trigger's history, the oldest first."""
        found = await self.database.read(
            lambda connection: trigger_histories.listed(connection, workflow.id, name, limit=500)
        )
        return found[::-1]

    async def told(self, workflow: DeployedWorkflow) -> list[tuple[str, str]]:
        return [(each.status, each.code) for each in await self.history(workflow)]

    async def state(self, workflow: DeployedWorkflow, name: str = "it") -> TriggerState:
        return (await self.states(workflow))[name]

    async def states(self, workflow: DeployedWorkflow) -> dict[str, TriggerState]:
        return await self.database.read(lambda connection: trigger_states.of_workflow(connection, workflow.id))

    def polls(self) -> list[str]:
        """The addresses that were asked."""
        return [request.url for request in self.outside.requests]


class Feed(Recorded):
    """An outside that keeps alerts, as the product's own triggers poll them: state in, everything above it out."""

    def __init__(self) -> None:
        super().__init__()
        self.alerts: list[str] = []
        self.before_answer: Callable[[], None] = lambda: None

    async def call(self, call: Any) -> Any:
        self.calls.append(call)
        path, _, query = call.path.partition("?triggerState=")
        seen = len(self.alerts)
        location = {"Location": f"{path}?triggerState={seen}"}
        if not query or int(query) == seen:
            reply: tuple[int, dict[str, str], Any] = (202, {**location, "Retry-After": "1"}, None)
        else:
            reply = (200, location, {"value": [{"id": each} for each in self.alerts[int(query) :]]})
        self.replies["now"] = reply
        self.before_answer()
        return self._reply("now", call.path)


def _key(workflow: DeployedWorkflow) -> str:
    return workflow.access_key.hex()[:8]
