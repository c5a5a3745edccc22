"""Cultures from CLDR, through Babel, put into .NET's patterns the way .NET's own ICU reader does it.

Imported only when a definition names a culture other than en-US: the data takes time to load. The data is read raw,
never through Babel's LocaleDataDict: that writes resolved aliases into data which all locales share, so that a month of
one language would turn up in another.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from babel import localedata
from babel.core import Locale, UnknownLocaleError, get_global
from babel.numbers import get_currency_precision, get_territory_currencies

from sallyport.wdl.dotnet.cultures import Culture, DateWords, NumberSigns
from sallyport.wdl.dotnet.errors import CultureError

_QUOTED_OR_RUN = re.compile(r"'(?:[^']|'')*'|([A-Za-z])\1*")
_MARKS = re.compile(r"[\u200e\u200f\u061c]")


def culture(name: str) -> Culture:
    """Build the culture of a name such as `fr-FR`; raises CultureError."""
    try:
        locale = Locale.parse(name.replace("_", "-"), sep="-")
    except (ValueError, TypeError, UnknownLocaleError) as error:
        raise CultureError(name) from error
    if locale.language.casefold() != name[: len(locale.language)].casefold():
        # Babel answers its own best guess for a language that it does not know.
        raise CultureError(name)
    data = localedata.load(str(locale))
    return Culture(str(locale).replace("_", "-"), _numbers(locale, data), _dates(data))


def _find(data: Mapping[Any, Any], *keys: Any) -> Any:
    """Walk into raw locale data, following aliases to other parts of it."""
    node: Any = data
    for key in keys:
        node = node[key]
        if isinstance(node, localedata.Alias):
            node = _find(data, *node.keys)
        elif isinstance(node, tuple):
            alias, own = node
            node = {**_find(data, *alias.keys), **own}
    return node


def _numbers(locale: Locale, data: Mapping[Any, Any]) -> NumberSigns:
    # .NET writes western digits in every culture, so it is their signs that count.
    symbols = {key: _MARKS.sub("", sign) for key, sign in _find(data, "number_symbols", "latn").items()}
    territory = locale.territory or _likely_territory(locale)
    currency = (get_territory_currencies(territory) if territory else [])[:1]
    percent = _affixes(_find(data, "percent_formats", None).pattern, "%")
    money = _affixes(_find(data, "currency_formats", "standard").pattern, "$")
    return NumberSigns(
        decimal=symbols.get("decimal", "."),
        group=symbols.get("group", ","),
        group_sizes=tuple(dict.fromkeys(_find(data, "decimal_formats", None).grouping)),
        minus=symbols.get("minusSign", "-"),
        plus=symbols.get("plusSign", "+"),
        percent=symbols.get("percentSign", "%"),
        per_mille=symbols.get("perMille", "‰"),
        nan=symbols.get("nan", "NaN"),
        infinity=symbols.get("infinity", "∞"),
        currency=_find(data, "currency_symbols").get(currency[0], currency[0]) if currency else "¤",
        currency_digits=get_currency_precision(currency[0]) if currency else 2,
        currency_positive=money[0],
        currency_negative=money[1],
        percent_positive=percent[0],
        percent_negative=percent[1],
    )


def _likely_territory(locale: Locale) -> str | None:
    """Find the region that a language alone stands for: `fr` is France."""
    likely = get_global("likely_subtags").get(str(locale)) or get_global("likely_subtags").get(locale.language)
    return likely.rpartition("_")[2] if likely else None


def _affixes(pattern: str, mark: str) -> tuple[str, str]:
    """Reduce a CLDR pattern such as `#,##0.00 ¤` to `n $`, for positive numbers and for negative ones."""
    positive, own, negative = pattern.replace("¤", "$").partition(";")
    shown = _affix(positive, mark)
    return shown, _affix(negative, mark) if own else f"-{shown}"


def _affix(pattern: str, mark: str) -> str:
    bare = _MARKS.sub("", re.sub(r"[#0,.]+", "n", pattern))
    return bare if mark in bare else f"n{mark}"


def _dates(data: Mapping[Any, Any]) -> DateWords:
    short_date = re.sub(r"y+", "yyyy", dotnet_pattern(_find(data, "date_formats", "short").pattern))
    short_time = dotnet_pattern(_find(data, "time_formats", "short").pattern)
    periods = _find(data, "day_periods", "format", "abbreviated")
    return DateWords(
        days=_day_names(_find(data, "days", "stand-alone", "wide")),
        short_days=_day_names(_find(data, "days", "stand-alone", "abbreviated")),
        months=_month_names(_find(data, "months", "stand-alone", "wide")),
        short_months=_month_names(_find(data, "months", "stand-alone", "abbreviated")),
        months_with_day=_month_names(_find(data, "months", "format", "wide")),
        short_months_with_day=_month_names(_find(data, "months", "format", "abbreviated")),
        am=str(periods.get("am", "AM")),
        pm=str(periods.get("pm", "PM")),
        era=str(_find(data, "eras", "abbreviated").get(1, "A.D.")),
        date_separator=_separator(short_date, "/"),
        time_separator=_separator(short_time, ":"),
        short_date=short_date,
        long_date=dotnet_pattern(_find(data, "date_formats", "full").pattern),
        short_time=short_time,
        long_time=dotnet_pattern(_find(data, "time_formats", "medium").pattern),
        month_day=_skeleton(data, "MMMMd", "MMMM d"),
        year_month=_skeleton(data, "yMMMM", "MMMM yyyy"),
    )


def _day_names(names: Mapping[int, str]) -> tuple[str, ...]:
    """Order names Sunday first; Babel counts from Monday as 0."""
    return tuple(names[(index + 6) % 7] for index in range(7))


def _month_names(names: Mapping[int, str]) -> tuple[str, ...]:
    return tuple(names[month] for month in range(1, 13))


def _skeleton(data: Mapping[Any, Any], skeleton: str, otherwise: str) -> str:
    found = _find(data, "datetime_skeletons").get(skeleton)
    return otherwise if found is None else dotnet_pattern(found.pattern)


def _separator(pattern: str, otherwise: str) -> str:
    """Find what stands between the first two fields of a pattern, as `.` in `d.M.yyyy`."""
    between = re.search(r"[A-Za-z]([^A-Za-z']+)[A-Za-z]", pattern)
    return between.group(1).strip() if between else otherwise


def dotnet_pattern(cldr: str) -> str:
    """Turn a CLDR date or time pattern into .NET's: `EEEE d MMMM y` becomes `dddd d MMMM yyyy`."""
    flat = _MARKS.sub("", cldr).replace("\u202f", " ").replace("\u00a0", " ")
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
