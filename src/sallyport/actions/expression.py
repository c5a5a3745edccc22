"""Expression: one function of the language as an action of its own: the designer's Date Time and Text functions."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded
from sallyport.wdl import template

#: By kind, the function and the inputs that are its parameters, in order.
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "AddToTime": ("addToTime", ("baseTime", "interval", "timeUnit", "formatString")),
        "ConvertTimeZone": (
            "convertTimeZone",
            ("baseTime", "sourceTimeZone", "destinationTimeZone", "formatString"),
        ),
        "CurrentTime": ("utcNow", ("formatString",)),
        "GetFutureTime": ("getFutureTime", ("interval", "timeUnit", "formatString")),
        "GetPastTime": ("getPastTime", ("interval", "timeUnit", "formatString")),
        "SubtractFromTime": ("subtractFromTime", ("baseTime", "interval", "timeUnit", "formatString")),
        "IndexOf": ("indexOf", ("text", "searchText")),
        "Substring": ("substring", ("text", "startPosition", "length")),
    }
)
_WHOLE_NUMBERS = frozenset({"interval", "startPosition", "length"})
_OPTIONAL = frozenset({"formatString", "length"})


@action("Expression", derives=True)
async def expression(inputs: Any, ctx: ActionContext) -> Outcome:
    """Answer what the function that the action's kind names makes of the inputs, as `body`."""
    kind = (ctx.action.kind or "").casefold()
    found = next((known for known in _KINDS if known.casefold() == kind), None)
    if found is None:
        kinds = ", ".join(sorted(_KINDS))
        raise read.InvalidInputs(f"The kind '{ctx.action.kind or ''}' is not one of: {kinds}.")
    function, names = _KINDS[found]
    given = {name: value for name in names if (value := _parameter(inputs, name)) is not None}
    call = ", ".join(f"item()['{name}']" for name in names if name in given)
    (result,) = await ctx.evaluate_each(template.compile_template(f"@{function}({call})"), [given])
    return Succeeded({"body": result})


def _parameter(inputs: Any, name: str) -> Any:
    if read.member(inputs, name) is None and name in _OPTIONAL:
        return None
    return read.integer(inputs, name) if name in _WHOLE_NUMBERS else read.required(inputs, name)
