"""One run in memory: what is recorded of it, what is not committed yet, and who waits for its answer.

The rule: memory is only a shortcut. Everything here can be built again from the run's row and its history.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import randbits, token_hex
from typing import Any

from sallyport.clock import Clock
from sallyport.engine import entries, sizes
from sallyport.engine.frame import Frame
from sallyport.engine.journal import Journal
from sallyport.engine.ledger import Ledger
from sallyport.engine.limits import Limits
from sallyport.engine.outcome import EndsRun
from sallyport.engine.ports import Ports
from sallyport.engine.records import Key, Record, repetition_name, within
from sallyport.engine.run_scope import RunScope
from sallyport.engine.turns import Turns
from sallyport.engine.variables import Variables
from sallyport.engine.waits import Waits
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.recorder import SILENT, Recorder
from sallyport.statuses import Status
from sallyport.store import runs, schema
from sallyport.wdl.budget import Meter
from sallyport.wdl.definition import Action, Block

#: How many steps a run may take before it lets others have a turn.
_TURN = 64


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runs of a process share."""

    clock: Clock
    ports: Ports
    limits: Limits
    journal: Journal
    seal: entries.Seal
    #: Answers the signed callback address of an action, given the workflow, the run, the action and its repetition.
    callback_url: Callable[[DeployedWorkflow, str, str, str], str]
    turns: Turns
    recorder: Recorder = SILENT


@dataclass(frozen=True, slots=True)
class Answer:
    """What a Response action answers the waiting caller."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Run:
    """A run that this process works on."""

    def __init__(
        self,
        around: Surroundings,
        workflow: DeployedWorkflow,
        row: runs.Run,
        trigger: dict[str, Any],
        *,
        unstored: Mapping[str, bytes] | None = None,
    ) -> None:
        """`unstored` holds the trigger's large contents of a run that is new to the database, None for any other."""
        self.around = around
        self.clock, self.ports, self.limits = around.clock, around.ports, around.limits
        self.workflow = workflow
        self.id = row.id
        self.row = row
        self.started_at: datetime = schema.moment(row.started_at)
        self.client_tracking_id = row.client_tracking_id
        #: What `trigger()` answers.
        self.trigger = trigger
        self.trigger_body = _body(trigger.get("outputs"))
        self.records: dict[Key, Record] = {}
        #: The latest repetition of each action inside a loop, by its name and the iteration around that loop.
        self.latest: dict[tuple[str, str], Record] = {}
        self.variables = Variables()
        #: About how many bytes all that the run holds takes, and each variable of it.
        self.held = 0
        self._variable_weights: dict[str, int] = {}
        self.waits = Waits(around.clock)
        self.meter = Meter()
        #: How the run is to end, when somebody outside asks for it.
        self.ending: EndsRun | None = None
        #: Whether its end, or its being put away, is on its way into the journal: nothing can be asked of it any more.
        self.leaving = False
        #: The caller who waits for a response, done when he gave up waiting; None when nobody ever did.
        self.caller: asyncio.Future[Answer | None] | None = None
        #: Whether another run reads the response from the history: then somebody waits, whoever calls.
        self.awaited = False
        #: Told, with the run's name, when the history holds a response.
        self.on_response: Callable[[str], None] = lambda _: None
        #: Whether a response was given.
        self.answered = False
        secrets = workflow.secrets
        self._secret_inputs, self._secret_outputs = secrets.inputs, secrets.outputs
        inline = around.limits.inline_content_bytes
        self.ledger = Ledger(
            around.journal, row, lambda: entries.Writer(around.seal, secrets.texts, inline), unstored=unstored
        )
        self._steps = 0
        #: How many actions have ended, by status, since it was reported.
        self.ended_actions: dict[Status, int] = {}

    # --- records -----------------------------------------------------------------------------------------------------

    def begin(self, action: Action, frame: Frame) -> Record:
        """Answer the record of an action that begins."""
        name = action.name
        record = Record(name, frame.repetition, Status.RUNNING, self.clock.now(), tracking_id())
        record.secret_inputs = name in self._secret_inputs
        record.secret_outputs = name in self._secret_outputs
        self.put(record)
        return record

    def put(self, record: Record) -> None:
        """Make a record the latest of its key."""
        before = self.records.get((record.name, record.repetition))
        if before is not None and before is not record:
            self.held -= before.weight
        self.records[record.name, record.repetition] = record
        if record.repetition:
            for depth in range(record.repetition.count("-") + 1):
                self.latest[record.name, within(record.repetition, depth)] = record

    def forget(self, block: Block, repetition: str) -> None:
        """Let go of the records of a finished iteration that nobody outside of the loop will ask for."""
        read, around = self.workflow.read_from_outside, repetition.count("-")
        self._forget(block, repetition, lambda name: read.get(name, around + 1) <= around)

    def forget_superseded(self, block: Block, repetition: str) -> None:
        """Let go of the records of an iteration that another one follows, in a loop that is read by its last one."""
        self._forget(block, repetition, self.workflow.gathered.__contains__)

    def _forget(self, block: Block, repetition: str, kept: Callable[[str], bool]) -> None:
        for name, action in block.actions.items():
            self.latest.pop((name, repetition), None)
            forgotten = self.records.pop((name, repetition), None) if not kept(name) else None
            if forgotten is not None:
                self.held -= forgotten.weight
            for inner in action.blocks.values():
                self._forget(inner, repetition, kept)
                for each in self._iterations(action, inner, repetition):
                    self._forget(inner, each, kept)

    def _iterations(self, action: Action, inner: Block, repetition: str) -> Iterator[str]:
        """Give the finished iterations of a loop's block, of which nothing is kept."""
        is_loop = any(each.loops != action.loops for each in inner.actions.values())
        for index in itertools.count() if is_loop else ():
            each = repetition_name(repetition, index)
            if self.records.pop((action.name, each), None) is None:
                return
            yield each

    def hold(self, record: Record, size: int) -> None:
        """Count what a record holds from now on; raises ResultTooLarge when the run would hold too much."""
        self._demand(size)
        record.weight += size
        self.ledger.weigh(size)

    def hold_variable(self, operation: str, name: str, value: Any) -> None:
        """Count what a variable holds from now on; raises ResultTooLarge when it, or the run, would hold too much."""
        limit = self.limits.message_bytes
        what = f"contents of the variable '{name}'"
        size = sizes.check(value, limit, what)
        before = self._variable_weights.get(name.casefold(), 0)
        after = before + size if operation == "append" else size
        if operation == "append" and after > limit:
            raise sizes.ResultTooLarge(what, limit)
        self._demand(after - before)
        self._variable_weights[name.casefold()] = after

    def _demand(self, size: int) -> None:
        if self.held + size > self.limits.held_bytes:
            raise sizes.ResultTooLarge("contents that the run would hold", self.limits.held_bytes)
        self.held += size

    def may_go_on(self) -> bool:
        """Answer whether the next step may be taken at once; if not, the run must `take_turns` first."""
        self._steps += 1
        return self._steps % _TURN != 0 and not self.ledger.is_heavy and self.around.turns.is_due(self.id)

    async def take_turns(self) -> None:
        """Let others have a turn: a long row of actions that only compute never waits by itself.

        Raises Superseded or JournalFailed where so much is noted that it must be committed first.
        """
        if self.ledger.is_heavy:
            await self.ledger.flush()
        elif self._steps % _TURN == 0:
            self.ledger.flush_soon()
            await self.clock.sleep(0)
        await self.around.turns.take(self.id)

    # --- what actions ask for ----------------------------------------------------------------------------------------

    def scope(self, frame: Frame, action: Action | None, record: Record | None) -> RunScope:
        """Answer what an expression in an action may see."""
        return RunScope(self, frame, action, record)

    def callback_url(self, action: str, repetition: str) -> str:
        """Answer the signed address for reports to an action."""
        return self.around.callback_url(self.workflow, self.id, action, repetition)

    def respond(self, status: int, headers: Mapping[str, str], body: Any) -> str | None:
        """Keep an answer for the waiting caller until it is committed; else answer why there is nobody to answer."""
        self.ledger.promise(lambda: self.on_response(self.id))
        if self.answered:
            return "ActionResponseAlreadyDefined"
        if self.caller is None and not self.awaited:
            return "ActionResponseSkipped"
        if self.caller is not None and self.caller.done():
            return "ActionResponseTimedOut"
        self.answered = True
        if self.caller is not None:
            answer = Answer(status, headers, body)
            self.ledger.promise(lambda: self._answer(answer))
        return None

    def _answer(self, answer: Answer) -> None:
        if self.caller is not None and not self.caller.done():
            self.caller.set_result(answer)

    def headers(self, action: str, tracking: str) -> dict[str, str]:
        """Answer the headers that tell another service which run and action is calling."""
        workflow = self.workflow
        return {
            "x-ms-workflow-id": workflow.id,
            "x-ms-workflow-name": workflow.name,
            "x-ms-workflow-version": str(workflow.version),
            "x-ms-workflow-run-id": self.id,
            "x-ms-workflow-operation-name": action,
            "x-ms-tracking-id": tracking,
            "x-ms-client-tracking-id": self.client_tracking_id,
        }

    def workflow_object(self) -> dict[str, Any]:
        """Answer what `workflow()` answers."""
        run_id = f"{self.workflow.resource_id}/runs/{self.id}"
        return {
            **self.workflow.shown,
            "run": {"id": run_id, "name": self.id, "type": "Microsoft.Logic/workflows/runs"},
        }


def _body(outputs: Any) -> Any:
    return outputs.get("body") if isinstance(outputs, dict) else None


#: Tracking ids of this process: a beginning by chance, and then a number, which costs less than chance for each.
_NUMBERS = itertools.count(randbits(44))
_CHANCE = token_hex(10)
_BEGINNING = f"{_CHANCE[:8]}-{_CHANCE[8:12]}-{_CHANCE[12:16]}-{_CHANCE[16:]}-"


def tracking_id() -> str:
    """Answer a new tracking id: a GUID, for telling things apart and not for keeping secrets."""
    return f"{_BEGINNING}{next(_NUMBERS):012x}"
