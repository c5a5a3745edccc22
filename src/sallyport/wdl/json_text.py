"""Values written as JSON, the way Newtonsoft writes them.

Compact, characters beyond ASCII kept, floats with a decimal place; what is written is charged piece by piece.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NoReturn

from sallyport.wdl.errors import BudgetExceeded

if TYPE_CHECKING:
    from sallyport.wdl.budget import Meter
    from sallyport.wdl.values import Json

#: Deepest JSON value that is written when no meter says otherwise.
JSON_DEPTH = 200

ESCAPES = {
    **{code: f"\\u{code:04x}" for code in (*range(32), 0x85, 0x2028, 0x2029)},
    ord('"'): '\\"',
    ord("\\"): "\\\\",
    ord("\b"): "\\b",
    ord("\f"): "\\f",
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
}


def float_text(value: float) -> str:
    """Answer a double in .NET's shortest round-trip form: fixed between 1E-05 and 1E+15, otherwise with an exponent."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    mantissa, _, exponent = repr(value).partition("e")
    power = int(exponent) if exponent else len(mantissa.partition(".")[0].lstrip("-")) - 1
    if -5 < power < 15:
        text = format(Decimal(repr(value)), "f") if exponent else mantissa
        return text.removesuffix(".0")
    digits = Decimal(repr(value)).normalize().as_tuple()
    figures = "".join(map(str, digits.digits))
    assert isinstance(digits.exponent, int)
    power = digits.exponent + len(figures) - 1
    fraction = f".{figures[1:]}" if len(figures) > 1 else ""
    return f"{'-' if digits.sign else ''}{figures[0]}{fraction}E{'-' if power < 0 else '+'}{abs(power):02d}"


def kept(value: Json, depth: int = 0) -> Json:
    """Answer a value as it is when it has been written as JSON and read again: a decimal is a double, NaN a text.

    That is how Newtonsoft writes and reads them. What is nested deeper than a value may be is left as it is.
    """
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else float_text(value)
    if depth < JSON_DEPTH and isinstance(value, list):
        return [kept(each, depth + 1) for each in value]
    if depth < JSON_DEPTH and isinstance(value, dict):
        return {name: kept(each, depth + 1) for name, each in value.items()}
    return value


def finite(digits: str) -> float:
    """Read a number of a JSON text; raises ValueError when no double holds it."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def refuse(constant: str) -> NoReturn:
    """Raise ValueError for what Python reads in a JSON text although it is none, such as NaN."""
    raise ValueError(f"{constant} is no JSON")


def quote(text: str) -> str:
    """Answer a JSON string literal as Newtonsoft writes it."""
    return f'"{text.translate(ESCAPES)}"' if needs_escape(text) else f'"{text}"'


def needs_escape(text: str) -> bool:
    """Answer whether a JSON string literal of this text contains an escape."""
    return not text.isprintable() or '"' in text or "\\" in text


def write(value: Json, meter: Meter | None = None) -> str:
    """Answer compact JSON; a value that is nested too deep or text over the budget raises BudgetExceeded."""
    return "".join(_Writer(meter).write(value))


class _Writer:
    """Collects the pieces of a JSON text and charges them as it goes."""

    def __init__(self, meter: Meter | None) -> None:
        self.meter = meter
        self.deepest = meter.budget.json_depth if meter is not None else JSON_DEPTH
        self.pieces: list[str] = []
        self.uncharged = 0
        self.counted = 0

    def write(self, value: Json) -> list[str]:
        self._value(value, 0)
        self._charge(self.uncharged)
        return self.pieces

    def _add(self, piece: str) -> None:
        self.pieces.append(piece)
        self.uncharged += len(piece) + 8
        if self.uncharged > 4_096:
            self._charge(self.uncharged)

    def _charge(self, size: int) -> None:
        self.uncharged = 0
        if self.meter is not None and size > 2_048:
            self.meter.memory(size)
            self.meter.look(len(self.pieces) - self.counted)
            self.counted = len(self.pieces)

    def _value(self, value: Json, depth: int) -> None:
        if isinstance(value, str):
            self._add(quote(value))
        elif isinstance(value, (dict, list)):
            if depth >= self.deepest:
                raise BudgetExceeded(f"The value is nested more than {self.deepest} levels deep.")
            if isinstance(value, dict):
                self._object(value, depth + 1)
            else:
                self._array(value, depth + 1)
        else:
            self._add(scalar(value))

    def _object(self, value: dict[str, Json], depth: int) -> None:
        separator = "{"
        for key, entry in value.items():
            self._add(f"{separator}{quote(key)}:")
            self._value(entry, depth)
            separator = ","
        self._add("}" if value else "{}")

    def _array(self, value: list[Json], depth: int) -> None:
        separator = "["
        for entry in value:
            self._add(separator)
            self._value(entry, depth)
            separator = ","
        self._add("]" if value else "[]")


def scalar(value: bool | int | float | Decimal | None) -> str:
    """Answer a null, boolean or number as JSON."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = float_text(value) if isinstance(value, float) else format(value, "f")
    if isinstance(value, float) and not math.isfinite(value):
        return f'"{text}"'
    return text if "." in text or "E" in text else f"{text}.0"
