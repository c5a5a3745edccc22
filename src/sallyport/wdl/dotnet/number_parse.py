"""Text to numbers, as `long`, `double` and `decimal` parse it in .NET.

A group separator is taken anywhere after the first digit of the whole part, whatever the size of the groups:
`12,3,4,5678` is 12345678.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sallyport.wdl.dotnet.cultures import EN_US, NumberSigns, culture
from sallyport.wdl.dotnet.errors import NumberTextError

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

_DECIMAL_MAX_MANTISSA = 2**96 - 1
_DECIMAL_MAX_SCALE = 28
#: A longer text is refused before it is looked at: no number that anything can hold needs so many digits.
_MAX_CHARACTERS = 10_000
_WHITE = "\t\n\v\f\r "
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


@dataclass(frozen=True, slots=True)
class _Digits:
    """A number as it was written: sign, digits of the whole part, digits of the fraction, exponent."""

    negative: bool
    whole: str
    fraction: str
    exponent: int = 0

    def as_text(self) -> str:
        """Draw the number so that Python's own parsers take it."""
        return f"{'-' if self.negative else ''}{self.whole or '0'}.{self.fraction or '0'}e{self.exponent}"


def parse_float(text: str, locale: str = "en-US") -> float:
    """Parse a double: leading or trailing sign, group separators, exponent, white space and NaN.

    Raises NumberTextError, or CultureError.
    """
    signs = culture(locale).numbers
    symbol = _parse_symbol(text, signs)
    if symbol is not None:
        return symbol
    digits = _scan(text, signs, trailing_sign=True, exponent=True)
    if digits is None:
        raise NumberTextError(text, "Float")
    return float(digits.as_text())


def parse_integer(text: str) -> int:
    """Parse a 64-bit integer, through a double as the service does: `'1.0'` is 1 and `'nan'` is the smallest integer.

    Integers above 2^53 lose digits: `'100000000000000010'` is 100000000000000016. Raises NumberTextError.

    Deviation: a number outside the 64-bit range is refused instead of becoming the smallest integer; only NaN does.
    """
    symbol = _parse_symbol(text, EN_US.numbers)
    if symbol is not None and symbol != symbol:
        return INT64_MIN
    digits = _scan(text, EN_US.numbers, trailing_sign=False, exponent=True) if symbol is None else None
    if digits is None:
        raise NumberTextError(text, "Integer")
    number = float(digits.as_text())
    if not (-(2.0**63) <= number < 2.0**63) or not number.is_integer():
        raise NumberTextError(text, "Integer")
    return int(number)


def parse_decimal(text: str) -> Decimal:
    """Parse a .NET decimal, which keeps its scale: 96 bits of digits, at most 28 behind the point, no exponent.

    Raises NumberTextError, also when the number is too large.
    """
    digits = _scan(text, EN_US.numbers, trailing_sign=True, exponent=False)
    if digits is None:
        raise NumberTextError(text, "Decimal")
    whole = digits.whole.lstrip("0")
    if len(whole) > 29:
        raise NumberTextError(text, "Decimal")
    for scale in range(min(len(digits.fraction), _DECIMAL_MAX_SCALE), -1, -1):
        mantissa = _round_half_even(whole + digits.fraction, len(whole) + scale)
        if mantissa <= _DECIMAL_MAX_MANTISSA:
            return Decimal((int(digits.negative and mantissa > 0), tuple(map(int, str(mantissa))), -scale))
    raise NumberTextError(text, "Decimal")


def is_integer(text: str) -> bool:
    """Tell whether a text is a 64-bit integer, as `long.TryParse` with `NumberStyles.Number` does."""
    digits = _scan(text, EN_US.numbers, trailing_sign=True, exponent=False)
    if digits is None or digits.fraction.strip("0"):
        return False
    whole = digits.whole.lstrip("0") or "0"
    if len(whole) > 19:
        return False
    return INT64_MIN <= (-int(whole) if digits.negative else int(whole)) <= INT64_MAX


def is_float(text: str, locale: str = "en-US") -> bool:
    """Tell whether `parse_float` would take the text; an unknown locale still raises CultureError."""
    try:
        parse_float(text, locale)
    except NumberTextError:
        return False
    return True


def _parse_symbol(text: str, signs: NumberSigns) -> float | None:
    if len(text) > 100:
        return None
    word = text.strip().casefold()
    nan, infinity = signs.nan.casefold(), signs.infinity.casefold()
    if word in (nan, f"-{nan}", f"+{nan}"):
        return float("nan")
    if word in (infinity, f"+{infinity}"):
        return float("inf")
    return float("-inf") if word in (f"-{infinity}", f"{signs.minus}{infinity}") else None


def _round_half_even(digits: str, keep: int) -> int:
    """Round a row of digits to its first `keep` ones; what is dropped decides, a tie goes to the even neighbour."""
    kept, dropped = int(digits[:keep] or "0"), digits[keep:]
    if not dropped or dropped[0] < "5":
        return kept
    is_tie = dropped[0] == "5" and not dropped[1:].strip("0")
    return kept + (kept & 1 if is_tie else 1)


def _scan(text: str, signs: NumberSigns, *, trailing_sign: bool, exponent: bool) -> _Digits | None:
    """Read a whole text as one number, or answer None."""
    if len(text) > _MAX_CHARACTERS:
        return None
    rest = text.translate(_SPACES).strip(_WHITE + "\0")
    sign, rest = _take_sign(rest, signs)
    whole, rest = _take_digits(rest, signs.group.translate(_SPACES))
    fraction = ""
    if rest.startswith(signs.decimal):
        fraction, rest = _take_digits(rest[len(signs.decimal) :], None)
    if not whole and not fraction:
        return None
    power = 0
    if exponent and rest[:1] in ("e", "E"):
        power, rest = _take_exponent(rest)
    if trailing_sign and not sign:
        sign, rest = _take_sign(rest.lstrip(_WHITE), signs)
    return None if rest else _Digits(sign < 0, whole, fraction, power)


def _take_sign(text: str, signs: NumberSigns) -> tuple[int, str]:
    """Take a sign from the front: -1, 1, or 0 when there is none."""
    for mark, sign in ((signs.minus, -1), (signs.plus, 1), ("-", -1), ("\u2212", -1)):
        if text.startswith(mark):
            return sign, text[len(mark) :]
    return 0, text


def _take_digits(text: str, group: str | None) -> tuple[str, str]:
    """Take digits from the front, and separators of groups once there has been a digit."""
    index, digits = 0, []
    while index < len(text):
        if "0" <= text[index] <= "9":
            digits.append(text[index])
            index += 1
        elif group and digits and text.startswith(group, index):
            index += len(group)
        else:
            break
    return "".join(digits), text[index:]


def _take_exponent(text: str) -> tuple[int, str]:
    """Take `e+12` from the front; an `e` without digits is left where it stands."""
    rest, power_sign = text[1:], 1
    if rest[:1] in ("+", "-"):
        power_sign, rest = (-1 if rest[0] == "-" else 1), rest[1:]
    digits, rest = _take_digits(rest, None)
    if not digits:
        return 0, text
    # Python's float() is correct and quick for any such power: the text is either zero, infinity or a double.
    digits = digits.lstrip("0")
    return power_sign * (int(digits or "0") if len(digits) < 6 else 99_999), rest
