"""Every row of the tables of .NET formats and texts holds; most rows stand in Microsoft's documentation."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sallyport.wdl.dotnet import date_exact, date_formats, date_parse, number_parse, time_spans, zones
from sallyport.wdl.dotnet.errors import DotnetError
from sallyport.wdl.dotnet.number_formats import format_number
from workplace import CASES

Row = dict[str, Any]


def table(name: str) -> list[Any]:
    """Read a table of cases, one parameter for each row."""
    rows = json.loads((CASES / "dotnet" / f"{name}.json").read_text("utf-8"))
    return [pytest.param(row, id=f"{name}-{number}") for number, row in enumerate(rows)]


def check(row: Row, write: Callable[[], object]) -> None:
    """Compare with what is expected, or look for a part of the message."""
    if "error" in row:
        with pytest.raises(DotnetError) as failure:
            write()
        assert row["error"] in failure.value.message
        assert len(failure.value.message) < 400
    else:
        assert write() == row["expected"]


@pytest.mark.parametrize("row", table("date_formats"))
def test_a_date_is_written_in_its_format(row: Row) -> None:
    moment = date_parse.parse_date(row["timestamp"])
    check(row, lambda: date_formats.format_date(moment, row["format"], row["locale"]))


@pytest.mark.parametrize("row", table("date_texts"))
def test_a_text_is_read_as_a_date(row: Row) -> None:
    def read() -> str:
        if "format" in row:
            return date_formats.round_trip(date_exact.parse_exact(row["text"], row["format"], row["locale"]))
        return date_formats.round_trip(date_parse.parse_date(row["text"], row["locale"]))

    check(row, read)


@pytest.mark.parametrize("row", table("number_formats"))
def test_a_number_is_written_in_its_format(row: Row) -> None:
    number = Decimal(row["number"]) if row.get("decimal") else row["number"]
    check(row, lambda: format_number(number, row["format"], row["locale"]))


@pytest.mark.parametrize("row", table("number_texts"))
def test_a_text_is_read_as_a_number(row: Row) -> None:
    locale = row.get("locale", "en-US")
    read: dict[str, Callable[[str], object]] = {
        "float": lambda text: number_parse.parse_float(text, locale),
        "integer": number_parse.parse_integer,
        "decimal": lambda text: f"{number_parse.parse_decimal(text):f}",
        "is_integer": number_parse.is_integer,
        "is_float": lambda text: number_parse.is_float(text, locale),
    }
    expected = row.get("expected")
    if isinstance(expected, dict):
        number = number_parse.parse_float(row["text"], locale)
        assert math.isnan(number) if expected["symbol"] == "nan" else number == float(expected["symbol"])
    else:
        check(row, lambda: read[row["kind"]](row["text"]))


@pytest.mark.parametrize("row", table("time_spans"))
def test_a_time_span_is_read_and_written_in_its_format(row: Row) -> None:
    check(
        row, lambda: time_spans.format_time_span(time_spans.parse_time_span(row["text"]), row["format"], row["locale"])
    )


@pytest.mark.parametrize("row", table("zones"))
def test_a_moment_is_converted_between_zones(row: Row) -> None:
    convert = zones.from_utc if row["direction"] == "from_utc" else zones.to_utc
    moment = date_parse.parse_date(row["timestamp"])
    check(row, lambda: date_formats.round_trip(convert(moment, row["zone"])))
