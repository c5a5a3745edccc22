"""A .NET TimeSpan is a number of ticks of 100 nanoseconds: here it becomes text, and text becomes it.

The custom formats never write the sign; the standard ones do.
"""

from __future__ import annotations

import re

from sallyport.wdl.dotnet.cultures import culture
from sallyport.wdl.dotnet.dates import TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_MINUTE, TICKS_PER_SECOND
from sallyport.wdl.dotnet.errors import FormatError, TimeSpanTextError

#: Deviation: a TimeSpan format longer than this is refused; .NET has no limit.
MAX_FORMAT_CHARACTERS = 1_024

_TEXT = re.compile(
    r"\s*(-)?(?:(\d{1,8})|(?:(\d{1,8})(?:\.|:(?=\d+:\d+:\d)))?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,7}))?)?)\s*\Z",
    re.ASCII,
)
_PIECE = re.compile(
    r"(?P<specifier>d{1,8}|h{1,2}|m{1,2}|s{1,2}|f{1,7}|F{1,7})|'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|\\(?P<escaped>.)"
    r"|%(?=[dhmsfF])",
    re.DOTALL,
)


def constant(ticks: int) -> str:
    """Format a TimeSpan with `c`: `[-][d.]hh:mm:ss[.fffffff]`."""
    days, hours, minutes, seconds, fraction = _parts(ticks)
    day_part = f"{days}." if days else ""
    fraction_part = f".{fraction:07d}" if fraction else ""
    return f"{'-' if ticks < 0 else ''}{day_part}{hours:02d}:{minutes:02d}:{seconds:02d}{fraction_part}"


def format_time_span(ticks: int, format: str = "c", locale: str = "en-US") -> str:  # noqa: A002
    """Format a TimeSpan with a standard (`c g G`) or custom format; raises FormatError or CultureError.

    https://learn.microsoft.com/dotnet/standard/base-types/standard-timespan-format-strings
    """
    point = culture(locale).numbers.decimal
    if format in ("", "c", "t", "T"):
        return constant(ticks)
    days, hours, minutes, seconds, fraction = _parts(ticks)
    sign = "-" if ticks < 0 else ""
    if format == "g":
        tail = f"{point}{fraction:07d}".rstrip("0") if fraction else ""
        return f"{sign}{f'{days}:' if days else ''}{hours}:{minutes:02d}:{seconds:02d}{tail}"
    if format == "G":
        return f"{sign}{days}:{hours:02d}:{minutes:02d}:{seconds:02d}{point}{fraction:07d}"
    return _custom(ticks, format)


def parse_time_span(text: str) -> int:
    """Parse `[-]d`, `[-][d.]hh:mm[:ss[.fffffff]]` or `[-]d:hh:mm:ss[.fffffff]` into ticks; raises TimeSpanTextError."""
    match = _TEXT.match(text) if len(text) <= 100 else None
    if match is None:
        raise TimeSpanTextError(text)
    sign, whole_days, *parts = match.groups()
    days, hours, minutes, seconds = (int(part or 0) for part in parts[:4])
    if hours > 23 or minutes > 59 or seconds > 59:
        raise TimeSpanTextError(text)
    ticks = (days + int(whole_days or 0)) * TICKS_PER_DAY + hours * TICKS_PER_HOUR + minutes * TICKS_PER_MINUTE
    ticks += seconds * TICKS_PER_SECOND + int((parts[4] or "").ljust(7, "0"))
    if ticks > 2**63 - (0 if sign else 1):
        raise TimeSpanTextError(text)
    return -ticks if sign else ticks


def _parts(ticks: int) -> tuple[int, int, int, int, int]:
    """Split the size of a TimeSpan into days, hours, minutes, seconds and the ticks that are left."""
    days, rest = divmod(abs(ticks), TICKS_PER_DAY)
    hours, rest = divmod(rest, TICKS_PER_HOUR)
    minutes, rest = divmod(rest, TICKS_PER_MINUTE)
    seconds, fraction = divmod(rest, TICKS_PER_SECOND)
    return days, hours, minutes, seconds, fraction


def _custom(ticks: int, format: str) -> str:  # noqa: A002
    if len(format) > MAX_FORMAT_CHARACTERS:
        raise FormatError(format, f"it is longer than {MAX_FORMAT_CHARACTERS} characters")
    if len(format) == 1:
        raise FormatError(format)
    written: list[str] = []
    index = 0
    while index < len(format):
        piece = _PIECE.match(format, index)
        if piece is None:
            raise FormatError(format, f"the character '{format[index]}' must be quoted or escaped")
        written.append(_specifier(ticks, piece["specifier"]) if piece["specifier"] else _literal(piece))
        index = piece.end()
    return "".join(written)


def _literal(piece: re.Match[str]) -> str:
    return piece["single"] or piece["double"] or piece["escaped"] or ""


def _specifier(ticks: int, specifier: str) -> str:
    days, hours, minutes, seconds, fraction = _parts(ticks)
    letter, count = specifier[0], len(specifier)
    if letter == "f":
        return f"{fraction:07d}"[:count]
    if letter == "F":
        return f"{fraction:07d}"[:count].rstrip("0")
    number = {"d": days, "h": hours, "m": minutes, "s": seconds}[letter]
    return f"{number:0{count}d}"
