"""What is written can be read back, whatever the value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

import pytest
from babel.core import get_global
from hypothesis import given, settings
from hypothesis import strategies as st

from sallyport.wdl.dotnet import date_exact, date_formats, date_parse, dates, number_parse, time_spans, zones
from sallyport.wdl.dotnet.cultures import culture
from sallyport.wdl.dotnet.dates import DateTime, Kind
from sallyport.wdl.dotnet.errors import DateRangeError, DateTextError, DotnetError, FormatError
from sallyport.wdl.dotnet.number_formats import format_number
from sallyport.wdl.dotnet.windows_zones import WINDOWS_ZONES

TICKS = st.integers(0, dates.MAX_TICKS)
KINDS = st.sampled_from(list(Kind))
#: Ticks of whole seconds in 1950-2049, where two-digit years are at home.
RECENT = st.integers(711_493 * 86_400, 748_011 * 86_400 - 1).map(lambda seconds: seconds * dates.TICKS_PER_SECOND)
CULTURES = [
    "en-US",
    "en-GB",
    "fr-FR",
    "de-DE",
    "es-ES",
    "it-IT",
    "pl-PL",
    "nl-NL",
    "fi-FI",
    "sv-SE",
    "pt-BR",
    "tr-TR",
    "",
]


def outcome(call: Callable[[], Any]) -> tuple[Any, DotnetError | None]:
    """Answer what a call gives, or how it refuses; any other exception fails the test."""
    try:
        return call(), None
    except DotnetError as error:
        return None, error


@given(TICKS, KINDS)
def test_the_round_trip_format_keeps_every_tick_and_the_kind(ticks: int, kind: Kind) -> None:
    moment = DateTime(ticks, kind)
    assert date_parse.parse_date(date_formats.round_trip(moment)) == moment
    assert date_exact.parse_exact(date_formats.format_date(moment, "o"), "o") == moment


@given(TICKS)
def test_python_and_dotnet_agree_about_the_calendar(ticks: int) -> None:
    moment = DateTime(ticks, Kind.UTC)
    python = datetime(1, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
    assert date_formats.format_date(moment, "s") == python.replace(microsecond=0, tzinfo=None).isoformat()
    assert dates.from_datetime(python).ticks == ticks // 10 * 10


@pytest.mark.parametrize("name", CULTURES)
@pytest.mark.parametrize("pattern", ["d", "D", "g", "G", "f", "F"])
@settings(max_examples=10)
@given(RECENT)
def test_every_standard_format_of_a_culture_can_be_read_in_that_culture(name: str, pattern: str, ticks: int) -> None:
    text = date_formats.format_date(DateTime(ticks), pattern, name)
    read = date_parse.parse_date(text, name)
    unit = {"d": dates.TICKS_PER_DAY, "g": dates.TICKS_PER_MINUTE, "G": dates.TICKS_PER_SECOND}
    kept = unit.get(pattern) or unit[{"D": "d", "f": "g", "F": "G"}[pattern]]
    assert read.ticks == ticks - ticks % kept
    assert date_exact.parse_exact(text, pattern, name) == read


@given(st.text(max_size=40), st.sampled_from(CULTURES))
def test_any_text_is_a_date_or_a_clear_refusal(text: str, name: str) -> None:
    moment, refusal = outcome(lambda: date_parse.parse_date(text, name))
    assert isinstance(refusal, DateTextError | DateRangeError) or 0 <= moment.ticks <= dates.MAX_TICKS


@given(st.text("dfFghHKmMstyz:/'\"\\% .-x{}", max_size=20), TICKS)
def test_any_date_format_writes_or_is_refused(pattern: str, ticks: int) -> None:
    text, refusal = outcome(lambda: date_formats.format_date(DateTime(ticks), pattern))
    assert isinstance(refusal, FormatError) or len(text) <= 40 * max(len(pattern), 1)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_time_span_reads_back(ticks: int) -> None:
    assert time_spans.parse_time_span(time_spans.constant(ticks)) == ticks
    assert time_spans.parse_time_span(time_spans.format_time_span(ticks, "G")) == ticks


@given(st.floats(allow_nan=False))
def test_a_float_reads_back_from_r(number: float) -> None:
    if abs(number) != float("inf"):
        assert number_parse.parse_float(format_number(number, "R")) == number


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(CULTURES))
def test_an_integer_reads_back_from_groups_in_any_culture(number: int, name: str) -> None:
    assert number_parse.parse_float(format_number(number, "N0", name), name) == float(number)
    assert Decimal(format_number(number, "0")) == number


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20))
def test_a_decimal_reads_back_with_its_scale(number: Decimal) -> None:
    assert str(number_parse.parse_decimal(f"{number:f}")) in (str(number), str(abs(number)))


@given(
    st.one_of(
        st.integers(-(2**63), 2**63 - 1), st.floats(), st.decimals(allow_nan=False, allow_infinity=False, places=4)
    ),
    st.text("0#.,%‰eE+-;'\"\\ xG9C", max_size=20),
)
def test_any_number_format_writes_or_is_refused(number: int | float | Decimal, pattern: str) -> None:
    text, refusal = outcome(lambda: format_number(number, pattern))
    assert isinstance(refusal, FormatError) or len(text) < 2_000


@given(st.floats(-1e15, 1e15), st.integers(0, 10))
def test_fixed_digits_agree_with_python_which_rounds_the_same_exact_value(number: float, digits: int) -> None:
    assert format_number(number, f"F{digits}") == f"{number:.{digits}f}"


@given(RECENT, st.sampled_from(sorted(WINDOWS_ZONES)))
def test_a_moment_comes_back_from_every_zone_but_in_the_repeated_hour(ticks: int, zone: str) -> None:
    moment = DateTime(ticks, Kind.UTC)
    local = zones.from_utc(moment, zone)
    back = zones.to_utc(local, zone)
    assert back == moment or zones.from_utc(back, zone) == local


def test_every_windows_zone_has_rules_and_none_of_cldr_is_missing() -> None:
    assert set(WINDOWS_ZONES.values()) <= available_timezones()
    assert set(get_global("windows_zone_mapping")) <= set(WINDOWS_ZONES)
    assert len(WINDOWS_ZONES) >= 140
    for zone in WINDOWS_ZONES:
        assert zones.zone(zone) is zones.zone(zone)


def test_one_culture_does_not_leak_into_another() -> None:
    japanese = culture("ja-JP").dates.months
    assert culture("pt-BR").dates.months[1] == "fevereiro"
    assert culture("de-DE").dates.months[1] == "Februar"
    assert japanese[1] == "2月"
