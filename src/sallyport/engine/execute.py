"""The top of a run: runs the root block, then settles the run, puts it away, or gives it up to whoever claimed it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import structlog

from sallyport.engine import abandoned, branch, entries, sizes, start
from sallyport.engine.frame import ROOT
from sallyport.engine.interruptions import JournalFailed, RunEnds, Superseded
from sallyport.engine.outcome import EndsRun
from sallyport.engine.plan import Skip
from sallyport.engine.run import Run
from sallyport.statuses import Status
from sallyport.store import schema
from sallyport.wdl.definition import Block
from sallyport.wdl.errors import ExpressionError

#: The longest error code that a run shows, in characters.
_LONGEST_CODE = 80

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """The run has ended, and its end is committed."""

    status: Status
    #: Whether something is to be given up, now that nobody waits for it; until then the run is this process's.
    owes: bool = False
    #: Whether others go on that waited for it.
    made_room: bool = False


@dataclass(frozen=True, slots=True)
class PutAway:
    """All that is left of the run waits; it is committed when it wants attention again."""

    wake_at: str | None


@dataclass(frozen=True, slots=True)
class GivenUp:
    """This process must let go of the run; `error` says why, None when another has claimed it."""

    error: BaseException | None = None


Result = Ended | PutAway | GivenUp


async def execute(run: Run) -> Result:
    """Run a workflow from wherever its records stand; answers when it has ended or cannot go on."""
    try:
        told = {"sallyport.run_id": run.id, "sallyport.workflow": run.workflow.name}
        with run.around.recorder.span("run", told) as span:
            result = await _execute(run)
            status = result.status if isinstance(result, Ended) else Status.WAITING
            span.note("sallyport.status", status.value)
            if status in (Status.FAILED, Status.TIMED_OUT):
                span.fail(status.value)
            return result
    except Superseded:
        log.warning("run.superseded", run_id=run.id)
        return GivenUp()
    except JournalFailed as error:
        log.warning("run.stalled", run_id=run.id, error=str(error))
        return GivenUp(error.__cause__ or error)
    except Exception:
        # Whatever this is, it would happen again: the run fails, rather than be tried for ever.
        log.exception("run.broken", run_id=run.id, workflow=run.workflow.name)
        message = "The run could not go on: an internal error occurred. The log has it under the run's name."
        return await end(run, EndsRun(Status.FAILED, "InternalServerError", message))


async def end(run: Run, ending: EndsRun) -> Result:
    """End a run that nobody works on: what is in progress is cancelled, what is left is skipped."""
    try:
        return await _end(run, ending)
    except Superseded:
        return GivenUp()
    except JournalFailed as error:
        return GivenUp(error.__cause__ or error)


async def _execute(run: Run) -> Result:
    left = run.limits.run_duration - (run.clock.now() - run.started_at)
    if left.total_seconds() <= 0:
        return await _end(run, EndsRun(Status.TIMED_OUT, "WorkflowRunTimedOut", "The run took longer than it may."))
    try:
        outcome = await branch.run_block(run, run.workflow.definition.root, ROOT)
    except RunEnds as ends:
        run.ledger.note(ends.record)
        return await _end(run, ends.ending)
    except asyncio.CancelledError:
        ending = run.ending
        if ending is None:
            raise
        return await _end(run, ending)
    if outcome.status is None:
        return await _put_away(run)
    error = None
    if outcome.status is not Status.SUCCEEDED:
        error = {"code": "ActionFailed", "message": "An action failed. No dependent actions succeeded."}
    return await _settle(run, outcome.status, error)


async def _end(run: Run, ending: EndsRun) -> Result:
    now = run.clock.now()
    owed = abandoned.left(run)
    for record in owed:
        # Also of one that is asking just now: whoever finds it in the history is to give it up.
        record.waits_for_callback = True
    owes = bool(owed)
    for record in list(run.records.values()):
        if record.status is Status.RUNNING:
            record.status, record.code, record.ended_at = Status.CANCELLED, "ActionCancelled", now
            record.error = {"code": "ActionCancelled", "message": f"The run ended with status '{ending.status}'."}
            record.waits_until = None
            if not owes:
                record.memory = None
            run.ledger.note(record)
    _skip_rest(run, run.workflow.definition.root)
    error = None
    if ending.status is not Status.SUCCEEDED and (ending.code or ending.message):
        error = {"code": ending.code, "message": ending.message}
    return await _settle(run, ending.status, error, code=ending.code, owes=owes)


def _skip_rest(run: Run, block: Block) -> None:
    """Record what never began as skipped, also inside what had begun; the body of a loop has no place to say so."""
    for name, action in block.actions.items():
        reason = f"The execution of template action '{name}' is skipped: the run was terminated."
        branch.skip(run, action, ROOT, Skip(name, "Terminated", reason))
        for inner in action.blocks.values():
            if all(each.loops == action.loops for each in inner.actions.values()):
                _skip_rest(run, inner)


async def _settle(
    run: Run, status: Status, error: dict[str, Any] | None, code: str | None = None, *, owes: bool = False
) -> Ended:
    run.leaving = True
    writer = entries.Writer(run.around.seal, run.workflow.secrets.texts, run.limits.inline_content_bytes)
    outputs, failure = _outputs(run, writer)
    if failure is not None and status is Status.SUCCEEDED:
        status, error = Status.FAILED, failure
    now = run.clock.now()
    code = code or (error["code"] if error else None)
    change = {
        "status": status.value,
        "code": writer.words(code)[:_LONGEST_CODE] if code else None,
        "error": {name: writer.words(text) for name, text in error.items()} if error else None,
        "ended_at": schema.instant(now),
        "outputs": outputs,
        "owner": run.row.owner if owes else None,
        "wake_at": None,
    }
    leaving = start.leaving(run.row, run.workflow)
    await run.ledger.flush(change, leaving)
    recorder = run.around.recorder
    _report_actions(run)
    recorder.count("runs_ended_total", status.value)
    recorder.observe("run_seconds", (now - run.started_at).total_seconds())
    return Ended(status, owes, leaving.promoted > 0)


async def _put_away(run: Run) -> Result:
    run.leaving = True
    waiting = [record for record in run.records.values() if record.status is Status.RUNNING]
    moments = [record.waits_until for record in waiting if record.waits_until is not None]
    overdue = any(record.waits_for_callback and record.key in run.waits.callbacks for record in waiting)
    moments.append(run.started_at + run.limits.run_duration)
    wake_at = schema.instant(run.clock.now() if overdue else min(moments))
    await run.ledger.flush({"owner": None, "wake_at": wake_at})
    _report_actions(run)
    return PutAway(wake_at)


def _report_actions(run: Run) -> None:
    """Report how many actions have ended: all at once, because each by itself would cost more than a small action."""
    for status, number in run.ended_actions.items():
        run.around.recorder.count("actions_total", status.value, amount=number)
    run.ended_actions.clear()


def _outputs(run: Run, writer: entries.Writer) -> tuple[str | None, dict[str, Any] | None]:
    """Answer the run's outputs as stored text, and what failed when one could not be evaluated."""
    declared = run.workflow.definition.outputs
    if not declared:
        return None, None
    scope = run.scope(ROOT, None, None)
    values, hidden = {}, run.workflow.secrets.run_outputs
    for name, output in declared.items():
        try:
            value = output.value.evaluate(scope)
            sizes.check(value, run.limits.message_bytes, "outputs of the run")
        except (ExpressionError, sizes.ResultTooLarge) as error:
            code = error.code if isinstance(error, sizes.ResultTooLarge) else "InvalidTemplate"
            why = "it is secured." if name in hidden else error.message
            return None, {"code": code, "message": f"The output '{name}' cannot be evaluated: {why}"}
        values[name] = {"type": output.type, "value": entries.REDACTED if name in hidden else writer.shown(value)}
    return writer.text(values), None
