"""Crashes on demand: plays a scenario on a stage whose power can fail, and says what must hold afterwards.

Power fails right after a commit, before anybody hears of it, or right after an effect arrived, before its answer is
back. From then on the process does nothing: nothing is read, written or sent. The rule: what must hold is compared with
the same scenario played without a failure, and nothing else about the engine is assumed.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from sallyport.clock import ManualClock
from sallyport.connector_call import ConnectorCall
from sallyport.engine import entries, resume
from sallyport.engine.engine import Event
from sallyport.engine.ports import Ports
from sallyport.engine.records import ABSENT, Record
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.http_messages import Headers, InboundResponse, OutboundRequest
from sallyport.statuses import TERMINAL
from sallyport.store import runs
from sallyport.store.database import Database, Work
from sallyport.triggers import split
from sallyport.triggers.children import Children
from scenarios.stage import Recorded, Stage

T = TypeVar("T")

_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: Rounds of the driver without anything happening, after which the clock may jump to whatever comes next.
_QUIET_ROUNDS = 5
_ROUND_SECONDS = 0.005
_PATIENCE_ROUNDS = 4_000


class Power:
    """What keeps the process going, until the moment that was chosen for its failure."""

    def __init__(self, *, fails_after_commit: int = 0, fails_after_effect: int = 0) -> None:
        self._after_commit = fails_after_commit
        self._after_effect = fails_after_effect
        self.commits = 0
        self.effects = 0
        #: Grows whenever something happens, so that a driver can tell quiet.
        self.activity = 0
        self.failed = False
        #: While False, commits and effects are not counted: what prepares the scenario is no part of it.
        self.counting = False

    def committed(self) -> None:
        self.activity += 1
        if self.counting and not self.failed:
            self.commits += 1
            self.failed = self.commits == self._after_commit

    def affected(self) -> None:
        self.activity += 1
        if self.counting and not self.failed:
            self.effects += 1
            self.failed = self.effects == self._after_effect

    async def holds(self) -> None:
        """Answer at once while there is power, and never after."""
        self.activity += 1
        if self.failed:
            await asyncio.get_running_loop().create_future()


class FragileDatabase(Database):
    """A database whose process may lose power after any commit."""

    def __init__(self, url: str, power: Power) -> None:
        super().__init__(url)
        self._power = power

    async def read(self, work: Work[T]) -> T:
        await self._power.holds()
        found = await super().read(work)
        await self._power.holds()
        return found

    async def write(self, work: Work[T], *, reserved: bool = False) -> T:
        await self._power.holds()
        found = await super().write(work, reserved=reserved)
        if not (found is False or found in ([], 0)):
            # A claim of nothing, however often the clock brings it about, changes nothing that a crash could tear.
            self._power.committed()
        await self._power.holds()
        return found


@dataclass(frozen=True)
class Effect:
    """One request that reached the outside."""

    action: str
    key: str
    what: str


class Outside(Recorded):
    """The outside, which does not fail with the process: it remembers every effect and keeps its place in its replies.

    Replies are given one for each request, or, with `each: key`, one for each idempotency key, as a careful service
    does that recognises a repeat; one such reply may be several, for the requests that come under the same key.
    """

    def __init__(self, replies: Mapping[str, Any]) -> None:
        super().__init__()
        self._stated = replies
        self._keys: dict[str, list[str]] = {}
        self._asked: Counter[str] = Counter()
        self.power = Power()
        self.effects: list[Effect] = []
        #: Bodies of requests that asked to be reported to.
        self.subscriptions: dict[str, str] = {}

    async def send(self, request: OutboundRequest) -> InboundResponse:
        headers = Headers(request.headers)
        what = f"{request.method} {request.url}"
        return await self._take(headers, what, request.body.decode(), request.url)

    async def call(self, call: ConnectorCall) -> InboundResponse:
        what = f"{call.api} {call.method.upper()} {call.path}"
        body = json.dumps({"body": call.body, "callback": call.callback_url})
        return await self._take(Headers(call.headers), what, body, call.path)

    async def _take(self, headers: Headers, what: str, body: str, url: str) -> InboundResponse:
        await self.power.holds()
        key, action = headers["Idempotency-Key"], headers["x-ms-workflow-operation-name"]
        self.effects.append(Effect(action, key, f"{what} {_without_run(body, headers['x-ms-workflow-run-id'])}"))
        if "callback" in body:
            self.subscriptions[action] = headers["x-ms-workflow-run-id"]
        answer = self._answer(what.split("?", maxsplit=1)[0], key, url)
        self.power.affected()
        await self.power.holds()
        return answer

    def _answer(self, what: str, key: str, url: str) -> InboundResponse:
        stated = self._stated.get(what, {"answers": [[200, {}, {"ok": True}]]})
        self._asked[what] += 1
        index = self._asked[what] - 1
        if stated.get("each") == "key":
            known = self._keys.setdefault(what, [])
            if key not in known:
                known.append(key)
            index = known.index(key)
        answers = stated["answers"]
        answer = answers[min(index, len(answers) - 1)]
        if isinstance(answer[0], list):
            # What one key is answered at first, and when it comes again.
            self._asked[key] += 1
            answer = answer[min(self._asked[key], len(answer)) - 1]
        status, headers, content = answer
        raw = json.dumps(content).encode() if content is not None else b""
        return InboundResponse(status, Headers({"Content-Type": "application/json", **headers}), raw, url)


class CrashStage(Stage):
    """A stage on which power may fail; several of them, one after the other, use the same database and outside."""

    def __init__(self, folder: Path, url: str | None, clock: ManualClock, outside: Outside, power: Power) -> None:
        super().__init__(folder, clock=clock, url=url)
        self.power = power
        outside.power = power
        self.outside = outside
        self.owner = f"stage-{uuid4().hex[:8]}"
        children = Children(lambda: self.engine)
        self.ports = Ports(outside, outside, children, self.ports.batches, {"Region": "north"})

    def connect(self, url: str) -> Database:
        return FragileDatabase(url, self.power)


@dataclass
class Played:
    """How every run of a scenario ended, and what reached the outside."""

    #: For each run, by its workflow and what started it: its end, and each action's latest entry.
    ends: list[Any]
    #: For each action and content of a request: how often each idempotency key came, in ascending order.
    effects: dict[tuple[str, str], list[int]]
    #: What is wrong with the history itself, whatever the scenario.
    faults: list[str]


@dataclass
class Scenario:
    """A scenario as its file states it."""

    document: dict[str, Any]
    workflows: dict[str, DeployedWorkflow] = field(default_factory=dict)
    reported: set[str] = field(default_factory=set)
    started: bool = False

    @property
    def reports(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document.get("reports", {})
        return found

    async def deploy(self, stage: Stage) -> None:
        for name, definition in self.document["workflows"].items():
            given = self.document.get("parameters", {}) if name == "main" else {}
            declared = {key: value for key, value in given.items() if key in definition.get("parameters", {})}
            self.workflows[name] = await stage.deploy(definition, name=name, parameters=declared)

    async def start(self, stage: Stage) -> None:
        """Start as a caller would who asks again after a failure, because nothing was acknowledged."""
        main = self.workflows["main"]
        started = self.document.get("start", {})
        known = await stage.database.read(lambda connection: runs.listed(connection, main.id, limit=100))
        trigger = next(iter(main.definition.triggers.values()))
        outputs = {"headers": {}, "body": started.get("body")}
        if not known or "event_id" in started:
            items = split.outputs(main, trigger, {"outputs": outputs}, 100)
            event_id = started.get("event_id")
            for index, item in enumerate(items):
                event = Event(item, event_id=f"{event_id}#{index}" if event_id else None)
                begun = await stage.engine.start(main, trigger.name, event)
                await begun.stored
        self.started = True

    async def report(self, stage: Stage, outside: Outside) -> None:
        """Report to whoever subscribed, again and again until it is acknowledged."""
        for action, run_id in list(outside.subscriptions.items()):
            if action in self.reports and action not in self.reported:
                request = {"headers": {}, "body": self.reports[action]}
                await stage.engine.report(run_id, action, "", request)
                self.reported.add(action)


async def play(
    document: dict[str, Any],
    folder: Path,
    *,
    url: str | None = None,
    power: Power | None = None,
) -> tuple[Played, Power]:
    """Play a scenario with a power that may fail once; answers how it ended, and the power that it began with."""
    clock, outside, scenario = ManualClock(), Outside(document.get("replies", {})), Scenario(document)
    power = power or Power()
    stage = CrashStage(folder, url, clock, outside, power)
    await stage.open()
    await scenario.deploy(stage)
    power.counting = True
    await _drive(stage, scenario, outside, clock)
    counted = power
    while power.failed:
        await _abandon(stage)
        power = Power()
        stage = CrashStage(folder, url, clock, outside, power)
        await stage.open()
        scenario.started = False
        await _drive(stage, scenario, outside, clock)
    try:
        return _result(stage, scenario, outside), counted
    finally:
        await stage.close()


async def _abandon(stage: CrashStage) -> None:
    """Let a process die: its tasks end where they stand, and nothing of it writes again."""
    # Runs first: one that dies a moment after the writer would make another writer, which waits for power for ever.
    await stage.engine.dispatch.close()
    writing = stage.engine.journal._writing
    if writing is not None:
        writing.cancel()
    await stage.engine.close()
    stage.database.close()


async def _drive(stage: CrashStage, scenario: Scenario, outside: Outside, clock: ManualClock) -> None:
    """Do what callers do, and let time pass, until every run has ended or the power fails."""
    acts = asyncio.ensure_future(_act(stage, scenario, outside))
    quiet = activity = 0
    try:
        for _ in range(_PATIENCE_ROUNDS):
            await asyncio.sleep(_ROUND_SECONDS)
            if acts.done():
                acts.result()
            # The database knows of an end before the process does, whose power may yet fail at it.
            heard = stage.engine.journal._writing is None
            if stage.power.failed or (heard and scenario.started and _all_ended(stage)):
                return
            quiet = quiet + 1 if activity == stage.power.activity else 0
            activity = stage.power.activity
            due = clock.next_wake_at()
            if quiet >= _QUIET_ROUNDS and due is not None:
                quiet = 0
                await clock.advance(max(due - clock.now(), timedelta(0)))
        raise TimeoutError(f"the runs do not end: {_states(stage)}")
    finally:
        acts.cancel()
        await asyncio.gather(acts, return_exceptions=True)


async def _act(stage: CrashStage, scenario: Scenario, outside: Outside) -> None:
    await scenario.start(stage)
    while True:
        await scenario.report(stage, outside)
        await asyncio.sleep(_ROUND_SECONDS)


def _all_ended(stage: Stage) -> bool:
    found = stage.database.read_now(lambda connection: runs.listed(connection, limit=1_000))
    return bool(found) and all(run.status in TERMINAL and (run.owner, run.wake_at) == (None, None) for run in found)


def _states(stage: Stage) -> list[str]:
    found = stage.database.read_now(lambda connection: runs.listed(connection, limit=1_000))
    return [f"{run.id} {run.status} owner={run.owner} wake_at={run.wake_at}" for run in found]


def _result(stage: CrashStage, scenario: Scenario, outside: Outside) -> Played:
    names = {workflow.id: name for name, workflow in scenario.workflows.items()}
    found = stage.database.read_now(lambda connection: runs.listed(connection, limit=1_000))
    ends, faults = [], []
    for run in found:
        stored = stage.database.read_now(lambda connection, run=run: resume.read(connection, run))  # type: ignore[misc]
        reader = entries.Reader(stage.engine.around.seal, stored.bodies)
        records = [reader.record(entry) for entry in stored.entries]
        faults += _faults(run, stored.entries, records)
        ends.append(_end(names[run.workflow_id], run, records))
    ends.sort(key=lambda end: json.dumps(end, sort_keys=True, default=repr))
    return Played(ends, _effects(outside.effects), faults)


def _faults(run: runs.Run, stored: list[Any], records: list[Record]) -> list[str]:
    faults = []
    if [entry.sequence for entry in stored] != list(range(len(stored))):
        faults.append(f"the history of {run.id} has holes: {[entry.sequence for entry in stored]}")
    latest = {(each.name, each.repetition, each.iteration): each for each in records}
    ended = Counter((each.name, each.repetition, each.iteration) for each in records if each.status in TERMINAL)
    faults += [f"{key} ended {times} times" for key, times in ended.items() if times != 1]
    faults += [f"{key} is {each.status}" for key, each in latest.items() if each.status not in TERMINAL]
    if run.wake_at is not None or run.owner is not None:
        faults.append(f"the run {run.id} is not let go of")
    return faults


def _end(workflow: str, run: runs.Run, records: list[Record]) -> Any:
    actions = {}
    for each in records:
        shown = [each.status.value, each.code, (each.error or {}).get("code")]
        shown += [
            "absent" if value is ABSENT else _without_run(json.dumps(value, sort_keys=True), run.id)
            for value in (each.inputs, each.outputs)
        ]
        actions[f"{each.name}/{each.repetition}{'*' if each.iteration else ''}"] = shown
    outputs = json.loads(run.outputs) if run.outputs else None
    return {"workflow": workflow, "status": run.status, "code": run.code, "outputs": outputs, "actions": actions}


def _effects(effects: list[Effect]) -> dict[tuple[str, str], list[int]]:
    found: dict[tuple[str, str], Counter[str]] = {}
    for effect in effects:
        found.setdefault((effect.action, effect.what), Counter())[effect.key] += 1
    return {what: sorted(keys.values()) for what, keys in found.items()}


def _without_run(text: str, run_id: str) -> str:
    """Answer a text without what two runs of the same scenario do not share: the name of the run, and tracking ids."""
    return _GUID.sub("GUID", text.replace(run_id, "RUN"))


def compare(undisturbed: Played, crashed: Played) -> list[str]:
    """Answer everything that a crash may not do, in sentences; nothing when it did nothing of the kind."""
    found = list(crashed.faults)
    if len(undisturbed.ends) != len(crashed.ends):
        found.append(f"{len(undisturbed.ends)} runs became {len(crashed.ends)}")
    for expected, actual in zip(undisturbed.ends, crashed.ends, strict=False):
        found += _differences(expected, actual)
    for what in undisturbed.effects.keys() | crashed.effects.keys():
        found += _effect_faults(what, undisturbed.effects.get(what, []), crashed.effects.get(what, []))
    return found


def _differences(expected: Any, actual: Any) -> list[str]:
    found = [
        f"the run's {part} is {actual[part]!r}, not {expected[part]!r}"
        for part in ("workflow", "status", "code", "outputs")
        if expected[part] != actual[part]
    ]
    for key in expected["actions"].keys() | actual["actions"].keys():
        before, after = expected["actions"].get(key), actual["actions"].get(key)
        if before != after:
            found.append(f"{key} is {after}, not {before}")
    return found


def _effect_faults(what: tuple[str, str], expected: list[int], actual: list[int]) -> list[str]:
    if len(actual) != len(expected):
        return [f"{what} reached the outside under {len(actual)} idempotency keys, not {len(expected)}"]
    if any(after > before + 1 for before, after in zip(expected, actual, strict=True)):
        return [f"{what} was repeated more than once for one crash: {actual}, undisturbed {expected}"]
    return []
