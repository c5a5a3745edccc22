"""Numbers to text, in .NET's custom formats: `0 # . , % ‰ E+0 ; 'literal' "literal" \\`.

A custom format sees at most 15 digits of a double, and always rounds half away from zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from sallyport.wdl.dotnet.cultures import NumberSigns

_NO_ZERO = 2**31


@dataclass(slots=True)
class _Digits:
    """A number as .NET keeps it while it formats: `0.digits` times ten to the power of `scale`."""

    digits: str
    scale: int
    negative: bool
    is_float: bool

    def round(self, keep: int) -> None:
        """Keep some digits, and drop zeros at the end."""
        kept = self.digits[: max(keep, 0)]
        if 0 <= keep < len(self.digits) and self.digits[keep] >= "5":
            kept = str(int(kept or "0") + 1).rjust(len(kept), "0")
            if len(kept) > keep:
                self.scale += 1
        self.digits = kept.rstrip("0")
        if not self.digits:
            self.scale = 0
            self.negative = self.negative and self.is_float


@dataclass(slots=True)
class _Section:
    """What a section of a custom format asks for; `.NET` finds it out in a first pass over the section."""

    text: str
    digit_count: int = 0
    decimal_position: int = -1
    first_zero: int = _NO_ZERO
    last_zero: int = 0
    scale_adjust: int = 0
    grouped: bool = False
    scientific: bool = False


def write(value: int | float | Decimal, format: str, signs: NumberSigns) -> str:  # noqa: A002
    """Format a finite number with a custom format.

    https://learn.microsoft.com/dotnet/standard/base-types/custom-numeric-format-strings
    """
    sections = _sections(format)
    number = _digits_of(value)
    index = _choose(sections, number)
    while True:
        section = _scan(sections[index])
        if number.digits:
            number.scale += section.scale_adjust
            position = number.scale + section.digit_count - section.decimal_position
            number.round(section.digit_count if section.scientific else position)
            if not number.digits and (zero := _zero_section(sections)) != index:
                index = zero
                continue
        else:
            number.scale = 0
            number.negative = number.negative and number.is_float
        return _Writer(section, number, signs, signed=index == 0).write()


def _digits_of(value: int | float | Decimal) -> _Digits:
    exact = Decimal(f"{value:.14e}") if isinstance(value, float) else Decimal(value)
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0") if exact else ""
    return _Digits(digits, exact.adjusted() + 1 if exact else 0, exact.is_signed(), isinstance(value, float))


def _sections(format: str) -> list[str]:  # noqa: A002
    """Cut a format at its semicolons, but not at quoted or escaped ones."""
    sections, start, index = [], 0, 0
    while index < len(format):
        if format[index] == ";":
            sections.append(format[start:index])
            start = index + 1
        index = _past(format, index)
    return [*sections, format[start:]]


def _past(format: str, index: int) -> int:  # noqa: A002
    """Answer where the piece at `index` ends: a quoted text, an escaped character, or one character."""
    if format[index] == "\\":
        return min(index + 2, len(format))
    if format[index] in "'\"":
        end = format.find(format[index], index + 1)
        return len(format) if end < 0 else end + 1
    return index + 1


def _choose(sections: list[str], number: _Digits) -> int:
    if not number.digits:
        return _zero_section(sections)
    return 1 if number.negative and len(sections) > 1 and sections[1] else 0


def _zero_section(sections: list[str]) -> int:
    return 2 if len(sections) > 2 and sections[2] else 0


def _is_exponent(text: str, index: int) -> bool:
    tail = text[index + 1 : index + 3]
    return tail[:1] == "0" or (tail[:1] in ("+", "-") and tail[1:] == "0")


def _past_exponent(text: str, index: int) -> int:
    """Answer where `E+000` ends."""
    index += 1 if text[index + 1] == "0" else 2
    while index < len(text) and text[index] == "0":
        index += 1
    return index


def _scan(text: str) -> _Section:
    section = _Section(text)
    comma_position, commas, index = -1, 0, 0
    while index < len(text):
        character = text[index]
        if character in "#0":
            if character == "0":
                section.first_zero = min(section.first_zero, section.digit_count)
                section.last_zero = section.digit_count + 1
            section.digit_count += 1
        elif character == "." and section.decimal_position < 0:
            section.decimal_position = section.digit_count
        elif character == "," and section.digit_count > 0 and section.decimal_position < 0:
            if comma_position == section.digit_count:
                commas += 1
            else:
                section.grouped = section.grouped or comma_position >= 0
                comma_position, commas = section.digit_count, 1
        elif character in "%‰":
            section.scale_adjust += 2 if character == "%" else 3
        elif character in "Ee" and _is_exponent(text, index):
            section.scientific = True
            index = _past_exponent(text, index)
            continue
        index = _past(text, index)
    _settle(section, comma_position, commas)
    return section


def _settle(section: _Section, comma_position: int, commas: int) -> None:
    """Commas just before the point divide by a thousand each; any other comma asks for groups."""
    if section.decimal_position < 0:
        section.decimal_position = section.digit_count
    if comma_position >= 0:
        if comma_position == section.decimal_position:
            section.scale_adjust -= commas * 3
        else:
            section.grouped = True
    point = section.decimal_position
    section.first_zero = point - section.first_zero if section.first_zero < point else 0
    section.last_zero = point - section.last_zero if section.last_zero > point else 0


class _Writer:
    """The second pass: walks over the section and puts digits where it has places for them."""

    def __init__(self, section: _Section, number: _Digits, signs: NumberSigns, *, signed: bool) -> None:
        self.section = section
        self.number = number
        self.signs = signs
        self.signed = signed and number.negative
        self.written: list[str] = []
        self.used = 0
        point = section.decimal_position
        #: How many places there are before the decimal point, from the one being written.
        self.place = point if section.scientific else max(number.scale, point)
        #: Digits that have no place of their own (positive), or places that have no digit (negative).
        self.surplus = 0 if section.scientific else number.scale - point
        self.separators = self._separator_places() if section.grouped else frozenset()
        self.point_written = False
        self.exponent_due = section.scientific

    def _separator_places(self) -> frozenset[int]:
        """Answer the places before which a separator stands, counted from the decimal point."""
        total, at = max(self.place, self.section.first_zero), 0
        places: set[int] = set()
        sizes = list(self.signs.group_sizes)
        while sizes and sizes[0] > 0 and at < total:
            at += sizes.pop(0) if len(sizes) > 1 else sizes[0]
            places.add(at)
        return frozenset(places)

    def write(self) -> str:
        text, index = self.section.text, 0
        while index < len(text):
            index = self.piece(text, index)
        body = "".join(self.written)
        return f"{self.signs.minus}{body}" if self.signed and body else body

    def piece(self, text: str, index: int) -> int:
        """Write what one piece of the section asks for; answer where the next one begins."""
        character = text[index]
        if character in "#0.":
            while self.surplus > 0:
                self.surplus -= 1
                self.digit(self.next_digit() or "0")
            if character == ".":
                self.point()
            else:
                self.digit(self.placeholder())
        elif character in "'\"":
            end = _past(text, index)
            self.written.append(text[index + 1 : end].removesuffix(character))
        elif character == "\\":
            self.written.append(text[index + 1 : index + 2])
        elif character in "Ee" and self.exponent_due and _is_exponent(text, index):
            return self.exponent(text, index)
        elif character != ",":
            self.written.append({"%": self.signs.percent, "‰": self.signs.per_mille}.get(character, character))
        return _past(text, index)

    def next_digit(self) -> str:
        digit = self.number.digits[self.used : self.used + 1]
        self.used += len(digit)
        return digit

    def placeholder(self) -> str:
        """Answer the digit for a `0` or `#`, which is empty where nothing is to be written."""
        if self.surplus < 0:
            self.surplus += 1
            return "0" if self.place <= self.section.first_zero else ""
        return self.next_digit() or ("0" if self.place > self.section.last_zero else "")

    def digit(self, digit: str) -> None:
        if digit:
            self.written.append(digit)
            if self.place > 1 and self.place - 1 in self.separators:
                self.written.append(self.signs.group)
        self.place -= 1

    def point(self) -> None:
        section = self.section
        more = section.decimal_position < section.digit_count and self.used < len(self.number.digits)
        if self.place == 0 and not self.point_written and (section.last_zero < 0 or more):
            self.written.append(self.signs.decimal)
            self.point_written = True

    def exponent(self, text: str, index: int) -> int:
        self.exponent_due = False
        start = index + 1 if text[index + 1] == "0" else index + 2
        end = _past_exponent(text, index)
        power = self.number.scale - self.section.decimal_position if self.number.digits else 0
        sign = self.signs.minus if power < 0 else self.signs.plus if text[index + 1] == "+" else ""
        self.written.append(f"{text[index]}{sign}{abs(power):0{min(end - start, 10)}d}")
        return end
