"""A trigger's `recurrence`, read from its definition into an immutable rule, with every documented limit checked.

The rule: nothing here knows when a run is due; `schedule` answers that. A value is refused with its pointer, its name,
what was written and what is allowed.
https://learn.microsoft.com/azure/logic-apps/concepts-schedule-automated-recurring-tasks-workflows

A start time that ends in `Z` wins over a `timeZone` beside it, which is then ignored, as the service does; definitions
that its designer exported contain both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from typing import TypeVar

from sallyport import errors
from sallyport.wdl.dotnet import zones
from sallyport.wdl.values import Json, is_number

T = TypeVar("T")
Ordered = TypeVar("Ordered", int, tuple[int, int])

#: How far ahead a start time may lie.
YEARS_AHEAD = 49
WEEK_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z?)", re.ASCII)


class Frequency(StrEnum):
    """The unit in which a recurrence counts."""

    SECOND = "Second"
    MINUTE = "Minute"
    HOUR = "Hour"
    DAY = "Day"
    WEEK = "Week"
    MONTH = "Month"


#: The largest `interval` of each frequency; the smallest is 1.
LARGEST_INTERVAL: Mapping[Frequency, int] = {
    Frequency.MONTH: 16,
    Frequency.WEEK: 71,
    Frequency.DAY: 500,
    Frequency.HOUR: 12_000,
    Frequency.MINUTE: 72_000,
    Frequency.SECOND: 9_999_999,
}
_DAILY = (Frequency.DAY, Frequency.WEEK, Frequency.MONTH)
#: With which frequencies a part of the schedule means anything; hours with Month is the documented "every hour on one
#: day of the month".
_ALLOWED_WITH: Mapping[str, tuple[Frequency, ...]] = {
    "minutes": _DAILY,
    "hours": _DAILY,
    "weekDays": (Frequency.WEEK,),
    "monthDays": (Frequency.MONTH,),
    "monthlyOccurrences": (Frequency.MONTH,),
}


class InvalidRecurrence(errors.SallyportError):
    """Raised when a recurrence names a value outside what is allowed; the pointer says where."""

    code = "InvalidWorkflowTriggerRecurrence"
    status = 400

    def __init__(self, pointer: str, value: object, allowed: str) -> None:
        self.pointer = pointer
        self.property = pointer.rstrip("0123456789/").rpartition("/")[2]
        self.value = value
        self.allowed = allowed
        super().__init__(f"The value {_shown(value)} of '{self.property}' at {pointer} is not valid: {allowed}.")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The marks within a day, week or month; an empty tuple leaves its part to the start time or the time of saving."""

    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    #: 0 is Monday.
    week_days: tuple[int, ...] = ()
    #: 1 to 31, or -1 for the last day and so on.
    month_days: tuple[int, ...] = ()
    #: (week day, occurrence): (4, -1) is the last Friday.
    monthly_occurrences: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Recurrence:
    """When a trigger recurs."""

    frequency: Frequency
    interval: int
    #: The zone whose wall clock is kept.
    zone: tzinfo = UTC
    #: In UTC.
    start_at: datetime | None = None
    #: In UTC; an occurrence at this very moment still counts.
    end_at: datetime | None = None
    #: None for a simple recurrence.
    schedule: Schedule | None = None
    #: The start time on the zone's wall clock as it was written, which may be one that this day has not.
    start_local: datetime | None = None


def parse(raw: object, *, now: datetime, pointer: str = "/recurrence") -> Recurrence:
    """Read a recurrence whose expressions have been evaluated.

    Property names, the frequency and the names of days are taken in any letter case; numbers also as text. Unknown
    properties are ignored. Raises InvalidRecurrence.
    """
    if not isinstance(raw, Mapping):
        raise InvalidRecurrence(pointer, raw, "it must be an object with 'frequency' and 'interval'")
    named = _Named(raw, pointer)
    frequency = named.require("frequency", _frequency)
    largest = LARGEST_INTERVAL[frequency]
    allowed = f"with frequency '{frequency}' it must be an integer from 1 to {largest}"
    interval = named.require("interval", lambda value, where: _integer(value, where, 1, largest, allowed))
    zone = named.read("timeZone", _zone) or UTC
    if str(named.get("startTime")).endswith("Z"):
        zone = UTC
    has_zone = named.get("timeZone") is not None
    start_at = named.read("startTime", lambda value, where: _start(value, where, zone, now, has_zone=has_zone))
    end_at = named.read("endTime", lambda value, where: _moment(value, where, zone, has_zone=has_zone))
    if start_at and end_at and end_at < start_at:
        raise InvalidRecurrence(f"{pointer}/endTime", named.get("endTime"), "it must not lie before 'startTime'")
    schedule = named.read("schedule", lambda value, where: _schedule(value, where, frequency))
    written = _TIME.fullmatch(str(named.get("startTime")))
    return Recurrence(frequency, interval, zone, start_at, end_at, schedule, _local(written) if written else None)


class _Named:
    """An object whose properties are found in any letter case; null and empty text count as absent."""

    def __init__(self, raw: Mapping[str, Json], pointer: str) -> None:
        self._values = {name.casefold(): value for name, value in raw.items()}
        self._pointer = pointer

    def get(self, name: str) -> Json:
        value = self._values.get(name.casefold())
        return None if value == "" else value

    def read(self, name: str, reader: Callable[[Json, str], T]) -> T | None:
        value = self.get(name)
        return None if value is None else reader(value, f"{self._pointer}/{name}")

    def require(self, name: str, reader: Callable[[Json, str], T]) -> T:
        value = self.get(name)
        if value is None:
            raise InvalidRecurrence(f"{self._pointer}/{name}", None, "it is required")
        return reader(value, f"{self._pointer}/{name}")


def _frequency(value: Json, where: str) -> Frequency:
    for frequency in Frequency:
        if isinstance(value, str) and value.casefold() == frequency.casefold():
            return frequency
    raise InvalidRecurrence(where, value, f"it must be one of {', '.join(Frequency)}")


def _integer(value: Json, where: str, smallest: int, largest: int, allowed: str) -> int:
    text = value.strip() if isinstance(value, str) else None
    if text is not None and re.fullmatch(r"-?[0-9]{1,9}", text):
        value = int(text)
    if is_number(value) and value == value // 1 and smallest <= value <= largest:
        return int(value)
    raise InvalidRecurrence(where, value, allowed)


def _zone(value: Json, where: str) -> tzinfo:
    try:
        return zones.zone(value if isinstance(value, str) else "")
    except errors.SallyportError:
        allowed = "it must be the id of a Windows time zone, such as 'Pacific Standard Time'"
        raise InvalidRecurrence(where, value, allowed) from None


def _start(value: Json, where: str, zone: tzinfo, now: datetime, *, has_zone: bool) -> datetime:
    start_at = _moment(value, where, zone, has_zone=has_zone)
    if start_at > _years_after(now, YEARS_AHEAD):
        raise InvalidRecurrence(where, value, f"it must lie at most {YEARS_AHEAD} years ahead")
    return start_at


def _moment(value: Json, where: str, zone: tzinfo, *, has_zone: bool) -> datetime:
    """Read a time in one of its two forms and answer it in UTC."""
    forms = (
        "it must have the form YYYY-MM-DDThh:mm:ss together with a 'timeZone', "
        "or YYYY-MM-DDThh:mm:ssZ without one, and no UTC offset"
    )
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None or not (found[3] or has_zone):
        raise InvalidRecurrence(where, value, forms)
    try:
        return _local(found).replace(tzinfo=UTC if found[3] else zone).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidRecurrence(where, value, "it must be a moment that the calendar has") from None


def _local(found: re.Match[str]) -> datetime:
    return datetime.fromisoformat(found[1]) + timedelta(microseconds=int((found[2] or "0").ljust(7, "0")) // 10)


def _years_after(moment: datetime, years: int) -> datetime:
    try:
        return moment.replace(year=moment.year + years)
    except ValueError:  # 29 February
        return moment.replace(year=moment.year + years, month=3, day=1)


def _schedule(value: Json, where: str, frequency: Frequency) -> Schedule | None:
    if not isinstance(value, Mapping):
        raise InvalidRecurrence(where, value, f"it must be an object with any of {', '.join(_ALLOWED_WITH)}")
    named = _Named(value, where)
    for name, frequencies in _ALLOWED_WITH.items():
        if frequency not in frequencies and named.get(name) not in (None, []):
            allowed = f"it is allowed only with frequency {' or '.join(frequencies)}, not with '{frequency}'"
            raise InvalidRecurrence(f"{where}/{name}", named.get(name), allowed)
    schedule = Schedule(
        hours=_each(named, "hours", lambda item, at: _integer(item, at, 0, 23, "an hour is an integer from 0 to 23")),
        minutes=_each(
            named, "minutes", lambda item, at: _integer(item, at, 0, 59, "a minute is an integer from 0 to 59")
        ),
        week_days=_each(named, "weekDays", _week_day),
        month_days=_each(named, "monthDays", _month_day),
        monthly_occurrences=_each(named, "monthlyOccurrences", _monthly_occurrence),
    )
    return None if schedule == Schedule() else schedule


def _each(named: _Named, name: str, reader: Callable[[Json, str], Ordered]) -> tuple[Ordered, ...]:
    """Read one value or an array of them, without repetitions, in order."""

    def read(value: Json, where: str) -> tuple[Ordered, ...]:
        if isinstance(value, list):
            return tuple(sorted({reader(item, f"{where}/{index}") for index, item in enumerate(value)}))
        return (reader(value, where),)

    return named.read(name, read) or ()


def _week_day(value: Json, where: str) -> int:
    for index, name in enumerate(WEEK_DAYS):
        if isinstance(value, str) and value.casefold() == name.casefold():
            return index
    raise InvalidRecurrence(where, value, f"it must be one of {', '.join(WEEK_DAYS)}")


def _month_day(value: Json, where: str) -> int:
    allowed = "a day of the month is an integer from 1 to 31, or from -31 to -1 counted from the end"
    day = _integer(value, where, -31, 31, allowed)
    if day == 0:
        raise InvalidRecurrence(where, value, allowed)
    return day


def _monthly_occurrence(value: Json, where: str) -> tuple[int, int]:
    """Read `{day, occurrence}`; the SDKs say `day`, the schema `dayOfWeek`."""
    if not isinstance(value, Mapping):
        raise InvalidRecurrence(where, value, "it must be an object with 'day' or 'dayOfWeek', and 'occurrence'")
    named = _Named(value, where)
    allowed = "an occurrence is an integer from 1 to 5, or from -5 to -1 counted from the end"
    day = named.require("day" if named.get("day") is not None else "dayOfWeek", _week_day)
    occurrence = named.require("occurrence", lambda item, at: _integer(item, at, -5, 5, allowed))
    if not occurrence:
        raise InvalidRecurrence(f"{where}/occurrence", occurrence, allowed)
    return day, occurrence


def _shown(value: object) -> str:
    if value is None:
        return "null"
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 64 else f"{text[:60]}..."
