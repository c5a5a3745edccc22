"""Numeric and date functions. Numbers are 64-bit integers.

https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-numeric
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from dateutil import parser as date_parser
from dateutil.relativedelta import relativedelta

from sallyport.arm import values
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import function
from sallyport.arm.scope import Scope
from sallyport.arm.values import Json
from sallyport.wdl.dotnet import date_formats, dates
from sallyport.wdl.dotnet.errors import DotnetError

_LARGEST = 2**63


def _checked(value: int, name: str) -> int:
    if not -_LARGEST <= value < _LARGEST:
        raise TemplateError(f"The result of '{name}' is not a 64-bit integer.")
    return value


@function("add")
def add(left: Json, right: Json) -> int:
    """Add."""
    return _checked(values.integer(left, "add") + values.integer(right, "add"), "add")


@function("sub")
def sub(left: Json, right: Json) -> int:
    """Subtract."""
    return _checked(values.integer(left, "sub") - values.integer(right, "sub"), "sub")


@function("mul")
def mul(left: Json, right: Json) -> int:
    """Multiply."""
    return _checked(values.integer(left, "mul") * values.integer(right, "mul"), "mul")


@function("div")
def div(left: Json, right: Json) -> int:
    """Divide, towards zero."""
    dividend, divisor = _division(left, right, "div")
    quotient = abs(dividend) // abs(divisor)
    return _checked(quotient if (dividend < 0) == (divisor < 0) else -quotient, "div")


@function("mod")
def mod(left: Json, right: Json) -> int:
    """Answer the remainder, with the sign of the dividend."""
    dividend, divisor = _division(left, right, "mod")
    remainder = abs(dividend) % abs(divisor)
    return -remainder if dividend < 0 else remainder


def _division(left: Json, right: Json, name: str) -> tuple[int, int]:
    divisor = values.integer(right, name)
    if divisor == 0:
        raise TemplateError(f"The function '{name}' cannot divide by zero.")
    return values.integer(left, name), divisor


@function("int")
def to_int(value: Json) -> int:
    """Make an integer of text or a number."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise TemplateError("The argument of 'int' is not an integer.")
        return _checked(int(value), "int")
    if isinstance(value, str):
        if not re.fullmatch(r"\s*[+-]?[0-9]{1,19}\s*", value):
            raise TemplateError("The argument of 'int' is not an integer.")
        return _checked(int(value), "int")
    return values.integer(value, "int")


@function("float")
def to_float(value: Json) -> float:
    """Make a floating-point number of text or a number."""
    try:
        return float(value)  # type: ignore[arg-type]  # what is neither text nor a number is refused below
    except (TypeError, ValueError, OverflowError):
        raise TemplateError("The argument of 'float' is not a number.") from None


@function("min")
def minimum(first: Json, *more: Json) -> int:
    """Answer the smallest."""
    return min(_numbers(first, more, "min"))


@function("max")
def maximum(first: Json, *more: Json) -> int:
    """Answer the largest."""
    return max(_numbers(first, more, "max"))


def _numbers(first: Json, more: Sequence[Json], name: str) -> list[int]:
    listed = first if isinstance(first, list) and not more else [first, *more]
    if not listed:
        raise TemplateError(f"The array given to '{name}' is empty.")
    return [values.integer(value, name) for value in listed]


@function("copyIndex", needs_scope=True)
def copy_index(scope: Scope, loop_or_offset: Json = None, offset: Json = 0) -> int:
    """Answer the number of the current iteration of a copy loop, plus an offset."""
    if isinstance(loop_or_offset, str):
        return scope.copy_index(loop_or_offset) + values.integer(offset, "copyIndex")
    return scope.copy_index(None) + (0 if loop_or_offset is None else values.integer(loop_or_offset, "copyIndex"))


@function("utcNow", needs_scope=True)
def utc_now(scope: Scope, pattern: Json = "yyyyMMddTHHmmssZ") -> str:
    """Answer the time of the deployment."""
    now = scope.environment.now
    if now is None:
        scope.report.note(
            "utcNow() has no value until the template is deployed; the start of the year 2000 stands for it."
        )
        now = datetime(2000, 1, 1, tzinfo=UTC)
    return written(now.astimezone(UTC), values.text(pattern, "utcNow"))


@function("dateTimeAdd")
def date_time_add(start: Json, duration: Json, pattern: Json = "u") -> str:
    """Add an ISO 8601 duration to a time."""
    text = values.text(duration, "dateTimeAdd")
    match = re.fullmatch(
        r"(-?)P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,6})D)?"
        r"(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?",
        text,
    )
    if match is None:
        raise TemplateError("The duration of 'dateTimeAdd' is not an ISO 8601 duration.")
    keys = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
    amounts = {key: int(number or 0) for key, number in zip(keys, match.groups()[1:], strict=True)}
    step = relativedelta(**amounts)  # type: ignore[arg-type]  # the keys are integers' names
    try:
        moved = _time(start) - step if match[1] else _time(start) + step
    except (OverflowError, ValueError):
        raise TemplateError("The result of 'dateTimeAdd' is not a date.") from None
    return written(moved, values.text(pattern, "dateTimeAdd"))


@function("dateTimeFromEpoch")
def date_time_from_epoch(seconds: Json) -> str:
    """Write the time of a number of seconds after 1970."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=values.integer(seconds, "dateTimeFromEpoch"))
    except OverflowError:
        raise TemplateError("The result of 'dateTimeFromEpoch' is not a date.") from None
    return written(moment, "yyyy-MM-ddTHH:mm:ssZ")


@function("dateTimeToEpoch")
def date_time_to_epoch(text: Json) -> int:
    """Count the seconds from 1970 to a time."""
    return int(_time(text).timestamp())


def _time(value: Json) -> datetime:
    try:
        moment = date_parser.isoparse(values.text(value, "dateTimeAdd").replace(" ", "T"))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise TemplateError("The text is not an ISO 8601 time.") from None


def written(moment: datetime, pattern: str) -> str:
    """Answer a time in a .NET format, standard or custom, in the invariant culture."""
    try:
        return date_formats.format_date(dates.from_datetime(moment), pattern, "")
    except DotnetError as error:
        raise TemplateError(error.message) from None
