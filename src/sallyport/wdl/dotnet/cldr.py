"""Cultures from CLDR, through Babel, put into .NET's patterns the way .NET's own ICU reader does it.

Imported only when a definition names a culture other than en-US: the data takes time to load.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from babel.core import Locale, UnknownLocaleError, get_global
from babel.numbers import get_currency_precision, get_currency_symbol, get_territory_currencies

from sallyport.wdl.dotnet.cultures import Culture, DateWords, NumberSigns
from sallyport.wdl.dotnet.errors import UnknownCulture

_QUOTED_OR_RUN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*")


def culture(name: str) -> Culture:
    """Build the culture of a name such as `fr-FR`; raises UnknownCulture."""
    try:
        locale = Locale.parse(name.replace("_", "-"), sep="-")
    except (ValueError, TypeError, UnknownLocaleError) as error:
        raise UnknownCulture(name) from error
    return Culture(str(locale).replace("_", "-"), _numbers(locale), _dates(locale))


def _numbers(locale: Locale) -> NumberSigns:
    symbols = _latin_symbols(locale)
    territory = locale.territory or _likely_territory(locale)
    currencies = get_territory_currencies(territory) if territory else []
    currency = currencies[0] if currencies else "XXX"
    percent = _affixes(locale.percent_formats[None].pattern, "%")
    money = _affixes(locale.currency_formats["standard"].pattern, "$")
    sizes = tuple(dict.fromkeys(locale.decimal_formats[None].grouping))
    return NumberSigns(
        decimal=symbols.get("decimal", "."),
        group=symbols.get("group", ","),
        group_sizes=sizes,
        minus=symbols.get("minusSign", "-").strip("\u200e\u200f\u061c"),
        plus=symbols.get("plusSign", "+").strip("\u200e\u200f\u061c"),
        percent=symbols.get("percentSign", "%").strip("\u200e\u200f\u061c"),
        per_mille=symbols.get("perMille", "‰"),
        nan=symbols.get("nan", "NaN"),
        infinity=symbols.get("infinity", "∞"),
        currency=get_currency_symbol(currency, locale),
        currency_digits=get_currency_precision(currency),
        currency_positive=money,
        currency_negative=f"-{money}",
        percent_positive=percent,
        percent_negative=f"-{percent}",
    )


def _latin_symbols(locale: Locale) -> Mapping[str, str]:
    """Pick the symbols of western digits, which .NET always writes."""
    systems = locale.number_symbols
    return systems.get("latn") or next(iter(systems.values()), {})


def _likely_territory(locale: Locale) -> str | None:
    """Find the region that a language alone stands for: `fr` is France."""
    likely = get_global("likely_subtags").get(str(locale)) or get_global("likely_subtags").get(locale.language)
    return Locale.parse(likely).territory if likely else None


def _affixes(pattern: str, mark: str) -> str:
    """Reduce a CLDR pattern such as `#,##0.00 ¤` to `n $`."""
    positive = pattern.split(";")[0].replace("¤", "$")
    bare = re.sub(r"[#0,.]+", "n", positive)
    return re.sub(r"[\u200e\u200f\u061c]", "", bare) if mark in bare else f"n{mark}"


def _dates(locale: Locale) -> DateWords:
    short_date = _skeleton(locale, "yMd", dotnet_pattern(locale.date_formats["short"].pattern))
    short_time = dotnet_pattern(locale.time_formats["short"].pattern)
    periods = locale.day_periods["format"]["abbreviated"]
    return DateWords(
        days=_day_names(locale.days["stand-alone"]["wide"]),
        short_days=_day_names(locale.days["stand-alone"]["abbreviated"]),
        months=_month_names(locale.months["stand-alone"]["wide"]),
        short_months=_month_names(locale.months["stand-alone"]["abbreviated"]),
        months_with_day=_month_names(locale.months["format"]["wide"]),
        short_months_with_day=_month_names(locale.months["format"]["abbreviated"]),
        am=str(periods.get("am", "AM")),
        pm=str(periods.get("pm", "PM")),
        era=str(locale.eras["abbreviated"].get(1, "A.D.")),
        date_separator=_separator(short_date, "/"),
        time_separator=_separator(short_time, ":"),
        short_date=short_date,
        long_date=dotnet_pattern(locale.date_formats["full"].pattern),
        short_time=short_time,
        long_time=dotnet_pattern(locale.time_formats["medium"].pattern),
        month_day=_skeleton(locale, "MMMMd", "MMMM d"),
        year_month=_skeleton(locale, "yMMMM", "MMMM yyyy"),
    )


def _day_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """Order names Sunday first; Babel counts from Monday as 0."""
    return tuple(names[(index + 6) % 7] for index in range(7))


def _month_names(names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[month] for month in range(1, 13))


def _skeleton(locale: Locale, skeleton: str, otherwise: str) -> str:
    found = locale.datetime_skeletons.get(skeleton)
    return otherwise if found is None else dotnet_pattern(found.pattern)


def _separator(pattern: str, otherwise: str) -> str:
    """Find what stands between the first two fields of a pattern, as `.` in `d.M.yyyy`."""
    between = re.search(r"[A-Za-z]([^A-Za-z']+)[A-Za-z]", pattern)
    return between.group(1) if between else otherwise


def dotnet_pattern(cldr: str) -> str:
    """Turn a CLDR date or time pattern into .NET's: `EEEE d MMMM y` becomes `dddd d MMMM yyyy`."""
    flat = cldr.replace("\u202f", " ").replace("\u00a0", " ")
    return re.sub(r" {2,}", " ", _QUOTED_OR_RUN.sub(_specifier, flat)).strip()


def _specifier(match: re.Match[str]) -> str:
    run, letter = match.group(0), match.group(1)
    if letter is None:
        return run
    if letter in "yu":
        return "yy" if len(run) == 2 else "yyyy"
    if letter in "Ec":
        return "dddd" if len(run) >= 4 else "ddd"
    if letter in "ML":
        return "M" * min(len(run), 4)
    if letter in "aBb":
        return "tt"
    simple = {"d": "d", "H": "H", "h": "h", "m": "m", "s": "s", "K": "h", "k": "H", "G": "g"}.get(letter)
    return simple * min(len(run), 2) if simple else ""
