"""The six actions that declare and change the run's variables.

The rule: a change is recorded as an operation; nothing here awaits, so that parallel branches cannot come in between.

Deviation: SetVariable may refer to the variable that it sets; Azure refuses such a definition when it is saved.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sallyport.actions import inputs as read
from sallyport.actions.join import within
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.engine.records import ABSENT
from sallyport.wdl import values

_DONE = Succeeded(ABSENT, "NotSpecified")


@action("InitializeVariable", derives=True)
async def initialize_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Declare variables with their type and first value; without one it is the type's empty one."""
    for declared in read.items(inputs, "variables"):
        stated = {"type": read.text(declared, "type"), "value": read.member(declared, "value")}
        ctx.change_variable("declare", read.text(declared, "name"), stated)
    return _DONE


@action("SetVariable", derives=True)
async def set_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Give a variable another value."""
    return _set(ctx, read.text(inputs, "name"), read.member(inputs, "value"))


@action("IncrementVariable", derives=True)
async def increment_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Add to a number, one when no value is given."""
    return _add(inputs, ctx, 1)


@action("DecrementVariable", derives=True)
async def decrement_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Take from a number, one when no value is given."""
    return _add(inputs, ctx, -1)


@action("AppendToStringVariable", derives=True)
async def append_to_string_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Add text to the end of a string."""
    name, value = read.text(inputs, "name"), read.required(inputs, "value")
    _demand(ctx, name, "string")
    addition = values.to_text(value)
    within(ctx, len(ctx.variables.get(name)) + len(addition))
    ctx.change_variable("append", name, addition)
    return _DONE


@action("AppendToArrayVariable", derives=True)
async def append_to_array_variable(inputs: Any, ctx: ActionContext) -> Outcome:
    """Add an item to the end of an array; null is none."""
    name, value = read.text(inputs, "name"), read.member(inputs, "value")
    _demand(ctx, name, "array")
    if value is None:
        raise read.InvalidInputs(
            "The value cannot be null. The action type 'AppendToArrayVariable' only supports values of types "
            "'Float, Integer, String, Boolean, Object'."
        )
    ctx.change_variable("append", name, value)
    return _DONE


def _demand(ctx: ActionContext, name: str, *types: str) -> None:
    found = ctx.variables.type(name)
    if found not in types:
        raise read.InvalidInputs(
            f"The variable '{name}' is of type '{found}'; the action needs one of type '{' or '.join(types)}'."
        )


def _add(inputs: Any, ctx: ActionContext, sign: int) -> Outcome:
    name, amount = read.text(inputs, "name"), read.member(inputs, "value")
    amount = 1 if amount is None else amount
    _demand(ctx, name, "integer", "float")
    if not values.is_number(amount):
        raise read.InvalidInputs(
            f"The variable '{name}' can change by a number only, not by a value of type '{values.type_name(amount)}'."
        )
    current = ctx.variables.get(name)
    if isinstance(current, Decimal) != isinstance(amount, Decimal):
        current, amount = float(current), float(amount)
    return _set(ctx, name, current + sign * amount)


def _set(ctx: ActionContext, name: str, value: Any) -> Outcome:
    ctx.change_variable("set", name, value)
    return Succeeded({"body": {"name": name, "value": ctx.variables.get(name)}}, "NotSpecified")
