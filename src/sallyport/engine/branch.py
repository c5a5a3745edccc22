"""Runs a block of actions: asks the plan, takes steps, side by side where nothing orders them.

The rule: a block that is run again after a crash or a wait finds what is finished in the records, and goes on from
there.
"""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime

from sallyport.engine import plan, step
from sallyport.engine.context import NO_ITEM, Blocks
from sallyport.engine.frame import Frame
from sallyport.engine.outcome import BlockOutcome
from sallyport.engine.plan import Plan, Skip
from sallyport.engine.records import Record, repetition_name
from sallyport.engine.run import Run, tracking_id
from sallyport.statuses import TERMINAL, Status
from sallyport.wdl.definition import Action, Block

_FAILURES = (Status.FAILED, Status.TIMED_OUT)


async def run_block(run: Run, block: Block, frame: Frame) -> BlockOutcome:
    """Run the actions of a block to the end, or until all that is left waits."""
    if not block.actions:
        return BlockOutcome(Status.SUCCEEDED)
    progress = _Progress(run, block, frame)
    try:
        await progress.go_on()
    finally:
        await progress.stop()
    if not progress.plan.finished:
        return BlockOutcome(None)
    return BlockOutcome(progress.plan.outcome(), tuple(progress.failed))


class _Progress:
    """A block on its way."""

    def __init__(self, run: Run, block: Block, frame: Frame) -> None:
        self.run = run
        self.block = block
        self.frame = frame
        self.plan = Plan(block, _recorded(run, block, frame))
        self.failed = [name for name, status in self.plan.statuses.items() if status in _FAILURES]
        self._decisions = deque(self.plan.begin())
        self._tasks: dict[asyncio.Task[Status | None], str] = {}

    async def go_on(self) -> None:
        while self._decisions or self._tasks:
            while self._decisions:
                if not self.run.may_go_on():
                    with self.run.waits.busy:
                        await self.run.take_turns()
                await self._decide(self._decisions.popleft())
            if self._tasks:
                done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._settle(self._tasks.pop(task), task.result())

    async def stop(self) -> None:
        """Cancel what is still going on, which is nothing unless the block was interrupted."""
        if self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _decide(self, decision: plan.Decision) -> None:
        action = self.block.actions[decision.name]
        if isinstance(decision, Skip):
            skip(self.run, action, self.frame, decision)
            self._settle(action.name, Status.SKIPPED)
            return
        action_type = self.run.workflow.action_types.get(action.type)
        taken = step.take(self.run, action, action_type, self.frame, BLOCKS)
        # What does nothing but compute need not be a task of its own.
        quick = action_type is None or not (action_type.effect or action_type.container)
        if quick or not (self._decisions or self._tasks):
            self._settle(action.name, await taken)
        else:
            self._tasks[asyncio.ensure_future(taken)] = action.name

    def _settle(self, name: str, status: Status | None) -> None:
        if status is None:
            return
        if status in _FAILURES:
            self.failed.append(name)
        self._decisions.extend(self.plan.settle(name, status))


async def run_iteration(run: Run, loop: Action, key: str, frame: Frame, index: int, item: object) -> BlockOutcome:
    """Run one of a loop's blocks once, as the iteration with this index, unless it is recorded as finished."""
    recorded = iteration_status(run, loop, frame, index)
    if recorded is not None:
        return BlockOutcome(recorded)
    repetition = repetition_name(frame.repetition, index)
    block = loop.blocks[key]
    began_at = _began_at(run, block, repetition)
    has_item = item is not NO_ITEM
    if index and not has_item:
        # A loop without items is read from outside by its last iteration, which the one before is no more.
        run.forget_superseded(block, repetition_name(frame.repetition, index - 1))
    inner = Frame(repetition, loop.name, index, item if has_item else None, has_item, frame)
    outcome = await run_block(run, block, inner)
    if outcome.status is not None:
        finished = Record(loop.name, repetition, outcome.status, began_at, tracking_id(), ended_at=run.clock.now())
        finished.code = "ActionFailed" if outcome.status in _FAILURES else "NotSpecified"
        finished.iteration = True
        run.records[finished.key] = finished
        run.ledger.note(finished)
        if has_item:
            run.forget(block, repetition)
    return outcome


def _began_at(run: Run, block: Block, repetition: str) -> datetime:
    """Answer when an iteration began: now, unless something in it is recorded from before a wait or a crash."""
    recorded = [record for name in block.actions if (record := run.records.get((name, repetition))) is not None]
    return min((record.started_at for record in recorded), default=run.clock.now())


def iteration_status(run: Run, loop: Action, frame: Frame, index: int) -> Status | None:
    """Answer how an iteration ended, None when it did not."""
    recorded = run.records.get((loop.name, repetition_name(frame.repetition, index)))
    return recorded.status if recorded is not None and recorded.status in TERMINAL else None


def skip_branch(run: Run, block: Block, frame: Frame) -> None:
    """Record the actions of a branch that was not chosen as skipped: its first ones for that, the others for them."""
    _skip_all(run, block, frame, plan.branch_not_taken)


def skip(run: Run, action: Action, frame: Frame, why: Skip) -> None:
    """Record an action as skipped, and with it everything inside it but the bodies of loops, which never ran."""
    if (action.name, frame.repetition) in run.records:
        return
    record = run.begin(action, frame)
    record.status, record.code, record.ended_at = Status.SKIPPED, "ActionSkipped", record.started_at
    record.error = {"code": why.code, "message": why.message}
    run.ledger.note(record)
    for block in action.blocks.values():
        if not any(inner.loops != action.loops for inner in block.actions.values()):
            _skip_all(run, block, frame, lambda name: plan.container_skipped(name, action.name))


def _skip_all(run: Run, block: Block, frame: Frame, why: plan.Reason) -> None:
    progress = Plan(block, {})
    decisions = deque(progress.begin())
    while decisions:
        decision = decisions.popleft()
        reason = decision if isinstance(decision, Skip) else why(decision.name)
        skip(run, block.actions[decision.name], frame, reason)
        decisions.extend(progress.settle(decision.name, Status.SKIPPED))


def _recorded(run: Run, block: Block, frame: Frame) -> dict[str, Status]:
    records, repetition = run.records, frame.repetition
    if not records:
        return {}
    found = {}
    for name in block.actions:
        record = records.get((name, repetition))
        if record is not None and not record.iteration:
            found[name] = record.status
    return found


#: What a container reaches of this module, through its context.
BLOCKS = Blocks(run_block, run_iteration, skip_branch, iteration_status)
