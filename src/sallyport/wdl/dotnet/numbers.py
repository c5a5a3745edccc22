"""The numbers of .NET in one place: parsing from `number_parse`, formatting from `number_formats`.

Callers import this module; which file does the work is its own affair.
"""

from __future__ import annotations

from sallyport.wdl.dotnet.number_formats import format_number
from sallyport.wdl.dotnet.number_parse import (
    INT64_MAX,
    INT64_MIN,
    is_float,
    is_integer,
    parse_decimal,
    parse_float,
    parse_integer,
)

__all__ = [
    "INT64_MAX",
    "INT64_MIN",
    "format_number",
    "is_float",
    "is_integer",
    "parse_decimal",
    "parse_float",
    "parse_integer",
]
