"""What the waiting actions of a run that ends have asked of others, and how it is given up: webhooks unsubscribe.

The rule: it is given up after the run's end is committed, by the process that keeps the run until then: after a crash
whoever takes the run does it, so that a peer may hear it twice, but not never. That it fails changes nothing.
https://learn.microsoft.com/azure/connectors/connectors-native-webhook
"""

from __future__ import annotations

import structlog

from sallyport.engine.context import ActionContext, Blocks
from sallyport.engine.frame import ROOT, Frame
from sallyport.engine.outcome import Resumption, Suspended
from sallyport.engine.records import Record, within
from sallyport.engine.run import Run
from sallyport.errors import SallyportError
from sallyport.statuses import Status
from sallyport.wdl.definition import Action

log = structlog.get_logger(__name__)


def left(run: Run) -> list[Record]:
    """Answer the actions that wait for a report, or did until the run ended, or may have asked for one by now."""
    return [record for record in run.records.values() if record.waits_for_callback or _asks(run, record)]


def _asks(run: Run, record: Record) -> bool:
    if record.status is not Status.RUNNING or record.iteration or record.waits_until is not None:
        return False
    action_type = run.workflow.action_types.get(run.workflow.definition.actions[record.name].type)
    return action_type is not None and action_type.subscribes


async def give_up(run: Run, blocks: Blocks) -> None:
    """Tell the handler of each action that no report came, upon which it gives back what it asked for."""
    for record in left(run):
        try:
            action = run.workflow.definition.actions[record.name]
            context = _context(run, action, record, blocks)
            calling = run.waits.unanswered.pop(record.key, None)
            if calling is not None:
                granted = await calling
                if not isinstance(granted, Suspended):
                    continue
                context.resumed = Resumption(granted.state)
            await run.workflow.action_types[action.type].handler(record.inputs, context)
        except SallyportError as error:
            # The run has ended: nobody is left who could do anything about it.
            log.warning("action.not_given_up", run_id=run.id, action=record.name, reason=error.code)
        except Exception:
            log.exception("action.not_given_up", run_id=run.id, action=record.name)


def drop(run: Run) -> None:
    """Let go of calls that go on although their run was ended: whoever takes the run looks after them anew."""
    for calling in run.waits.unanswered.values():
        calling.cancel()
    run.waits.unanswered.clear()


def _context(run: Run, action: Action, record: Record, blocks: Blocks) -> ActionContext:
    context = ActionContext(run, action, _frame(run, action, record.repetition), record, blocks)
    context.resumed = Resumption(record.memory[0] if record.memory is not None else None)
    return context


def _frame(run: Run, action: Action, repetition: str) -> Frame:
    """Answer the loops around an action that has not ended: none of them has, so that each remembers its items."""
    frame = ROOT
    for depth, loop in enumerate(action.loops, 1):
        name = within(repetition, depth)
        items = run.records[loop, frame.repetition].memory
        index, has_items = int(name[-6:]), isinstance(items, list)
        frame = Frame(name, loop, index, items[index] if has_items else None, has_items, frame)
    return frame
