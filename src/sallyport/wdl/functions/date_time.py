"""Date and time functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#date-and-time-functions.

Timestamps are texts, read as .NET's DateTime reads them in en-US and written with `o` when no format is given; a text
without `Z` or an offset stays without one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from sallyport.wdl import errors
from sallyport.wdl.dotnet import date_exact, date_formats, date_parse, dates, time_spans, zones
from sallyport.wdl.dotnet.dates import DateTime, Kind
from sallyport.wdl.dotnet.errors import DotnetError
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

MONTHS = {"month": 1, "year": 12}
TICKS = {
    "second": dates.TICKS_PER_SECOND,
    "minute": dates.TICKS_PER_MINUTE,
    "hour": dates.TICKS_PER_HOUR,
    "day": dates.TICKS_PER_DAY,
    "week": 7 * dates.TICKS_PER_DAY,
}


@function("utcNow", pure=False, parameters="optionally a format")
def utc_now(scope: Scope, format: Json = None) -> str:
    """Answer the current moment, in UTC."""
    return _written("utcNow", DateTime(scope.ticks(), Kind.UTC), format, 1)


@function("addSeconds", parameters="a timestamp, the number of seconds to add and optionally a format")
def add_seconds(timestamp: Json, seconds: Json, format: Json = None) -> str:
    """Add seconds, or take them off, to a timestamp."""
    return _moved("addSeconds", timestamp, seconds, dates.TICKS_PER_SECOND, format)


@function("addMinutes", parameters="a timestamp, the number of minutes to add and optionally a format")
def add_minutes(timestamp: Json, minutes: Json, format: Json = None) -> str:
    """Add minutes, or take them off, to a timestamp."""
    return _moved("addMinutes", timestamp, minutes, dates.TICKS_PER_MINUTE, format)


@function("addHours", parameters="a timestamp, the number of hours to add and optionally a format")
def add_hours(timestamp: Json, hours: Json, format: Json = None) -> str:
    """Add hours, or take them off, to a timestamp."""
    return _moved("addHours", timestamp, hours, dates.TICKS_PER_HOUR, format)


@function("addDays", parameters="a timestamp, the number of days to add and optionally a format")
def add_days(timestamp: Json, days: Json, format: Json = None) -> str:
    """Add days, or take them off, to a timestamp."""
    return _moved("addDays", timestamp, days, dates.TICKS_PER_DAY, format)


@function("addToTime", parameters="a timestamp, an interval, its time unit and optionally a format")
def add_to_time(timestamp: Json, interval: Json, unit: Json, format: Json = None) -> str:
    """Add a number of time units to a timestamp."""
    moment = _read("addToTime", timestamp)
    count = arguments.integer("addToTime", interval, 2)
    return _written("addToTime", _shifted("addToTime", moment, count, unit, 3), format, 4)


@function("subtractFromTime", parameters="a timestamp, an interval, its time unit and optionally a format")
def subtract_from_time(timestamp: Json, interval: Json, unit: Json, format: Json = None) -> str:
    """Take a number of time units off a timestamp."""
    moment = _read("subtractFromTime", timestamp)
    count = arguments.integer("subtractFromTime", interval, 2)
    return _written("subtractFromTime", _shifted("subtractFromTime", moment, -count, unit, 3), format, 4)


@function("getFutureTime", pure=False, parameters="an interval, its time unit and optionally a format")
def get_future_time(scope: Scope, interval: Json, unit: Json, format: Json = None) -> str:
    """Answer the current moment plus a number of time units."""
    count = arguments.integer("getFutureTime", interval, 1)
    now = DateTime(scope.ticks(), Kind.UTC)
    return _written("getFutureTime", _shifted("getFutureTime", now, count, unit, 2), format, 3)


@function("getPastTime", pure=False, parameters="an interval, its time unit and optionally a format")
def get_past_time(scope: Scope, interval: Json, unit: Json, format: Json = None) -> str:
    """Answer the current moment minus a number of time units."""
    count = arguments.integer("getPastTime", interval, 1)
    now = DateTime(scope.ticks(), Kind.UTC)
    return _written("getPastTime", _shifted("getPastTime", now, -count, unit, 2), format, 3)


@function("startOfHour", parameters="a timestamp and optionally a format")
def start_of_hour(timestamp: Json, format: Json = None) -> str:
    """Answer the start of a timestamp's hour."""
    return _written("startOfHour", _read("startOfHour", timestamp).floor(dates.TICKS_PER_HOUR), format, 2)


@function("startOfDay", parameters="a timestamp and optionally a format")
def start_of_day(timestamp: Json, format: Json = None) -> str:
    """Answer the start of a timestamp's day."""
    return _written("startOfDay", _read("startOfDay", timestamp).floor(dates.TICKS_PER_DAY), format, 2)


@function("startOfMonth", parameters="a timestamp and optionally a format")
def start_of_month(timestamp: Json, format: Json = None) -> str:
    """Answer the start of a timestamp's month."""
    moment = _read("startOfMonth", timestamp).floor(dates.TICKS_PER_DAY)
    first = moment.plus((1 - moment.day.day) * dates.TICKS_PER_DAY)
    return _written("startOfMonth", first, format, 2)


@function("dayOfWeek")
def day_of_week(timestamp: Json) -> int:
    """Answer a timestamp's day of the week; Sunday is 0."""
    return (_read("dayOfWeek", timestamp).day.weekday() + 1) % 7


@function("dayOfMonth")
def day_of_month(timestamp: Json) -> int:
    """Answer a timestamp's day of the month."""
    return _read("dayOfMonth", timestamp).day.day


@function("dayOfYear")
def day_of_year(timestamp: Json) -> int:
    """Answer a timestamp's day of the year."""
    return _read("dayOfYear", timestamp).day.timetuple().tm_yday


@function("ticks")
def ticks(timestamp: Json) -> int:
    """Answer the units of 100 nanoseconds from the beginning of the year 1 to a timestamp."""
    return _read("ticks", timestamp).ticks


@function("dateDifference", parameters="the start timestamp and the end timestamp")
def date_difference(start: Json, end: Json) -> str:
    """Answer the time from one timestamp to another as a TimeSpan; it is negative when the second comes first."""
    first, last = _read("dateDifference", start, 1), _read("dateDifference", end, 2)
    return time_spans.constant(last.ticks - first.ticks)


@function("formatDateTime", parameters="a timestamp and optionally a format and a locale")
def format_date_time(timestamp: Json, format: Json = None, locale: Json = None) -> str:
    """Answer a timestamp in another format."""
    return _written(
        "formatDateTime", _read("formatDateTime", timestamp), format, 2, _locale("formatDateTime", locale, 3)
    )


@function("parseDateTime", parameters="a string and optionally a locale and a format")
def parse_date_time(timestamp: Json, locale: Json = None, format: Json = None) -> str:
    """Answer the timestamp that a text written as in a locale, or in a format, stands for."""
    text, culture = arguments.text("parseDateTime", timestamp, 1), _locale("parseDateTime", locale, 2)
    if format is None:
        moment = _checked("parseDateTime", date_parse.parse_date, text, culture)
    else:
        exact = arguments.text("parseDateTime", format, 3)
        moment = _checked("parseDateTime", date_exact.parse_exact, text, exact, culture)
    return date_formats.round_trip(moment)


@function("formatTimeSpan", parameters="a TimeSpan and optionally a format and a locale")
def format_time_span(span: Json, format: Json = None, locale: Json = None) -> str:
    """Answer a TimeSpan in another format."""
    name = "formatTimeSpan"
    length = _checked(name, time_spans.parse_time_span, arguments.text(name, span, 1))
    wanted = "c" if format is None else arguments.text(name, format, 2)
    return _checked(name, time_spans.format_time_span, length, wanted, _locale(name, locale, 3))


@function("convertFromUtc", parameters="a timestamp, the destination time zone and optionally a format")
def convert_from_utc(timestamp: Json, destination: Json, format: Json = None) -> str:
    """Convert a timestamp from UTC to a time zone."""
    moment, zone = _read("convertFromUtc", timestamp), arguments.text("convertFromUtc", destination, 2)
    return _written("convertFromUtc", _checked("convertFromUtc", zones.from_utc, moment, zone), format, 3)


@function("convertToUtc", parameters="a timestamp, the source time zone and optionally a format")
def convert_to_utc(timestamp: Json, source: Json, format: Json = None) -> str:
    """Convert a timestamp from a time zone to UTC."""
    return _written("convertToUtc", _in_utc("convertToUtc", timestamp, source), format, 3)


@function(
    "convertTimeZone",
    parameters="a timestamp, the source time zone, the destination time zone and optionally a format",
)
def convert_time_zone(timestamp: Json, source: Json, destination: Json, format: Json = None) -> str:
    """Convert a timestamp from one time zone to another."""
    moment, zone = _in_utc("convertTimeZone", timestamp, source), arguments.text("convertTimeZone", destination, 3)
    return _written("convertTimeZone", _checked("convertTimeZone", zones.from_utc, moment, zone), format, 4)


def _checked(
    name: str, call: Callable[Parameters, Answer], *given: Parameters.args, **named: Parameters.kwargs
) -> Answer:
    """Call into the .NET ports; a failure gets the function's name."""
    try:
        return call(*given, **named)
    except DotnetError as error:
        raise errors.failed(name, error.message.removesuffix(".")) from None


def _read(name: str, timestamp: Json, position: int = 1) -> DateTime:
    if type(timestamp) is not str:
        raise arguments.unfit(name, "a string that contains the time", timestamp, position)
    return _checked(name, date_parse.parse_date, timestamp)


def _written(name: str, moment: DateTime, format: Json, position: int, locale: str = "en-US") -> str:
    if format is None:
        return date_formats.round_trip(moment)
    return _checked(name, date_formats.format_date, moment, arguments.text(name, format, position), locale)


def _locale(name: str, locale: Json, position: int) -> str:
    return "en-US" if locale is None else arguments.text(name, locale, position)


def _moved(name: str, timestamp: Json, count: Json, unit: int, format: Json) -> str:
    moment = _read(name, timestamp)
    ticks_moved = arguments.integer(name, count, 2) * unit
    return _written(name, _checked(name, moment.plus, ticks_moved), format, 3)


def _shifted(name: str, moment: DateTime, count: int, unit: Json, position: int) -> DateTime:
    """Move a moment by a number of time units, which are named in any case."""
    word = arguments.text(name, unit, position).casefold()
    if word in TICKS:
        return _checked(name, moment.plus, count * TICKS[word])
    if word in MONTHS:
        return _checked(name, moment.plus_months, count * MONTHS[word])
    reason = f"The time unit '{str(unit)[:40]}' is not one of Second, Minute, Hour, Day, Week, Month, Year"
    raise errors.failed(name, reason)


def _in_utc(name: str, timestamp: Json, source: Json) -> DateTime:
    moment, zone = _read(name, timestamp), arguments.text(name, source, 2)
    _checked(name, zones.zone, zone)
    if moment.kind is Kind.UNSPECIFIED:
        return _checked(name, zones.to_utc, moment, zone)
    if not zones.is_utc(zone):
        reason = f"The timestamp '{timestamp}' says its own offset, which conflicts with the source time zone '{zone}'"
        raise errors.failed(name, reason)
    return moment.with_kind(Kind.UTC)
