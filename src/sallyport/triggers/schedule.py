"""When a recurrence is due: a pure function of the rule, the time of saving and a moment to look from.

The rule: occurrences are computed, never walked to. Seconds to hours are counted in elapsed time; days, weeks and
months keep the wall clock of the time zone. A local time that does not exist moves forward by the length of the gap;
one that exists twice counts once, the first time.
https://learn.microsoft.com/azure/logic-apps/concepts-schedule-automated-recurring-tasks-workflows

Deviation: without a start time, later runs keep the rhythm of the time of saving; Azure counts each from the run before
it, so that they drift.
"""

from __future__ import annotations

import calendar
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sallyport.triggers.recurrence_rule import Frequency, Recurrence, Schedule
from sallyport.wdl import retry

_UNIT_SECONDS = {Frequency.SECOND: 1, Frequency.MINUTE: 60, Frequency.HOUR: 3600}
#: After so many months the calendar repeats itself; what has not occurred by then never will.
_CALENDAR_MONTHS = 400 * 12
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """One window of a sliding window trigger, in UTC."""

    start_at: datetime
    end_at: datetime
    #: When its run is due: at its start, later by the trigger's delay.
    due_at: datetime


def first_occurrence(recurrence: Recurrence, saved_at: datetime) -> datetime | None:
    """Answer when a trigger that was just saved fires first, in UTC, or None when it never will.

    A simple recurrence without a start time fires at once; one with a schedule waits for its next mark; a start time in
    the past keeps its rhythm.
    """
    return next_occurrence(recurrence, saved_at - _INSTANT, saved_at=saved_at)


def next_occurrence(recurrence: Recurrence, after: datetime, *, saved_at: datetime) -> datetime | None:
    """Answer the first occurrence later than a moment, in UTC, or None when there is none any more.

    Whoever was down or disabled asks with the present moment, and so skips what was missed.
    """
    try:
        found = _next(recurrence, after.astimezone(UTC), saved_at.astimezone(UTC))
    except OverflowError:  # beyond the year 9999
        return None
    if found is None or (recurrence.end_at is not None and found > recurrence.end_at):
        return None
    return found


def next_window(
    recurrence: Recurrence, previous: Window | None, *, saved_at: datetime, delay: timedelta = timedelta()
) -> Window | None:
    """Answer the window that follows another, or the first one; missed windows come one by one, none is left out.

    The first window begins at the start time, also one in the past; without a start time at the time of saving.
    """
    origin = recurrence.start_at or saved_at
    after = previous.start_at if previous else origin - _INSTANT
    start_at = next_occurrence(recurrence, after, saved_at=saved_at)
    if start_at is None:
        return None
    end_at = next_occurrence(recurrence, start_at, saved_at=saved_at) or recurrence.end_at
    return None if end_at is None or end_at <= start_at else Window(start_at, end_at, retry.later(start_at, delay))


def _next(recurrence: Recurrence, after: datetime, saved_at: datetime) -> datetime | None:
    origin = recurrence.start_at or saved_at
    if recurrence.schedule is None and after < origin:
        return origin
    if after < origin:
        after = origin - _INSTANT
    if recurrence.frequency in _UNIT_SECONDS:
        step = timedelta(seconds=recurrence.interval * _UNIT_SECONDS[recurrence.frequency])
        return origin + ((after - origin) // step + 1) * step
    return _next_on_the_calendar(recurrence, after, origin)


def _next_on_the_calendar(recurrence: Recurrence, after: datetime, origin: datetime) -> datetime | None:
    """Look among the days that the rule names, one more than needed: a gap may move a mark past midnight."""
    anchor = recurrence.start_local or origin.astimezone(recurrence.zone).replace(tzinfo=None)
    times = _times(recurrence, anchor)
    since = max(anchor.date(), after.astimezone(recurrence.zone).date() - timedelta(days=2))
    best: datetime | None = None
    for day in _days(recurrence, anchor.date(), since):
        if best is not None and day > best.astimezone(recurrence.zone).date():
            break
        for time in times:
            local = datetime.combine(day, datetime.min.time()) + time
            at = local.replace(tzinfo=recurrence.zone).astimezone(UTC)
            if at > after and (best is None or at < best):
                best = at
    return best


def _times(recurrence: Recurrence, anchor: datetime) -> tuple[timedelta, ...]:
    """Answer the marks within a day; what the schedule leaves out is the anchor's."""
    schedule = recurrence.schedule
    if schedule is None:
        return (anchor - anchor.replace(hour=0, minute=0, second=0, microsecond=0),)
    second = anchor.second if recurrence.start_at and not schedule.minutes else 0
    return tuple(
        timedelta(hours=hour, minutes=minute, seconds=second)
        for hour in schedule.hours or (anchor.hour,)
        for minute in schedule.minutes or (anchor.minute,)
    )


def _days(recurrence: Recurrence, anchor: date, since: date) -> Iterator[date]:
    """Give the days on which the rule may be due, in order, from a day on."""
    schedule = recurrence.schedule or Schedule()
    if recurrence.frequency == Frequency.MONTH:
        found = _days_of_months(schedule, recurrence.interval, anchor, since)
    elif recurrence.frequency == Frequency.WEEK and schedule.week_days:
        found = _days_of_weeks(schedule.week_days, recurrence.interval, anchor, since)
    else:
        step = recurrence.interval * (7 if recurrence.frequency == Frequency.WEEK else 1)
        found = _every(step, anchor, since)
    return (day for day in found if day >= since)


def _every(step: int, anchor: date, since: date) -> Iterator[date]:
    day = anchor + timedelta(days=-((anchor - since).days // step) * step)
    while True:
        yield day
        day += timedelta(days=step)


def _days_of_weeks(week_days: tuple[int, ...], interval: int, anchor: date, since: date) -> Iterator[date]:
    """Count weeks from the anchor's own.

    Microsoft does not say on which day a week begins: it is Monday here, as in ISO 8601 and RFC 5545.
    """
    first = anchor.toordinal() - anchor.weekday()
    week = first + (since.toordinal() - first) // (7 * interval) * 7 * interval
    while True:
        for week_day in week_days:
            yield _day(week + week_day)
        week += 7 * interval


def _days_of_months(schedule: Schedule, interval: int, anchor: date, since: date) -> Iterator[date]:
    first = anchor.year * 12 + anchor.month - 1
    month = first + (since.year * 12 + since.month - 1 - first) // interval * interval
    for _ in range(_CALENDAR_MONTHS // math.gcd(_CALENDAR_MONTHS, interval) + 2):
        yield from _days_of_month(schedule, *divmod(month, 12), anchor.day)
        month += interval


def _days_of_month(schedule: Schedule, year: int, month_index: int, anchor_day: int) -> list[date]:
    if year > 9999:
        raise OverflowError
    month = month_index + 1
    first_week_day, length = calendar.monthrange(year, month)
    if not (schedule.month_days or schedule.monthly_occurrences):
        return [date(year, month, min(anchor_day, length))]
    named = {day if day > 0 else length + 1 + day for day in schedule.month_days}
    for week_day, occurrence in schedule.monthly_occurrences:
        first = 1 + (week_day - first_week_day) % 7
        last = first + (length - first) // 7 * 7
        named.add(first + 7 * (occurrence - 1) if occurrence > 0 else last + 7 * (occurrence + 1))
    return [date(year, month, day) for day in sorted(named) if 1 <= day <= length]


def _day(ordinal: int) -> date:
    if not 1 <= ordinal <= date.max.toordinal():
        raise OverflowError
    return date.fromordinal(ordinal)
