"""When a recurrence is due: documented tables, the change of clocks, and what holds for every rule."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import effort
from sallyport.triggers import recurrence_rule, schedule
from sallyport.triggers.recurrence_rule import LARGEST_INTERVAL, Frequency, Recurrence, Schedule
from workplace import CASES

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OCCURRENCES = json.loads((CASES / "recurrence" / "occurrences.json").read_text("utf-8"))
DAYLIGHT = json.loads((CASES / "recurrence" / "daylight_saving.json").read_text("utf-8"))
ZONES = [
    UTC,
    *map(ZoneInfo, ["America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"]),
]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def occurrences(recurrence: Recurrence, saved_at: datetime, count: int) -> list[datetime | None]:
    found = [schedule.first_occurrence(recurrence, saved_at)]
    while len(found) < count and found[-1] is not None:
        found.append(schedule.next_occurrence(recurrence, found[-1], saved_at=saved_at))
    return found


@pytest.mark.parametrize("case", OCCURRENCES, ids=lambda case: case["name"])
def test_occurrences_are_those_of_the_documentation(case: dict[str, Any]) -> None:
    saved_at = at(case["saved"])
    rule = recurrence_rule.parse(case["recurrence"], now=saved_at)
    expected = [text and at(text) for text in case["expect"]]
    assert occurrences(rule, saved_at, len(expected)) == expected


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize(
    "case", DAYLIGHT, ids=lambda case: f"{case['zone']} {case['hour']}:{case['minute']} {case['from']}"
)
def test_the_wall_clock_is_kept_when_clocks_change(case: dict[str, Any], *, scheduled: bool) -> None:
    raw = {"frequency": "Day", "interval": 1, "timeZone": case["zone"]}
    if scheduled:
        raw["startTime"] = f"{case['from']}T00:00:00"
        raw["schedule"] = {"hours": [case["hour"]], "minutes": [case["minute"]]}
    else:
        raw["startTime"] = f"{case['from']}T{case['hour']:02}:{case['minute']:02}:00"
    rule = recurrence_rule.parse(raw, now=NOW)
    assert occurrences(rule, at(f"{case['from']}T00:00:00Z") - timedelta(days=1), 3) == [
        at(text) for text in case["expect"]
    ]


def test_marks_that_a_gap_brings_together_are_one_occurrence_and_stay_in_order() -> None:
    rule = recurrence_rule.parse(
        {
            "frequency": "Day",
            "interval": 1,
            "timeZone": "Central Standard Time",
            "startTime": "2019-03-10T00:00:00",
            "schedule": {"hours": [2, 3], "minutes": [0, 30]},
        },
        now=NOW,
    )
    expected = ["2019-03-10T08:00:00Z", "2019-03-10T08:30:00Z", "2019-03-11T07:00:00Z"]
    assert occurrences(rule, at("2019-03-01T00:00:00Z"), 3) == [at(text) for text in expected]


@pytest.mark.parametrize("marks", [None, {"hours": [2]}])
def test_a_start_time_that_its_day_has_not_is_the_wall_clock_of_the_days_after(marks: Any) -> None:
    raw = {"frequency": "Day", "interval": 1, "timeZone": "Central Standard Time", "startTime": "2019-03-10T02:30:00"}
    rule = recurrence_rule.parse({**raw, "schedule": marks}, now=at("2019-03-01T00:00:00Z"))
    expected = ["2019-03-10T08:30:00Z", "2019-03-11T07:30:00Z", "2019-03-12T07:30:00Z"]
    assert occurrences(rule, at("2019-03-01T00:00:00Z"), 3) == [at(text) for text in expected]


def test_hours_are_elapsed_time_when_clocks_change() -> None:
    raw = {"frequency": "Hour", "interval": 24, "timeZone": "Central Standard Time", "startTime": "2019-03-09T12:00:00"}
    rule = recurrence_rule.parse(raw, now=NOW)
    expected = ["2019-03-09T18:00:00Z", "2019-03-10T18:00:00Z", "2019-03-11T18:00:00Z"]
    assert occurrences(rule, at("2019-03-01T00:00:00Z"), 3) == [at(text) for text in expected]


def test_saving_in_the_hour_that_comes_twice_still_fires_at_once() -> None:
    rule = Recurrence(Frequency.DAY, 1, ZoneInfo("America/Chicago"))
    saved_at = at("2019-11-03T07:30:00Z")
    assert occurrences(rule, saved_at, 2) == [saved_at, at("2019-11-04T07:30:00Z")]


def test_what_was_missed_is_skipped() -> None:
    rule = Recurrence(Frequency.MINUTE, 10, start_at=NOW)
    assert schedule.next_occurrence(rule, NOW + timedelta(days=3, minutes=4), saved_at=NOW) == NOW + timedelta(
        days=3, minutes=10
    )


def test_the_end_of_the_calendar_ends_a_recurrence() -> None:
    rule = Recurrence(Frequency.MONTH, 16, start_at=NOW)
    assert schedule.next_occurrence(rule, datetime(9999, 12, 31, 23, tzinfo=UTC), saved_at=NOW) is None


def test_windows_begin_at_the_start_time_and_leave_nothing_out() -> None:
    rule = Recurrence(Frequency.HOUR, 1, start_at=NOW - timedelta(hours=3))
    window, windows = None, []
    for _ in range(3):
        window = schedule.next_window(rule, window, saved_at=NOW, delay=timedelta(minutes=5))
        assert window is not None
        windows.append(window)
    assert [each.start_at for each in windows] == [NOW - timedelta(hours=hours) for hours in (3, 2, 1)]
    assert [each.end_at for each in windows] == [NOW - timedelta(hours=hours) for hours in (2, 1, 0)]
    assert [each.due_at - each.start_at for each in windows] == [timedelta(minutes=5)] * 3


def test_the_last_window_ends_with_the_recurrence() -> None:
    rule = Recurrence(Frequency.HOUR, 1, start_at=NOW, end_at=NOW + timedelta(minutes=90))
    first = schedule.next_window(rule, None, saved_at=NOW)
    second = schedule.next_window(rule, first, saved_at=NOW)
    assert second == schedule.Window(NOW + timedelta(hours=1), NOW + timedelta(minutes=90), NOW + timedelta(hours=1))
    assert schedule.next_window(rule, second, saved_at=NOW) is None


def test_a_rule_of_seconds_that_began_a_hundred_years_ago_costs_no_more_than_any_other() -> None:
    rules = [
        Recurrence(Frequency.SECOND, 1, start_at=at("1926-01-01T00:00:00Z")),
        Recurrence(Frequency.DAY, 1, ZONES[1], at("1926-01-01T00:00:00Z"), schedule=Schedule(hours=(8,))),
        Recurrence(Frequency.WEEK, 2, ZONES[1], at("1926-01-01T00:00:00Z"), schedule=Schedule(week_days=(0, 6))),
        Recurrence(Frequency.MONTH, 7, ZONES[1], at("1926-01-01T00:00:00Z"), schedule=Schedule(month_days=(-1,))),
    ]
    with effort.at_most(1.0):
        for rule in rules:
            for _ in range(50):
                assert schedule.first_occurrence(rule, NOW) is not None


moments = st.datetimes(datetime(1990, 1, 1), datetime(2074, 1, 1), timezones=st.just(UTC))
hours = st.lists(st.integers(0, 23), max_size=3, unique=True).map(lambda each: tuple(sorted(each)))
minutes = st.lists(st.integers(0, 59), max_size=3, unique=True).map(lambda each: tuple(sorted(each)))


@st.composite
def recurrences(draw: st.DrawFn) -> Recurrence:
    frequency = draw(st.sampled_from(Frequency))
    interval = draw(st.integers(1, LARGEST_INTERVAL[frequency]))
    scheduled: Schedule | None = None
    if frequency in (Frequency.DAY, Frequency.WEEK, Frequency.MONTH) and draw(st.booleans()):
        week_days = tuple(sorted(draw(st.sets(st.integers(0, 6), max_size=3)))) if frequency == Frequency.WEEK else ()
        days = st.sets(st.integers(-28, 28).filter(bool), max_size=3)
        month_days = tuple(sorted(draw(days))) if frequency == Frequency.MONTH else ()
        scheduled = Schedule(draw(hours), draw(minutes), week_days, month_days)
    start_at = draw(st.none() | moments.map(lambda moment: moment.replace(microsecond=0)))
    return Recurrence(frequency, interval, draw(st.sampled_from(ZONES)), start_at, schedule=scheduled)


@given(recurrences(), moments)
def test_occurrences_strictly_increase_and_never_precede_start_or_saving(rule: Recurrence, saved_at: datetime) -> None:
    found = occurrences(rule, saved_at, 4)
    assert all(each is not None for each in found)
    present = [each for each in found if each is not None]
    assert present == sorted(set(present))
    assert present[0] >= max(saved_at, rule.start_at or saved_at)


@given(recurrences(), moments, st.timedeltas(timedelta(), timedelta(days=4000)), st.integers(1, 3))
def test_no_occurrence_is_missed_whichever_moment_one_looks_from(
    rule: Recurrence, saved_at: datetime, later: timedelta, count: int
) -> None:
    after = saved_at + later
    found = schedule.next_occurrence(rule, after, saved_at=saved_at)
    assert found is not None
    assert found > after
    between = after + (found - after) / (count + 1)
    assert schedule.next_occurrence(rule, between, saved_at=saved_at) == found
    assert schedule.next_occurrence(rule, found - timedelta(microseconds=1), saved_at=saved_at) == found


@given(recurrences(), moments)
def test_every_occurrence_satisfies_its_schedule(rule: Recurrence, saved_at: datetime) -> None:
    if rule.schedule is None:
        return
    for found in occurrences(rule, saved_at, 4):
        assert found is not None
        local = found.astimezone(rule.zone)
        # Moved by a gap: the mark is the wall clock before the clocks went forward.
        marks = [local, local - timedelta(minutes=30), local - timedelta(hours=1), local - timedelta(days=1)]
        assert any(_satisfies(rule.schedule, mark) for mark in marks[: 1 if _exists_everywhere(found, rule) else None])


def _exists_everywhere(found: datetime, rule: Recurrence) -> bool:
    before = (found - timedelta(days=1)).astimezone(rule.zone).utcoffset()
    return before == found.astimezone(rule.zone).utcoffset()


def _satisfies(wanted: Schedule, local: datetime) -> bool:
    last = (local.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return (
        (not wanted.hours or local.hour in wanted.hours)
        and (not wanted.minutes or local.minute in wanted.minutes)
        and (not wanted.week_days or local.weekday() in wanted.week_days)
        and (not wanted.month_days or bool({local.day, local.day - last.day - 1} & set(wanted.month_days)))
    )


@given(st.sampled_from(ZONES), moments, st.integers(0, 23), st.integers(0, 59))
def test_a_daily_rule_fires_once_on_each_day_whatever_the_clocks_do(
    zone: tzinfo, start: datetime, hour: int, minute: int
) -> None:
    rule = Recurrence(Frequency.DAY, 1, zone, start.replace(microsecond=0), schedule=Schedule((hour,), (minute,)))
    found = [each for each in occurrences(rule, start, 400) if each is not None]
    apart = [later - earlier for earlier, later in itertools.pairwise(found)]
    assert all(timedelta(hours=22) <= each <= timedelta(hours=26) for each in apart)
