"""The polling triggers, Http and ApiConnection: ask again and again, and fire when there is something new.

The contract is that of the documentation. 200 fires; any other answer below 400 starts nothing; `Location` is the
address of the next poll, without it the trigger's own; `Retry-After` says when. The rule: where the next poll begins is
committed together with the runs that this one starts, and an answer that is an error moves nothing. It is forgotten
only when something else is asked for.
https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers#http-trigger
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sallyport.actions import api_connection as api_connection_action
from sallyport.actions import http as http_action
from sallyport.actions import http_content, requests, responses, status_names
from sallyport.actions import inputs as read
from sallyport.actions.requests import Request, Send
from sallyport.engine.outcome import Failed
from sallyport.http_messages import ConnectionFailed, InboundResponse
from sallyport.statuses import Status
from sallyport.store import documents, schema
from sallyport.triggers import conditions, firing, schedule
from sallyport.triggers.context import TriggerContext, digest
from sallyport.triggers.trigger_type import Change, Look, Plan, trigger
from sallyport.wdl import retry

_OK, _ACCEPTED = 200, 202
#: What is forgotten when something else is asked for.
_KEPT = ("cursor", "previous", "origin")


def begin(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer the first poll: at once after a save, unless a start time says otherwise; then the rhythm goes on."""
    rule = ctx.rule()
    asked = _asked(ctx)
    # Whoever changes how often he asks, or what he does with the answers, has still seen what he has seen.
    same = memory.get("asked", "" if change is Change.NEW else asked) == asked
    kept = {name: memory[name] for name in _KEPT if name in memory and same} | {"asked": asked}
    if change is Change.RESUMED:
        return Plan(schedule.next_occurrence(rule, ctx.now(), saved_at=ctx.saved_at), kept)
    return Plan(schedule.first_occurrence(rule, ctx.saved_at), kept)


def begin_connection(ctx: TriggerContext, memory: Mapping[str, Any], change: Change) -> Plan:
    """Answer the first poll; what is stored until it is made, or succeeds, is not history but what it waits for."""
    plan = begin(ctx, memory, change)
    start_at = ctx.rule().start_at
    return replace(plan, waits=_has_no_place(plan.memory) and (start_at is None or start_at <= ctx.now()))


@trigger("Http", begin=begin)
async def http(ctx: TriggerContext) -> Look:
    """Poll an address."""
    inputs = _inputs(ctx)
    request = requests.stated(inputs, "uri", "GET")
    return await _poll(ctx, inputs, request, http_action.sender(ctx, request.address, inputs))


@trigger("ApiConnection", begin=begin_connection)
async def api_connection(ctx: TriggerContext) -> Look:
    """Poll an operation of a connector."""
    inputs = _inputs(ctx)
    request = requests.stated(inputs, "path", "GET")
    send = api_connection_action.caller(ctx, inputs, origin=ctx.memory.get("origin"))
    look = await _poll(ctx, inputs, request, send)
    return replace(look, waits=_has_no_place(look.memory))


@dataclass(frozen=True, slots=True)
class _Poll:
    """One poll that was answered, or was not."""

    ctx: TriggerContext
    inputs: Any
    #: When the rhythm asks for the next one; None for never.
    regular: datetime | None
    address: str
    started_at: datetime
    scheduled_at: datetime

    def look(self, **found: Any) -> Look:
        shown = {key: value for key, value in self.inputs.items() if key.casefold() != "authentication"}
        facts = {"inputs": shown, "started_at": self.started_at, "scheduled_at": self.scheduled_at}
        return Look(**{**facts, "next_at": self.regular, **found})


def _has_no_place(memory: Mapping[str, Any]) -> bool:
    """Answer whether neither an answer nor a place of the store says where the next poll begins."""
    return "cursor" not in memory and "origin" not in memory


def _inputs(ctx: TriggerContext) -> Any:
    """Answer the trigger's inputs; in them `trigger()` is what the poll before found."""
    sealed = ctx.memory.get("previous")
    return ctx.evaluate(ctx.trigger.template("inputs"), ctx.unseal(sealed) if isinstance(sealed, str) else None)


async def _poll(ctx: TriggerContext, inputs: Any, request: Request, send: Send) -> Look:
    began = ctx.now()
    cursor = ctx.memory.get("cursor")
    if isinstance(cursor, str):
        request = replace(request, address=cursor, queries={})
    request = replace(request, headers=_bounded(ctx, request.headers))
    since, scheduled = _remembered(ctx, "since", began), _remembered(ctx, "scheduled", ctx.scheduled_at)
    try:
        response = await send(request)
    except ConnectionFailed as error:
        poll = _Poll(ctx, inputs, _regular(ctx), request.address, since, scheduled)
        return _failed(poll, responses.unreachable(error))
    poll = _Poll(ctx, inputs, _regular(ctx), request.address, since, scheduled)
    return _answered(poll, response)


def _bounded(ctx: TriggerContext, headers: Mapping[str, str]) -> Mapping[str, str]:
    """Ask for no more items at a time than `splitOn` may give: more of them would fail this poll, and each after it."""
    if ctx.trigger.split_on is None or any(name.casefold() == "prefer" for name in headers):
        return headers
    return {**headers, "Prefer": f"odata.maxpagesize={firing.most_items(ctx.trigger, ctx.limits)}"}


def _answered(poll: _Poll, response: InboundResponse) -> Look:
    """Answer what a response means, by the table of the contract."""
    ctx, status = poll.ctx, response.status
    outputs = http_content.outputs(status, response.headers, response.body)
    fires, refused = _decided(poll, status, outputs)
    if status >= 400 and not fires:
        outcome = responses.outcome_of(ctx, response)
        assert isinstance(outcome, Failed)
        return _failed(poll, outcome)
    found: dict[str, Any] = {
        "code": status_names.name_of(status),
        "outputs": outputs,
        # The `Location` of a redirection is no cursor.
        "memory": _settled(ctx.memory) if status >= 300 else _moved(poll, response, outputs),
        "next_at": _next_at(poll, response),
        "event_id": ctx.event_id(poll.address),
        "decided": True,
    }
    if fires:
        return poll.look(**found)
    if refused is not None:
        found |= {"code": refused.code, "error": {"code": refused.code, "message": refused.message}}
    return poll.look(**found, status=Status.SKIPPED)


def _decided(poll: _Poll, status: int, outputs: Any) -> tuple[bool, conditions.Refusal | None]:
    """Answer whether an answer fires, as conditions on its status say, else by itself; and which condition refused."""
    ctx = poll.ctx
    asked = conditions.on_status(ctx.trigger)
    if not asked:
        return status == _OK, None
    refused = conditions.refusal(asked, ctx.scope(_fired(poll, status, outputs)), ctx.trigger.name)
    return refused is None, refused


def _fired(poll: _Poll, status: int, outputs: Any) -> dict[str, Any]:
    ended = Status.SUCCEEDED if status == _OK else Status.FAILED if status >= 400 else Status.SKIPPED
    return {
        "name": poll.ctx.trigger.name,
        "inputs": poll.inputs,
        "outputs": outputs,
        "code": status_names.name_of(status),
        "status": ended.value,
        "startTime": schema.instant(poll.started_at),
        "endTime": schema.instant(poll.ctx.now()),
        "scheduledTime": schema.instant(poll.scheduled_at),
    }


def _failed(poll: _Poll, failed: Failed) -> Look:
    """Answer that a poll is to be repeated, as the retry policy says, or has failed; what is known stays known."""
    ctx = poll.ctx
    policy = retry.parse(
        read.member(poll.inputs, "retryPolicy"), ctx.limits.retry_attempts, stateless=ctx.workflow.definition.stateless
    )
    repeats = int(ctx.memory.get("repeats", 0))
    if failed.retryable and repeats < policy.count:
        delay = policy.delay(repeats + 1, random.random())  # noqa: S311 - spreads repeats, keeps no secret
        if failed.retry_after_seconds is not None:
            delay = max(delay, min(timedelta(seconds=failed.retry_after_seconds), retry.LONGEST))
        times = {"since": schema.instant(poll.started_at), "scheduled": schema.instant(poll.scheduled_at)}
        memory = {**ctx.memory, **times, "repeats": repeats + 1}
        return poll.look(next_at=ctx.now() + delay, memory=memory, silent=True, repeats=True)
    return poll.look(
        status=Status.FAILED,
        code=failed.code,
        error={"code": failed.code, "message": failed.message},
        outputs=failed.outputs,
        memory=_settled(ctx.memory),
    )


def _moved(poll: _Poll, response: InboundResponse, outputs: Any) -> dict[str, Any]:
    """Answer what the next poll begins with: the address that the answer named, and the answer if it is asked for."""
    memory: dict[str, Any] = {"asked": _asked(poll.ctx)}
    location = response.headers.get("location", "").strip()
    if location:
        memory["cursor"] = location
    if any(reference.kind == "trigger" for reference in poll.ctx.trigger.template("inputs").references):
        memory["previous"] = poll.ctx.seal({**_fired(poll, response.status, outputs), "inputs": None})
    return memory


def _asked(ctx: TriggerContext) -> str:
    """Answer what tells one thing that a trigger asks for from another, however it proves itself and tries again."""
    inputs = ctx.trigger.raw.get("inputs")
    stated = inputs.items() if isinstance(inputs, Mapping) else ()
    kept = {key: value for key, value in stated if key.casefold() not in ("authentication", "retrypolicy")}
    return digest(documents.dumps(kept).decode())


def _settled(memory: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in memory.items() if name not in ("repeats", "since", "scheduled")}


def _next_at(poll: _Poll, response: InboundResponse) -> datetime | None:
    """Answer when to poll next: `Retry-After` decides after a 200, and after a 202 when it asks for more time."""
    seconds = responses.retry_after(poll.ctx, response)
    if poll.regular is None or seconds is None or response.status not in (_OK, _ACCEPTED):
        return poll.regular
    asked = poll.ctx.now() + timedelta(seconds=seconds)
    return asked if response.status == _OK else max(asked, poll.regular)


def _regular(ctx: TriggerContext) -> datetime | None:
    return schedule.next_occurrence(ctx.rule(), ctx.now(), saved_at=ctx.saved_at)


def _remembered(ctx: TriggerContext, name: str, otherwise: datetime) -> datetime:
    stored = ctx.memory.get(name)
    return schema.moment(stored) if isinstance(stored, str) else otherwise
