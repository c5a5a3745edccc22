"""Takes one step: evaluates an action's inputs, calls its handler, and records what came of it.

This is the one place where an exception from an action becomes `Failed`. The rule of write-ahead: before an action with
an outside effect is called, everything recorded so far and the intent itself are committed.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable
from datetime import datetime, timedelta
from typing import Any

import structlog

from sallyport.engine import sizes
from sallyport.engine.action_type import ActionType
from sallyport.engine.context import ActionContext, Blocks
from sallyport.engine.frame import Frame
from sallyport.engine.interruptions import Interruption, RunEnds
from sallyport.engine.outcome import (
    Cancelled,
    EndsRun,
    Failed,
    Outcome,
    Resumption,
    Skipped,
    Succeeded,
    Suspended,
    TimedOut,
)
from sallyport.engine.records import ABSENT, Record
from sallyport.engine.run import Run
from sallyport.errors import SallyportError
from sallyport.statuses import TERMINAL, Status
from sallyport.store import schema
from sallyport.wdl import retry
from sallyport.wdl.definition import Action
from sallyport.wdl.errors import ExpressionError

log = structlog.get_logger(__name__)

#: Outcomes whose outputs are kept.
_WITH_OUTPUTS = (Succeeded, Failed, TimedOut, Cancelled)
_UNSUCCESSFUL = (Failed, TimedOut, Cancelled, Skipped)
_STATUSES = {Failed: Status.FAILED, TimedOut: Status.TIMED_OUT, Cancelled: Status.CANCELLED}

_SECURED = "What went wrong is not shown, because inputs or outputs of the action are secured."


async def take(run: Run, action: Action, action_type: ActionType | None, frame: Frame, blocks: Blocks) -> Status | None:
    """Run an action to its end and answer its status; None when it waits and the run is to be put away.

    `action_type` is None for a type that is not known here.

    Raises Interruption when the run cannot go on.
    """
    record = run.records.get((action.name, frame.repetition))
    if record is None or record.iteration:
        record = run.begin(action, frame)
    elif record.status in TERMINAL:
        return record.status
    if action_type is None:
        message = f"The action type '{action.type}' is not one that can be run."
        return _settle(run, action, record, frame, Failed("ActionTypeNotSupported", message), soon=False)
    # Nothing waits for this commit here; but the longer it takes, the more a crash would repeat, or a caller wait.
    soon = action_type.effect or action_type.responds
    step = _Step(run, action, action_type, frame, record, blocks)
    if not (action_type.effect or action_type.container):
        # What only computes is over before anybody would look for it in a trace.
        outcome = await step.outcome()
        return None if outcome is None else _settle(run, action, record, frame, outcome, soon=soon)
    told = {"sallyport.action": action.name, "sallyport.action_type": action.type}
    with run.around.recorder.span("action", told) as span:
        outcome = await step.outcome()
        span.note("sallyport.outcome", "Waiting" if outcome is None else type(outcome).__name__)
        if isinstance(outcome, Failed | TimedOut):
            span.fail(type(outcome).__name__)
    return None if outcome is None else _settle(run, action, record, frame, outcome, soon=soon)


class _Step:
    """One action on its way to an outcome."""

    __slots__ = ("action", "action_type", "context", "deadline", "policy", "record", "run")

    def __init__(
        self, run: Run, action: Action, action_type: ActionType, frame: Frame, record: Record, blocks: Blocks
    ) -> None:
        self.run = run
        self.action = action
        self.action_type = action_type
        self.record = record
        self.context = ActionContext(run, action, frame, record, blocks)
        self.deadline: datetime | None = None
        self.policy = retry.DEFAULT

    async def outcome(self) -> Outcome | None:
        """Answer how the action ended, None when it waits and the run is to be put away."""
        try:
            stated = self._prepare()
        except (ExpressionError, SallyportError) as error:
            return _failure(self.action, error)
        if stated is not None:
            return stated
        if self.action_type.container:
            return await self._contained()
        if self.action_type.effect:
            return await self._effect()
        with self.run.waits.busy:
            return await self._call()

    def _prepare(self) -> Outcome | None:
        """Evaluate what the action says of itself; answer its outcome when that is given beforehand."""
        record, action = self.record, self.action
        if record.inputs is ABSENT and not (self.action_type.container and "inputs" not in action.raw):
            template = action.template("inputs", without=self.action_type.deferred)
            inputs = self.context.evaluate(template)
            self.run.hold(record, sizes.check(inputs, self.run.limits.message_bytes, "inputs"))
            record.inputs = inputs
        if self.action_type.effect:
            # Before the call: a policy that is none must not be found out when the call has failed.
            self.policy = self._retry_policy()
        if self.action_type.effect and "limit" in action.raw:
            limit = self.context.evaluate(action.template("limit"))
            if isinstance(limit, dict) and limit.get("timeout"):
                self.deadline = retry.later(record.started_at, retry.duration(limit["timeout"], "limit.timeout"))
        return self._static_result() if "runtimeConfiguration" in action.raw else None

    def _retry_policy(self) -> retry.RetryPolicy:
        inputs = self.record.inputs
        # A webhook states it beside the address of its `subscribe` request.
        stated = _member(inputs, "retryPolicy") or _member(_member(inputs, "subscribe"), "retryPolicy")
        stateless = self.run.workflow.definition.stateless
        return retry.parse(stated, self.run.limits.retry_attempts, stateless=stateless)

    def _static_result(self) -> Outcome | None:
        configuration = self.action.raw["runtimeConfiguration"]
        bound = configuration.get("staticResult") if isinstance(configuration, dict) else None
        if not isinstance(bound, dict) or str(bound.get("staticResultOptions", "")).casefold() != "enabled":
            return None
        stated = self.run.workflow.definition.static_result(str(bound.get("name")))
        if not isinstance(stated, dict):
            # Whoever asked for a static result wants nothing sent.
            return Failed("InvalidTemplate", f"The workflow has no static result '{bound.get('name')}'.")
        return _stated(stated)

    async def _contained(self) -> Outcome | None:
        self.run.ledger.note(self.record)
        outcome = await self._call()
        # Its children wait: each of them has recorded for what, and nobody is left to wake but the run itself.
        return None if isinstance(outcome, Suspended) else outcome

    async def _effect(self) -> Outcome | None:
        """Call the outside, as often as the retry policy and the action's own waits ask for."""
        record, run = self.record, self.run
        resumed = record.waits_until is not None or record.waits_for_callback
        while True:
            if resumed and not await self._waited():
                return None
            with run.waits.busy:
                if not resumed:
                    run.ledger.note(record)
                    await run.ledger.flush()
                began_at = run.clock.now()
                outcome = await self._attempt()
                if isinstance(outcome, Suspended):
                    self._suspend(outcome)
                elif not (isinstance(outcome, Failed) and outcome.retryable and self._repeat(outcome, began_at)):
                    return outcome
                run.ledger.note(record)
                await run.ledger.flush()
            resumed = True

    async def _waited(self) -> bool:
        """Wait for what the record says; False when the run is to be put away instead."""
        record = self.record
        if not await self.run.waits.wait(record.key, record.waits_until):
            return False
        record.waits_until, record.waits_for_callback = None, False
        return True

    async def _attempt(self) -> Outcome:
        record, context = self.record, self.context
        callback = self.run.waits.callbacks.get(record.key)
        if record.memory is not None:
            context.resumed = Resumption(record.memory[0], callback)
        context.attempt = len(record.retry_history or ()) + 1
        ends_late = self.deadline is not None and self.deadline <= self.run.clock.now()
        if ends_late and callback is None and not (context.resumed and self._reported()):
            return TimedOut()
        try:
            # A subscription that comes late is heard all the same, and given up then.
            late = ends_late or self.action_type.subscribes
            async with _within(self.deadline, self.run.clock.now(), late=late):
                return await self._call()
        except TimeoutError:
            return TimedOut()

    def _reported(self) -> bool:
        """Answer whether the action waits for a report: it must hear that none came, to give back what it asked for."""
        return bool(self.record.memory and self.record.memory[1])

    def _suspend(self, outcome: Suspended) -> None:
        record = self.record
        until = outcome.until
        if self.deadline is not None:
            until = min(until, self.deadline) if until is not None else self.deadline
        # With how often it was repeated until now: what it does next has repeats of its own.
        record.memory = [outcome.state, outcome.callback, len(record.retry_history or ())]
        record.waits_until, record.waits_for_callback = until, outcome.callback

    def _repeat(self, failed: Failed, began_at: datetime) -> bool:
        """Record that the call is to be made again; False when the policy allows no more."""
        record, run = self.record, self.run
        policy, repeated = self.policy, record.retry_history or []
        before = record.memory[2] if record.memory is not None and len(record.memory) > 2 else 0
        repeat = len(repeated) - before + 1
        if repeat > policy.count:
            return False
        now = run.clock.now()
        delay = policy.delay(repeat, random.random())  # noqa: S311 - spreads repeats, keeps no secret
        if failed.retry_after_seconds is not None:
            delay = max(delay, min(timedelta(seconds=failed.retry_after_seconds), retry.LONGEST))
        if self.deadline is not None and now + delay >= self.deadline:
            return False
        entry = {
            "startTime": schema.instant(began_at),
            "endTime": schema.instant(now),
            "code": failed.code,
            "clientRequestId": record.tracking_id,
            "serviceRequestId": _their_request_id(failed.outputs),
            "error": {"code": failed.code, "message": _message(record, failed)},
        }
        record.retry_history = [*repeated, {name: value for name, value in entry.items() if value is not None}]
        record.waits_until = now + delay
        return True

    async def _call(self) -> Outcome:
        """Call the handler; what it raises becomes `Failed`, here and nowhere else."""
        try:
            called = self.action_type.handler(
                self.record.inputs if self.record.inputs is not ABSENT else None, self.context
            )
            return await (self._uncut(called) if self.action_type.subscribes else called)
        except Interruption:
            raise
        except SallyportError as error:
            return _failure(self.action, error)
        except (TimeoutError, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("action.broken", run_id=self.run.id, action=self.action.name, type=self.action.type)
            return Failed(
                "InternalServerError", f"The action '{self.action.name}' could not be run: an internal error occurred."
            )

    async def _uncut(self, called: Awaitable[Outcome]) -> Outcome:
        """Let a call go on when the run is ended meanwhile, for whoever then gives up what it was granted."""
        calling = asyncio.ensure_future(called)
        try:
            return await asyncio.shield(calling)
        except asyncio.CancelledError:
            self.run.waits.unanswered[self.record.key] = calling
            raise


@contextlib.asynccontextmanager
async def _within(deadline: datetime | None, now: datetime, *, late: bool) -> AsyncIterator[None]:
    if deadline is None or late:
        yield
    else:
        async with asyncio.timeout((deadline - now).total_seconds()):
            yield


def _settle(run: Run, action: Action, record: Record, frame: Frame, outcome: Outcome, *, soon: bool) -> Status:
    """Record an outcome, to be committed `soon` or when there is reason to.

    The record of an action that ends the run goes with the end.
    """
    if isinstance(outcome, _WITH_OUTPUTS) and outcome.outputs is not record.inputs:
        outcome = _bounded(run, outcome, record)
    record.ended_at = run.clock.now()
    record.memory, record.waits_until, record.waits_for_callback = None, None, False
    if isinstance(outcome, Succeeded):
        record.status, record.code = Status.SUCCEEDED, outcome.code
        record.outputs = ABSENT if outcome.outputs is None and action.blocks else outcome.outputs
    elif isinstance(outcome, _UNSUCCESSFUL):
        _settle_unsuccessful(record, outcome)
    elif isinstance(outcome, EndsRun):
        record.status, record.code, record.outputs = Status.SUCCEEDED, "Terminated", ABSENT
        if record.secret_inputs:
            outcome = _discreet(action, outcome)
    secret = record.secret_inputs or record.secret_outputs
    if "trackedProperties" in action.raw and not secret and not isinstance(outcome, Skipped):
        record.tracked_properties = _tracked(run, action, record, frame)
    if isinstance(outcome, EndsRun):
        raise RunEnds(outcome, record)
    run.ledger.note(record)
    run.ended_actions[record.status] = run.ended_actions.get(record.status, 0) + 1
    if soon:
        run.ledger.flush_soon()
    return record.status


def _discreet(action: Action, ending: EndsRun) -> EndsRun:
    """Answer an ending that says nothing but what stands in the definition, which is no secret."""
    written = str(action.raw.get("inputs"))
    code = ending.code if ending.code in written else "Terminated"
    return EndsRun(ending.status, code, ending.message if ending.message in written else _SECURED)


def _bounded(run: Run, outcome: Succeeded | Failed | TimedOut | Cancelled, record: Record) -> Outcome:
    """Answer an outcome whose outputs can be kept; one that is too large has failed, whatever it was."""
    try:
        run.hold(record, sizes.check(outcome.outputs, run.limits.message_bytes, "outputs"))
    except sizes.ResultTooLarge as error:
        return Failed(error.code, error.message)
    return outcome


def _settle_unsuccessful(record: Record, outcome: Failed | TimedOut | Cancelled | Skipped) -> None:
    record.code = outcome.code
    error_code = outcome.code
    if isinstance(outcome, Skipped):
        record.status, record.code = Status.SKIPPED, outcome.code
    else:
        record.status = _STATUSES[type(outcome)]
        record.outputs = ABSENT if outcome.outputs is None else outcome.outputs
    if isinstance(outcome, Failed) and outcome.error_code:
        error_code = outcome.error_code
    record.error = {"code": error_code, "message": _message(record, outcome)}


def _message(record: Record, outcome: Failed | TimedOut | Cancelled | Skipped) -> str:
    """Answer what an error says, unless it may repeat a secret: an answer's words, or what the inputs held."""
    answered = not isinstance(outcome, Skipped) and outcome.outputs is not None
    return _SECURED if record.secret_outputs or (record.secret_inputs and not answered) else outcome.message


def _tracked(run: Run, action: Action, record: Record, frame: Frame) -> Any:
    """Answer the tracked properties; one that cannot be evaluated says so and fails nothing."""
    try:
        return action.template("trackedProperties").evaluate(run.scope(frame, action, record))
    except ExpressionError as error:
        return {"error": str(error)}


def _failure(action: Action, error: SallyportError) -> Failed:
    if isinstance(error, ExpressionError):
        message = (
            f"Unable to process template language expressions in action '{action.name}' inputs at line '0' and column "
            f"'{error.column or 0}': '{error.message}'."
        )
        return Failed("BadRequest", message, error_code=error.code)
    return Failed(error.code, error.message)


def _their_request_id(outputs: Any) -> str | None:
    """Answer what the other side calls the request, when it says so."""
    headers = _member(outputs, "headers") or {}
    return next((str(value) for name, value in headers.items() if name.casefold() == "x-ms-request-id"), None)


def _stated(result: dict[str, Any]) -> Outcome:
    """Answer the outcome that a static result states."""
    status = str(result.get("status", "Succeeded")).casefold()
    outputs = result.get("outputs")
    if status == "succeeded":
        return Succeeded(outputs, str(_member(outputs, "statusCode") or "OK"))
    errors = _member(outputs, "errors") or _member(result, "error")
    error = errors[0] if isinstance(errors, list) else errors
    code = str(result.get("code") or _member(error, "code") or "StaticResult")
    message = str(_member(error, "message") or "A static result.")
    if status == "skipped":
        return Skipped(code, message)
    if status == "cancelled":
        return Cancelled(code, message, outputs)
    return TimedOut(message) if status == "timedout" else Failed(code, message, outputs)


def _member(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None
