"""What the waiting actions of a run that ends have asked of others, and how it is given up: webhooks unsubscribe.

The rule: it is given up once, after the run's end is committed, and that it fails changes nothing.
https://learn.microsoft.com/azure/connectors/connectors-native-webhook
"""

from __future__ import annotations

from typing import NamedTuple

import structlog

from sallyport.engine.action_type import ActionType
from sallyport.engine.context import ActionContext, Blocks
from sallyport.engine.frame import ROOT, Frame
from sallyport.engine.outcome import Resumption
from sallyport.engine.records import Record, within
from sallyport.engine.run import Run
from sallyport.statuses import Status
from sallyport.wdl.definition import Action

log = structlog.get_logger(__name__)


class Asked(NamedTuple):
    """An action that waited for a report."""

    action_type: ActionType
    record: Record
    context: ActionContext


def of(run: Run, blocks: Blocks) -> list[Asked]:
    """Answer which actions of a run wait for a report; asked before they are recorded as cancelled."""
    found = []
    for record in run.records.values():
        if record.status is Status.RUNNING and record.waits_for_callback and not record.iteration:
            try:
                found.append(_asked(run, record, blocks))
            except Exception:
                # Whatever it is, the run must come to its end.
                log.exception("action.not_given_up", run_id=run.id, action=record.name)
    return found


async def give_up(run_id: str, asked: list[Asked]) -> None:
    """Tell the handler of each action that no report came, upon which it gives back what it asked for."""
    for action_type, record, context in asked:
        try:
            await action_type.handler(record.inputs, context)
        except Exception:
            # The run has ended: nobody is left who could do anything about it.
            log.exception("action.not_given_up", run_id=run_id, action=record.name)


def _asked(run: Run, record: Record, blocks: Blocks) -> Asked:
    action = run.workflow.definition.actions[record.name]
    context = ActionContext(run, action, _frame(run, action, record.repetition), record, blocks)
    context.resumed = Resumption(record.memory[0] if record.memory is not None else None)
    return Asked(run.workflow.action_types[action.type], record, context)


def _frame(run: Run, action: Action, repetition: str) -> Frame:
    """Answer the loops around an action that has not ended: none of them has, so that each remembers its items."""
    frame = ROOT
    for depth, loop in enumerate(action.loops, 1):
        name = within(repetition, depth)
        items = run.records[loop, frame.repetition].memory
        index, has_items = int(name[-6:]), isinstance(items, list)
        frame = Frame(name, loop, index, items[index] if has_items else None, has_items, frame)
    return frame
