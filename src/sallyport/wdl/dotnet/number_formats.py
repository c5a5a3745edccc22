"""Numbers to text, in .NET's standard formats: `C D E F G N P R X` and a precision.

Integers and decimals round half away from zero. Doubles round from their exact binary value, a tie to the even digit,
as .NET does since version 3.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal

from sallyport.wdl.dotnet import number_patterns
from sallyport.wdl.dotnet.cultures import NumberSigns, culture
from sallyport.wdl.dotnet.errors import FormatError

#: Deviation: a precision beyond this is refused; .NET takes up to 999,999,999 digits.
MAX_PRECISION = 999
#: Deviation: a number format longer than this is refused; .NET has no limit.
MAX_FORMAT_CHARACTERS = 1_024

Number = int | float | Decimal

#: Enough for every digit of the smallest double and the largest precision.
_EXACT = Context(prec=3_000)
_STANDARD = re.compile(r"([A-Za-z])(\d*)", re.ASCII)
#: Up to this many digits a double is written without an exponent.
_PLAIN_DIGITS = 15


def format_number(value: Number, format: str, locale: str = "en-US") -> str:  # noqa: A002
    """Format a number; raises FormatError or CultureError.

    https://learn.microsoft.com/dotnet/standard/base-types/standard-numeric-format-strings
    """
    signs = culture(locale).numbers
    if len(format) > MAX_FORMAT_CHARACTERS:
        raise FormatError(format, f"it is longer than {MAX_FORMAT_CHARACTERS} characters")
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return _not_finite(value, signs)
    standard = _STANDARD.fullmatch(format or "G")
    if standard is None:
        return number_patterns.write(value, format, signs)
    precision = int(standard[2]) if standard[2] else None
    if precision is not None and precision > MAX_PRECISION:
        raise FormatError(format, f"its precision is above {MAX_PRECISION}")
    return _write(value, standard[1], precision, signs, format)


def _not_finite(value: float, signs: NumberSigns) -> str:
    if value != value:
        return signs.nan
    return signs.infinity if value > 0 else f"{signs.minus}{signs.infinity}"


def _write(value: Number, letter: str, precision: int | None, signs: NumberSigns, format: str) -> str:  # noqa: A002
    kind = letter.upper()
    if kind in "DX":
        if not isinstance(value, int):
            raise FormatError(format, "it is for integers only")
        return _decimal_digits(value, precision, signs) if kind == "D" else _hexadecimal(value, letter, precision)
    if kind == "E":
        return _exponential(value, letter, 6 if precision is None else precision, signs)
    if kind == "G" or kind == "R":
        return _general(value, letter, precision if kind == "G" else None, signs)
    if kind == "C":
        digits = signs.currency_digits if precision is None else precision
        return _in_pattern(
            value, digits, signs, (signs.currency_positive, signs.currency_negative), "$", signs.currency
        )
    if kind == "P":
        pattern = (signs.percent_positive, signs.percent_negative)
        return _in_pattern(_times_100(value), 2 if precision is None else precision, signs, pattern, "%", signs.percent)
    if kind in "FN":
        negative, digits_text = _fixed(value, 2 if precision is None else precision)
        return (signs.minus if negative else "") + _localised(digits_text, signs, grouped=kind == "N")
    raise FormatError(format)


def _times_100(value: Number) -> Number:
    # .NET moves the decimal point of the digits; it does not multiply the double.
    return _EXACT.multiply(Decimal(value), Decimal(100)) if isinstance(value, float) else value * 100


def _decimal_digits(value: int, precision: int | None, signs: NumberSigns) -> str:
    return (signs.minus if value < 0 else "") + str(abs(value)).rjust(precision or 0, "0")


def _hexadecimal(value: int, letter: str, precision: int | None) -> str:
    text = f"{value & 0xFFFF_FFFF_FFFF_FFFF:{letter}}"
    return text.rjust(precision or 0, "0")


def _fixed(value: Number, digits: int) -> tuple[bool, str]:
    """Round to a number of fractional digits; answer whether it is negative and the digits without a sign."""
    exact = Decimal(value)
    rounding = ROUND_HALF_EVEN if isinstance(value, float) else ROUND_HALF_UP
    rounded = exact.quantize(Decimal((0, (1,), -digits)), rounding=rounding, context=_EXACT)
    # Only a double has a negative zero.
    negative = rounded.is_signed() and (isinstance(value, float) or not rounded.is_zero())
    return negative, f"{abs(rounded):f}"


def _localised(text: str, signs: NumberSigns, *, grouped: bool) -> str:
    whole, _, fraction = text.partition(".")
    if grouped:
        whole = group(whole, signs)
    return f"{whole}{signs.decimal}{fraction}" if fraction else whole


def group(whole: str, signs: NumberSigns) -> str:
    """Put the culture's separators between groups of digits."""
    groups: list[str] = []
    sizes = list(signs.group_sizes) or [0]
    while whole:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        size = size or len(whole)
        groups.append(whole[-size:])
        whole = whole[:-size]
    return signs.group.join(reversed(groups))


def _in_pattern(
    value: Number, digits: int, signs: NumberSigns, patterns: tuple[str, str], mark: str, symbol: str
) -> str:
    negative, text = _fixed(value, digits)
    number = _localised(text, signs, grouped=True)
    pieces = {"n": number, mark: symbol, "-": signs.minus}
    return "".join(pieces.get(character, character) for character in patterns[negative])


def _exponential(value: Number, letter: str, precision: int, signs: NumberSigns) -> str:
    digits, exponent, negative = _significant(value, precision + 1)
    fraction = digits[1:].ljust(precision, "0")
    mantissa = f"{digits[0]}{signs.decimal}{fraction}" if precision else digits[0]
    sign = signs.minus if exponent < 0 else signs.plus
    return f"{signs.minus if negative else ''}{mantissa}{letter}{sign}{abs(exponent):03d}"


def _significant(value: Number, count: int) -> tuple[str, int, bool]:
    """Round to significant digits; answer them, the exponent of the first one, and whether the number is negative."""
    exact = Decimal(value)
    negative = exact.is_signed() and (isinstance(value, float) or not exact.is_zero())
    if exact.is_zero():
        return "0", 0, negative
    rounding = ROUND_HALF_EVEN if isinstance(value, float) else ROUND_HALF_UP
    rounded = Context(prec=max(count, 1), rounding=rounding, Emax=999_999, Emin=-999_999).plus(exact)
    return "".join(map(str, rounded.as_tuple().digits)), rounded.adjusted(), negative


def _general(value: Number, letter: str, precision: int | None, signs: NumberSigns) -> str:
    if not precision:
        if not isinstance(value, float):
            return _plain(value, signs)
        shortest = Decimal(repr(value))
        digits = "".join(map(str, shortest.as_tuple().digits)).rstrip("0") or "0"
        exponent, negative = (shortest.adjusted() if value else 0), shortest.is_signed()
        limit = max(len(digits), _PLAIN_DIGITS)
    else:
        digits, exponent, negative = _significant(value, precision)
        digits, limit = digits.rstrip("0") or "0", precision
    sign = signs.minus if negative else ""
    if -5 < exponent < limit:
        return f"{sign}{_localised(_place_point(digits, exponent), signs, grouped=False)}"
    mantissa = f"{digits[0]}{signs.decimal}{digits[1:]}" if len(digits) > 1 else digits
    mark = "e" if letter == "g" else "E"
    return f"{sign}{mantissa}{mark}{signs.minus if exponent < 0 else signs.plus}{abs(exponent):02d}"


def _plain(value: int | Decimal, signs: NumberSigns) -> str:
    negative = value < 0
    return (signs.minus if negative else "") + _localised(f"{abs(Decimal(value)):f}", signs, grouped=False)


def _place_point(digits: str, exponent: int) -> str:
    if exponent < 0:
        return f"0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole
