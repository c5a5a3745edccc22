"""Wait, in the designer Delay and Delay until: nothing happens until a moment, which costs one row however far it is.

The rule: an interval is counted from when the action began, so that a restart does not lengthen it.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dateutil.relativedelta import relativedelta

from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Outcome, Succeeded, Suspended
from sallyport.engine.records import ABSENT
from sallyport.wdl.dotnet import date_parse
from sallyport.wdl.dotnet.errors import DateTextError

_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")


# What waits must be committed before it waits, which is what the mark of an effect brings.
@action("Wait", effect=True)
async def wait(inputs: Any, ctx: ActionContext) -> Outcome:
    """Wait for an `interval`, or `until` a moment; one that has passed already is not waited for."""
    moment = _moment(inputs, ctx)
    return Suspended(until=moment) if ctx.now() < moment else Succeeded(ABSENT, "NotSpecified")


def _moment(inputs: Any, ctx: ActionContext) -> datetime:
    if read.member(inputs, "until") is not None:
        return _until(read.text(inputs, "until/timestamp"))
    count, unit = read.integer(inputs, "interval/count"), read.text(inputs, "interval/unit")
    singular = unit.strip().casefold().removesuffix("s")
    if singular not in _UNITS or count < 0:
        raise read.InvalidInputs(
            f"An interval is a number of Second, Minute, Hour, Day, Week or Month; not {count} {unit}."
        )
    try:
        return ctx.started_at + relativedelta(**{f"{singular}s": count})  # type: ignore[arg-type]
    except (OverflowError, ValueError):
        raise read.InvalidInputs(f"The interval of {count} {unit} is too long.") from None


def _until(text: str) -> datetime:
    try:
        return date_parse.parse_date(text).to_datetime().replace(tzinfo=UTC)
    except DateTextError:
        raise read.InvalidInputs(f"The 'until' of a wait is no time stamp: '{text[:80]}'.") from None
