"""Text to DateTime by an exact format, as `DateTime.ParseExact` reads it in a culture.

Every specifier takes as many digits as .NET lets it, once, without trying again.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sallyport.wdl.dotnet import date_parse, date_tokens
from sallyport.wdl.dotnet.cultures import Culture, DateWords, culture
from sallyport.wdl.dotnet.date_tokens import Token
from sallyport.wdl.dotnet.dates import DateTime, Kind
from sallyport.wdl.dotnet.errors import DateTextError

#: The standard formats whose text is in UTC although no specifier says so.
_ALWAYS_UTC = frozenset("rRuU")


def parse_exact(text: str, format: str, locale: str = "en-US") -> DateTime:  # noqa: A002
    """Parse a date and time that must have exactly this format; raises DateTextError, FormatError or CultureError.

    Deviation: a format without a year is refused; .NET takes the year of the evaluation.
    """
    words, tokens = _compiled(format, locale)
    if len(text) > date_tokens.MAX_FORMAT_CHARACTERS:
        raise DateTextError(text, f"it is longer than {date_tokens.MAX_FORMAT_CHARACTERS} characters")
    reader = _Reader(text, words)
    for token in tokens:
        reader.read(token)
    if reader.index != len(text):
        raise reader.wrong()
    moment = reader.moment()
    return moment.with_kind(Kind.UTC) if format in _ALWAYS_UTC else moment


@lru_cache(maxsize=64)
def _compiled(format: str, locale: str) -> tuple[DateWords, tuple[Token, ...]]:  # noqa: A002
    found: Culture = culture("") if format in ("r", "R") else culture(locale)
    return found.dates, tuple(date_tokens.tokens(date_tokens.expand(format, found.dates)))


class _Reader:
    """A place in a text, and what has been read so far."""

    def __init__(self, text: str, words: DateWords) -> None:
        self.text = text
        self.words = words
        self.index = 0
        self.year: int | None = None
        self.month = self.day = 1
        self.hour = self.minute = self.second = 0
        self.fraction = ""
        self.weekday: int | None = None
        self.half = ""
        self.zone: str | None = None

    def wrong(self) -> DateTextError:
        return DateTextError(self.text, f"it does not match the format at position {self.index}")

    def read(self, token: Token) -> None:
        """Read one token, or raise DateTextError."""
        letter, count = token.letter, token.count
        if not letter:
            self.literal(token.text)
        elif letter in ":/":
            self.literal(self.words.time_separator if letter == ":" else self.words.date_separator)
        elif letter in "fF":
            self.read_fraction(letter, count)
        elif letter in "zK":
            self.read_zone(letter, count)
        elif letter in "tg":
            self.read_mark(letter, count)
        elif letter in "dM" and count > 2:
            self.read_name(letter, count)
        else:
            self.read_number(letter, count)

    def literal(self, text: str) -> None:
        if not self.text.startswith(text, self.index):
            raise self.wrong()
        self.index += len(text)

    def digits(self, least: int, most: int) -> str:
        end = self.index
        while end < len(self.text) and end - self.index < most and "0" <= self.text[end] <= "9":
            end += 1
        if end - self.index < least:
            raise self.wrong()
        taken, self.index = self.text[self.index : end], end
        return taken

    def read_number(self, letter: str, count: int) -> None:
        if letter == "y":
            taken = self.digits(1, 2) if count == 1 else self.digits(count, count)
            self.year = date_parse.full_year(int(taken), count)
            return
        taken = self.digits(count, 2)
        name = {"d": "day", "M": "month", "H": "hour", "h": "hour", "m": "minute", "s": "second"}[letter]
        setattr(self, name, int(taken))

    def read_fraction(self, letter: str, count: int) -> None:
        self.fraction = self.digits(count if letter == "f" else 0, count)

    def read_name(self, letter: str, count: int) -> None:
        words = self.words
        if letter == "d":
            self.weekday = self.name(words.short_days if count == 3 else words.days)
        elif count == 3:
            self.month = self.name(words.short_months, words.short_months_with_day) + 1
        else:
            self.month = self.name(words.months, words.months_with_day) + 1

    def name(self, *groups: Sequence[str]) -> int:
        """Read the longest of the names; answer its index."""
        best, found = 0, -1
        for names in groups:
            for index, name in enumerate(names):
                candidate = self.text[self.index : self.index + len(name)]
                if len(name) > best and candidate.casefold() == name.casefold():
                    best, found = len(name), index
        if found < 0:
            raise self.wrong()
        self.index += best
        return found

    def read_mark(self, letter: str, count: int) -> None:
        if letter == "g":
            self.name((self.words.era, "A.D.", "AD"))
            return
        am, pm = self.words.am, self.words.pm
        self.half = "ap"[self.name((am[:1], pm[:1]) if count == 1 else (am, pm))]

    def read_zone(self, letter: str, count: int) -> None:
        mark = self.text[self.index : self.index + 1]
        if letter == "K" and mark not in ("+", "-"):
            if mark in ("Z", "z"):
                self.index += 1
                self.zone = "Z"
            return
        if mark not in ("+", "-"):
            raise self.wrong()
        self.index += 1
        hours = self.digits(1 if count == 1 and letter == "z" else 2, 2)
        minutes = "00"
        if letter == "K" or count == 3:
            self.literal(":" if self.text.startswith(":", self.index) else "")
            minutes = self.digits(2, 2)
        self.zone = f"{mark}{hours}:{minutes}"

    def moment(self) -> DateTime:
        """Put together what was read."""
        if self.year is None:
            raise DateTextError(self.text, "the format has no year")
        hour = date_parse.half_day(self.text, self.hour, self.half) if self.half else self.hour
        clock = date_parse.time_of_day(self.text, str(hour), str(self.minute), str(self.second), self.fraction)
        day = date_parse.day_of(self.text, self.year, self.month, self.day)
        if self.weekday is not None and (day.day.weekday() + 1) % 7 != self.weekday:
            raise DateTextError(self.text, "the day of week was incorrect")
        return date_parse.in_zone(self.text, day.plus(clock), self.zone)
