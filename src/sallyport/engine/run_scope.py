"""What an expression of an action may see: the run's trigger, finished actions, variables and the loops around it.

The rule: an action inside a loop is looked up in the same iteration; one that is looked up from outside answers with
its last iteration, and its outputs, inside a Foreach, with one element for each.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from sallyport.engine import records
from sallyport.engine.frame import Frame
from sallyport.engine.records import ABSENT, Record
from sallyport.statuses import TERMINAL, Status
from sallyport.wdl.definition import Action
from sallyport.wdl.scope import Scope, body_of, refuse

if TYPE_CHECKING:
    from sallyport.engine.run import Run


class RunScope(Scope):
    """The scope of one action in one place of one run."""

    __slots__ = ("_action", "_frame", "_has_item", "_item", "_record", "_run")

    def __init__(self, run: Run, frame: Frame, action: Action | None, record: Record | None) -> None:
        super().__init__(run.meter)
        self._run = run
        self._frame = frame
        self._action = action
        self._record = record
        self._has_item = False
        self._item: Any = None

    def set_item(self, item: Any) -> None:
        """Say what `item()` answers from now on, for an action that goes through items itself."""
        self._has_item, self._item = True, item

    def now(self) -> datetime:
        return self._run.clock.now()

    def parameter(self, name: str) -> Any:
        try:
            return self._run.workflow.parameter(name)
        except KeyError:
            refuse("parameters", f"The workflow parameter '{name}' is not found")

    def variable(self, name: str) -> Any:
        if not self._run.variables.known(name):
            refuse("variables", f"The variable '{name}' is not initialized")
        return self._run.variables.get(name)

    def trigger(self) -> dict[str, Any]:
        return self._run.trigger

    def trigger_outputs(self) -> Any:
        return self._run.trigger.get("outputs")

    def trigger_body(self) -> Any:
        return self._run.trigger_body

    def action(self, name: str) -> dict[str, Any]:
        return action_object(self._find(name, "actions"), self._run.client_tracking_id)

    def action_outputs(self, name: str) -> Any:
        outputs = self._find(name, "outputs").outputs
        if self._run.workflow.read_from_outside:
            repeated = self._repeated(name)
            if repeated is not None:
                return repeated
        return None if outputs is ABSENT else outputs

    def action_body(self, name: str) -> Any:
        outputs = self.action_outputs(name)
        if isinstance(outputs, list) and self._repeated(name) is not None:
            return [body_of(each, "body") for each in outputs]
        return body_of(outputs, "body")

    def current_action(self) -> dict[str, Any]:
        if self._record is None:
            return super().current_action()
        return action_object(self._record, self._run.client_tracking_id)

    def item(self) -> Any:
        if self._has_item:
            return self._item
        frame = self._frame.innermost_item()
        return frame.item if frame is not None else super().item()

    def items(self, loop_name: str) -> Any:
        frame = self._frame.around(loop_name)
        return frame.item if frame is not None and frame.has_item else super().items(loop_name)

    def iteration_index(self, loop_name: str) -> int:
        frame = self._frame.around(loop_name)
        return frame.index if frame is not None else super().iteration_index(loop_name)

    def result(self, scope_name: str) -> list[Any]:
        try:
            container = self._run.workflow.action(scope_name)
        except KeyError:
            return super().result(scope_name)
        return results(self._run, container, self._frame)

    def workflow(self) -> dict[str, Any]:
        return self._run.workflow_object()

    def callback_url(self) -> str:
        if self._action is None or self._record is None:
            return super().callback_url()
        return self._run.callback_url(self._action.name, self._record.repetition)

    def app_setting(self, name: str) -> str:
        try:
            return self._run.ports.app_settings[name]
        except KeyError:
            return super().app_setting(name)

    def _find(self, name: str, function: str) -> Record:
        run = self._run
        # An action outside of loops, written as it is spelt: nearly every reference there is.
        found = run.records.get((name, ""))
        if found is None:
            found = self._search(name)
        if found is None or found.status not in TERMINAL:
            refuse(function, f"The action '{name}' has not run before this one")
        return found

    def _repeated(self, name: str) -> list[Any] | None:
        """Answer the outputs of an action by iteration, when it stands in a Foreach that is not around here."""
        try:
            action = self._run.workflow.action(name)
        except KeyError:
            return None
        outside = next((loop for loop in action.loops if self._frame.around(loop) is None), None)
        if outside is None or not self._run.workflow.definition.actions[outside].raw.get("foreach"):
            return None
        outer = records.within(self._frame.repetition, action.loops.index(outside))
        found = [
            record
            for key, record in self._run.records.items()
            if key[0] == action.name and _inside(key[1], outer) and not record.iteration
        ]
        found.sort(key=lambda record: record.repetition)
        # Of an Until around it, the last iteration.
        last = {self._item_of(action, record.repetition): record for record in found}
        return [None if record.outputs is ABSENT else record.outputs for record in last.values()]

    def _item_of(self, action: Action, repetition: str) -> tuple[str, ...]:
        actions = self._run.workflow.definition.actions
        indexes = zip(action.loops, repetition.split("-"), strict=True)
        return tuple(index for loop, index in indexes if actions[loop].raw.get("foreach"))

    def _search(self, name: str) -> Record | None:
        try:
            action = self._run.workflow.action(name)
        except KeyError:
            return None
        depth = sum(1 for loop in action.loops if self._frame.around(loop) is not None)
        here = action.name, records.within(self._frame.repetition, depth)
        found = self._run.records.get(here)
        if found is None and depth < len(action.loops):
            found = self._run.latest.get(here)
        return found


def action_object(record: Record, client_tracking_id: str) -> dict[str, Any]:
    """Answer what `actions('name')` answers for a recorded action."""
    shown: dict[str, Any] = {
        "name": record.name,
        "startTime": _text(record.started_at),
        "endTime": _text(record.ended_at),
        "trackingId": record.tracking_id,
        "clientTrackingId": client_tracking_id,
        "code": record.code,
        "status": record.status.value,
    }
    if record.inputs is not ABSENT:
        shown["inputs"] = record.inputs
    if record.outputs is not ABSENT:
        shown["outputs"] = record.outputs
    if record.error is not None:
        shown["error"] = record.error
    return shown


def results(run: Run, container: Action, frame: Frame) -> list[Any]:
    """Answer `result()`: the first-level actions of a scope; for a Foreach, their outputs by iteration."""
    depth = len(container.loops)
    outer = records.within(frame.repetition, depth)
    found: list[Any] = []
    for block in container.blocks.values():
        for name in block.actions:
            record = run.records.get((name, outer))
            if record is not None:
                found.append(_visible(run, record))
                continue
            repeated = [
                each
                for key, each in run.records.items()
                if key[0] == name and _inside(key[1], outer) and not each.iteration
            ]
            if repeated:
                found.append(_repeated(run, sorted(repeated, key=lambda each: each.repetition)))
    return found


def _inside(repetition: str, outer: str) -> bool:
    return not outer or repetition.startswith(outer + "-")


def _repeated(run: Run, repeated: list[Record]) -> dict[str, Any]:
    shown = _visible(run, repeated[-1])
    shown["inputs"] = [_visible(run, each).get("inputs") for each in repeated]
    shown["outputs"] = [_visible(run, each).get("outputs") for each in repeated]
    failed = [each for each in repeated if each.status in (Status.FAILED, Status.TIMED_OUT)]
    if failed:
        shown["status"], shown["code"] = failed[0].status.value, failed[0].code
    return shown


def _visible(run: Run, record: Record) -> dict[str, Any]:
    """Answer an action object without what its author secured."""
    shown = action_object(record, run.client_tracking_id)
    if record.secret_inputs:
        shown.pop("inputs", None)
    if record.secret_outputs:
        shown.pop("outputs", None)
    return shown


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="microseconds")[:26] + "0Z"
