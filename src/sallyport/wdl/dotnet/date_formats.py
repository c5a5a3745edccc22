"""DateTime to text, in .NET's standard and custom formats.

A format is compiled once into a `str.format` template whose first eight places are numbers; names and the rarer pieces
are computed only when the format has them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache

from sallyport.wdl.dotnet import date_tokens
from sallyport.wdl.dotnet.cultures import Culture, DateWords, culture
from sallyport.wdl.dotnet.date_tokens import Token
from sallyport.wdl.dotnet.dates import TICKS_PER_DAY, TICKS_PER_HOUR, TICKS_PER_SECOND, DateTime

_Piece = Callable[[DateTime, date], str]
_Format = Callable[[DateTime], str]

#: The numeric specifiers as places of the template: year, month, day, hour, minute, second, ticks, hour of twelve.
_PLACES = {
    ("M", 1): "{1}", ("M", 2): "{1:02d}", ("d", 1): "{2}", ("d", 2): "{2:02d}",
    ("H", 1): "{3}", ("H", 2): "{3:02d}", ("h", 1): "{7}", ("h", 2): "{7:02d}",
    ("m", 1): "{4}", ("m", 2): "{4:02d}", ("s", 1): "{5}", ("s", 2): "{5:02d}", ("f", 7): "{6:07d}",
}  # fmt: skip


def format_date(moment: DateTime, format: str = "o", locale: str = "en-US") -> str:  # noqa: A002
    """Format a DateTime; raises FormatError or CultureError.

    https://learn.microsoft.com/dotnet/standard/base-types/standard-date-and-time-format-strings
    """
    return _compiled(format, locale)(moment)


def round_trip(moment: DateTime) -> str:
    """Format with `o`, the default of every function: seven digits behind the second, then the zone."""
    days, time = divmod(moment.ticks, TICKS_PER_DAY)
    seconds, fraction = divmod(time, TICKS_PER_SECOND)
    minutes, second = divmod(seconds, 60)
    # date.isoformat pads the year to four digits, in C.
    day = date.fromordinal(days + 1).isoformat()
    return f"{day}T{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}.{fraction:07d}{moment.kind.value}"


@lru_cache(maxsize=256)
def _compiled(format: str, locale: str) -> _Format:  # noqa: A002
    found = culture(locale)
    if format in ("o", "O"):
        return round_trip
    pattern = date_tokens.expand(format, found.dates)
    if format in ("r", "R"):
        found = culture("")
    return _compile(date_tokens.tokens(pattern), found)


def _compile(tokens: list[Token], found: Culture) -> _Format:
    words = found.dates
    has_day = any(token.letter == "d" and token.count <= 2 for token in tokens)
    template: list[str] = []
    pieces: list[_Piece] = []
    for index, token in enumerate(tokens):
        place = _PLACES.get((token.letter, token.count)) or _fixed(token, words)
        if place is None:
            place = f"{{{8 + len(pieces)}}}"
            pieces.append(_piece(token, words, has_day=has_day))
            if token.letter == "F" and template and tokens[index - 1].text == ".":
                # "If the fraction is zero, the point before it goes too": the piece writes its own point.
                template.pop()
                pieces[-1] = _fraction_with_point(token.count)
        template.append(place)
    return _formatter("".join(template), tuple(pieces))


def _formatter(template: str, pieces: tuple[_Piece, ...]) -> _Format:
    fill = template.format

    def write(moment: DateTime) -> str:
        days, time = divmod(moment.ticks, TICKS_PER_DAY)
        day = date.fromordinal(days + 1)
        seconds, fraction = divmod(time, TICKS_PER_SECOND)
        minutes, second = divmod(seconds, 60)
        hour, minute = divmod(minutes, 60)
        numbers = (day.year, day.month, day.day, hour, minute, second, fraction, (hour - 1) % 12 + 1)
        return fill(*numbers, *[piece(moment, day) for piece in pieces])

    return write


def _fixed(token: Token, words: DateWords) -> str | None:
    """Answer the template of pieces that need no work at run time."""
    if token.letter == "":
        return _escape(token.text)
    if token.letter == ":":
        return _escape(words.time_separator)
    if token.letter == "/":
        return _escape(words.date_separator)
    if token.letter == "y" and token.count > 2:
        return f"{{0:0{token.count}d}}"
    return _escape(words.era) if token.letter == "g" else None


def _escape(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _piece(token: Token, words: DateWords, *, has_day: bool) -> _Piece:
    letter, count = token.letter, token.count
    if letter == "d":
        names = words.short_days if count == 3 else words.days
        return lambda _moment, day: names[(day.weekday() + 1) % 7]
    if letter == "M":
        return _month_name(words, short=count == 3, has_day=has_day)
    if letter == "y":
        return lambda _moment, day: f"{day.year % 100:0{count}d}"
    if letter == "f":
        return lambda moment, _day: f"{moment.ticks % TICKS_PER_SECOND:07d}"[:count]
    if letter == "F":
        return lambda moment, _day: f"{moment.ticks % TICKS_PER_SECOND:07d}"[:count].rstrip("0")
    if letter == "t":
        return _half_day(words, count)
    if letter == "K":
        return lambda moment, _day: moment.kind.value
    # Every kind is in UTC or in the server's zone, which is UTC too.
    offset = ("+0", "+00", "+00:00")[count - 1]
    return lambda _moment, _day: offset


def _month_name(words: DateWords, *, short: bool, has_day: bool) -> _Piece:
    if short:
        names = words.short_months_with_day if has_day else words.short_months
    else:
        names = words.months_with_day if has_day else words.months
    return lambda _moment, day: names[day.month - 1]


def _half_day(words: DateWords, count: int) -> _Piece:
    am, pm = (words.am[:1], words.pm[:1]) if count == 1 else (words.am, words.pm)
    return lambda moment, _day: pm if moment.ticks % TICKS_PER_DAY >= 12 * TICKS_PER_HOUR else am


def _fraction_with_point(count: int) -> _Piece:
    def write(moment: DateTime, _day: date) -> str:
        digits = f"{moment.ticks % TICKS_PER_SECOND:07d}"[:count].rstrip("0")
        return f".{digits}" if digits else ""

    return write
