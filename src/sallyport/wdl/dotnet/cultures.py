"""What .NET knows of a culture: names of days and months, patterns of dates, and the signs in numbers.

en-US and the invariant culture are written out exactly; every other culture comes from CLDR (through Babel), where .NET
too has taken it from since version 5. The calendar is always the Gregorian one.

Deviation: cultures whose default calendar is not Gregorian (th-TH, fa-IR, ar-SA) format and parse Gregorian dates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from sallyport.wdl.dotnet.errors import CultureError


@dataclass(frozen=True, slots=True)
class NumberSigns:
    """The NumberFormatInfo of a culture; in a pattern `n` is the digits and `$` the currency's symbol."""

    decimal: str = "."
    group: str = ","
    #: Sizes of the groups, the one nearest to the decimal point first; the last repeats.
    group_sizes: tuple[int, ...] = (3,)
    minus: str = "-"
    plus: str = "+"
    percent: str = "%"
    per_mille: str = "‰"
    nan: str = "NaN"
    infinity: str = "∞"
    currency: str = "$"
    currency_digits: int = 2
    currency_positive: str = "$n"
    currency_negative: str = "-$n"
    percent_positive: str = "n%"
    percent_negative: str = "-n%"


@dataclass(frozen=True, slots=True)
class DateWords:
    """The DateTimeFormatInfo of a culture: names, separators and the patterns behind the standard formats."""

    days: tuple[str, ...]
    short_days: tuple[str, ...]
    months: tuple[str, ...]
    short_months: tuple[str, ...]
    #: The month names beside a day number; they differ from `months` in Slavic languages, for example.
    months_with_day: tuple[str, ...]
    short_months_with_day: tuple[str, ...]
    am: str = "AM"
    pm: str = "PM"
    era: str = "A.D."
    date_separator: str = "/"
    time_separator: str = ":"
    short_date: str = "M/d/yyyy"
    long_date: str = "dddd, MMMM d, yyyy"
    short_time: str = "h:mm tt"
    long_time: str = "h:mm:ss tt"
    month_day: str = "MMMM d"
    year_month: str = "MMMM yyyy"


@dataclass(frozen=True, slots=True)
class Culture:
    """A culture: its name, its numbers and its dates."""

    name: str
    numbers: NumberSigns
    dates: DateWords = field(repr=False)


#: Sunday first, as .NET's DayOfWeek counts.
_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_ENGLISH = DateWords(
    days=_DAYS,
    short_days=tuple(name[:3] for name in _DAYS),
    months=_MONTHS,
    short_months=tuple(name[:3] for name in _MONTHS),
    months_with_day=_MONTHS,
    short_months_with_day=tuple(name[:3] for name in _MONTHS),
)

EN_US = Culture("en-US", NumberSigns(), _ENGLISH)

INVARIANT = Culture(
    "",
    NumberSigns(
        infinity="Infinity",
        currency="¤",
        currency_positive="$n",
        currency_negative="($n)",
        percent_positive="n %",
        percent_negative="-n %",
    ),
    DateWords(
        days=_ENGLISH.days,
        short_days=_ENGLISH.short_days,
        months=_ENGLISH.months,
        short_months=_ENGLISH.short_months,
        months_with_day=_ENGLISH.months,
        short_months_with_day=_ENGLISH.short_months,
        short_date="MM/dd/yyyy",
        long_date="dddd, dd MMMM yyyy",
        short_time="HH:mm",
        long_time="HH:mm:ss",
        month_day="MMMM dd",
        year_month="yyyy MMMM",
    ),
)


@lru_cache(maxsize=64)
def culture(name: str) -> Culture:
    """Find a culture by its name, such as `en-US`, in any case; the empty name is the invariant culture.

    Raises CultureError.
    """
    folded = name.casefold()
    if not folded:
        return INVARIANT
    if folded in ("en-us", "en_us"):
        return EN_US
    if len(name) > 40:
        raise CultureError(name)
    from sallyport.wdl.dotnet import cldr

    return cldr.culture(name)
