"""Text to DateTime, as `DateTime.Parse` reads it: ISO 8601, or numbers and names of months in the culture's order.

Deviation: a text without a year, or with a time alone, is refused; .NET takes what is missing from the day of the
evaluation, which makes the result of the same expression change overnight.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sallyport.wdl.dotnet import date_words, dates
from sallyport.wdl.dotnet.cultures import Culture, DateWords, culture
from sallyport.wdl.dotnet.date_words import Vocabulary
from sallyport.wdl.dotnet.dates import DateTime, Kind
from sallyport.wdl.dotnet.errors import DateTextError

#: A longer text is refused unread.
MAX_CHARACTERS = 256
#: A year of two digits up to this one is in this century.
TWO_DIGIT_YEAR_MAX = 49

_ISO = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:T|\s+|(Z)\s*)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?\s*"
    r"(Z|GMT|[+-]\d{1,2}(?::?\d{2})?)?\s*\Z",
    re.ASCII | re.IGNORECASE,
)
_TIME = re.compile(r"(?<!\d)(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:[.,](\d+))?)?(?![\d:])", re.ASCII)
_HOUR_ALONE = re.compile(r"(?<!\d)(\d{1,2})(?=\s*\x00[ap])", re.ASCII)
_HALF_DAY = re.compile("\x00([ap])")
_ZONE = re.compile(r"\s*(Z|GMT|[+-]\d{1,2}(?::?\d{2})?)\s*\Z", re.ASCII | re.IGNORECASE)
_PART = re.compile(r"([0-9]+)|([^\W\d_][^\d\s,/-]*)|[\s,./-]+|(.)", re.DOTALL)
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\x00": "\x01"})


@lru_cache(maxsize=512)
def parse_date(text: str, locale: str = "en-US") -> DateTime:
    """Parse a date and time; raises DateTextError, or CultureError.

    `Z` gives kind UTC, an offset gives the moment in UTC with kind LOCAL, nothing gives UNSPECIFIED.
    """
    if len(text) > MAX_CHARACTERS:
        raise DateTextError(text, f"it is longer than {MAX_CHARACTERS} characters")
    iso = _ISO.match(text)
    if iso is not None:
        # `1970-01-01Z00:00:00`, with the zone between date and time, is how flows write the first second of Unix.
        year, month, day, early, hour, minute, second, fraction, zone = iso.groups()
        clock = time_of_day(text, hour, minute, second, fraction)
        return in_zone(text, day_of(text, int(year), int(month), int(day)).plus(clock), zone or early)
    return _parse_words(text, culture(locale))


def day_of(text: str, year: int, month: int, day: int) -> DateTime:
    """Build midnight of a calendar day, or raise DateTextError."""
    try:
        return dates.of_day(year, month, day)
    except (ValueError, OverflowError) as error:
        raise DateTextError(text, "there is no such day in the calendar") from error


def full_year(year: int, digits: int) -> int:
    """Put a year of two digits into its century: 49 is 2049, 50 is 1950."""
    if digits > 2:
        return year
    return year + (2000 if year <= TWO_DIGIT_YEAR_MAX else 1900)


def time_of_day(text: str, hour: str | None, minute: str | None, second: str | None, fraction: str | None) -> int:
    """Add up the parts of a time, in ticks since midnight; raises DateTextError."""
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise DateTextError(text, "there is no such time of day")
    ticks = round(int(fraction[:17]) * 10 ** (7 - len(fraction[:17]))) if fraction else 0
    return hours * dates.TICKS_PER_HOUR + minutes * dates.TICKS_PER_MINUTE + seconds * dates.TICKS_PER_SECOND + ticks


def half_day(text: str, hour: int, mark: str) -> int:
    """Turn an hour with AM (`a`) or PM (`p`) into one of 24; raises DateTextError."""
    if mark == "a":
        if hour > 12:
            raise DateTextError(text, "there is no such hour before noon")
        return hour % 12
    return hour + 12 if hour < 12 else hour


def in_zone(text: str, moment: DateTime, zone: str | None) -> DateTime:
    """Apply `Z`, `GMT` or an offset; raises DateTextError for an offset beyond 14 hours."""
    if not zone:
        return moment
    if zone[0] in "ZzGg":
        return moment.with_kind(Kind.UTC)
    digits = zone[1:].replace(":", "")
    hours, minutes = (int(digits), 0) if len(digits) <= 2 else (int(digits[:-2]), int(digits[-2:]))
    offset = (hours * 60 + minutes) * dates.TICKS_PER_MINUTE
    if minutes > 59 or offset > 14 * dates.TICKS_PER_HOUR:
        raise DateTextError(text, "its offset from UTC is out of range")
    return moment.plus(offset if zone[0] == "-" else -offset).with_kind(Kind.LOCAL)


def _parse_words(text: str, found: Culture) -> DateTime:
    """Read a text that is not ISO 8601: first the time with its zone, then what is left as a date."""
    vocabulary = date_words.vocabulary(found.name)
    rest = _mark_half_day(text.translate(_SPACES).strip(), found.dates)
    if found.dates.time_separator != ":":
        # Finnish writes dates and times with points: what stands last, apart from the rest, is the time.
        separator = re.escape(found.dates.time_separator)
        end = rf" (\d{{1,2}}){separator}(\d{{2}})(?:{separator}(\d{{2}}))?\Z"
        rest = re.sub(end, lambda match: " " + ":".join(filter(None, match.groups())), rest)
    mark = _HALF_DAY.search(rest)
    time = _TIME.search(rest) or (_HOUR_ALONE.search(rest) if mark else None)
    clock, zone = 0, None
    if time is not None:
        hour = half_day(text, int(time[1]), mark[1]) if mark else int(time[1])
        clock = time_of_day(text, str(hour), *(time.groups()[1:] or (None, None, None)))
        before, after = rest[: time.start()], _HALF_DAY.sub("", rest[time.end() :], count=1)
        zone_match = _ZONE.search(after)
        if zone_match is not None and not re.search(r"\d", after[: zone_match.start()]):
            zone, after = zone_match.group(1), after[: zone_match.start()]
        rest = f"{re.sub(r'(?<=[0-9])[Tt] *$', ' ', _HALF_DAY.sub('', before))} {after}"
    return in_zone(text, _parse_day(text, rest, vocabulary).plus(clock), zone)


def _mark_half_day(text: str, words: DateWords) -> str:
    """Put NUL and `a` or `p` in place of the culture's AM and PM."""
    for mark, names in (("a", (words.am, "AM")), ("p", (words.pm, "PM"))):
        for name in filter(None, names):
            found = re.search(rf"(?<![^\W\d_]){re.escape(name)}(?![^\W\d_])", text, re.IGNORECASE)
            if found:
                return f"{text[: found.start()]}\x00{mark}{text[found.end() :]}"
    return text


def _parse_day(text: str, rest: str, vocabulary: Vocabulary) -> DateTime:
    numbers: list[str] = []
    month = weekday = None
    names, rest = vocabulary.take_compounds(rest)
    for digits, word, other in [*(("", name, "") for name in names), *_PART.findall(rest)]:
        name = date_words.fold(word)
        if digits:
            numbers.append(digits)
        elif word and month is None and name in vocabulary.months:
            month = vocabulary.months[name]
        elif word and name in vocabulary.fillers:
            continue
        elif word and weekday is None and name in vocabulary.days:
            weekday = vocabulary.days[name]
        elif word or other:
            raise DateTextError(text)
    moment = _assemble(text, numbers, month, vocabulary.order)
    if weekday is not None and (moment.day.weekday() + 1) % 7 != weekday:
        raise DateTextError(text, "the day of week was incorrect")
    return moment


def _assemble(text: str, numbers: list[str], month: int | None, order: str) -> DateTime:
    """Decide which number is the year, which the month and which the day."""
    if any(len(number) > 4 for number in numbers):
        raise DateTextError(text)
    fields = _named_month_order(numbers, order) if month else _number_order(numbers, order)
    if len(fields) != len(numbers) or "y" not in fields:
        raise DateTextError(text, "it has no year" if 0 < len(numbers) < 3 else "")
    found = {field: int(number) for field, number in zip(fields, numbers, strict=True)}
    year = full_year(found["y"], len(numbers[fields.index("y")]))
    return day_of(text, year, month or found["M"], found.get("d", 1))


def _named_month_order(numbers: list[str], order: str) -> str:
    if len(numbers) == 1:
        return "y" if len(numbers[0]) > 2 else ""
    if len(numbers) != 2:
        return ""
    return "yd" if len(numbers[0]) > 2 or (order[0] == "y" and len(numbers[1]) <= 2) else "dy"


def _number_order(numbers: list[str], order: str) -> str:
    if len(numbers) == 2:
        return "yM" if len(numbers[0]) > 2 else "My" if len(numbers[1]) > 2 else ""
    if len(numbers) != 3:
        return ""
    if len(numbers[0]) > 2:
        return "yMd"
    return f"{order.replace('y', '')}y" if len(numbers[2]) > 2 else order
