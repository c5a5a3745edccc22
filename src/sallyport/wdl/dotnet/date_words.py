"""The words that may stand in a date of a culture, for `date_parse`; English ones are understood everywhere."""

from __future__ import annotations

import re
from functools import lru_cache

from sallyport.wdl.dotnet import date_tokens
from sallyport.wdl.dotnet.cultures import INVARIANT, DateWords, culture

_PLAIN = re.compile(r"[^\W\d_]+\.?")


class Vocabulary:
    """Names of months and days, and the words between them, all folded."""

    def __init__(self, words: DateWords) -> None:
        english = INVARIANT.dates
        self.months = _index(
            english.months, english.short_months, words.short_months, words.short_months_with_day,
            words.months, words.months_with_day, start=1,
        )  # fmt: skip
        self.days = _index(english.days, english.short_days, words.short_days, words.days, start=0)
        self.fillers = _fillers(words)
        letters = re.sub(r"[^dMy]", "", re.sub(r"'[^']*'", "", words.short_date))
        #: The order of day, month and year in a date of numbers: `Mdy`, `dMy` or `yMd`.
        self.order = "".join(dict.fromkeys(letters))
        compounds = sorted((name for name in {**self.months, **self.days} if not _PLAIN.fullmatch(name)), key=len)
        either = "|".join(map(re.escape, reversed(compounds)))
        self._compounds = re.compile(rf"(?<!\w)(?:{either})(?![^\W\d_])", re.IGNORECASE) if compounds else None

    def take_compounds(self, text: str) -> tuple[list[str], str]:
        """Take out names that are more than one word, such as `segunda-feira`, and answer them with the rest."""
        if self._compounds is None:
            return [], text
        return self._compounds.findall(text), self._compounds.sub(" ", text)


@lru_cache(maxsize=64)
def vocabulary(name: str) -> Vocabulary:
    """Gather the words of a culture."""
    return Vocabulary(culture(name).dates)


def fold(word: str) -> str:
    """Answer a word as it is looked up: without case, and without the point of an abbreviation."""
    return word.casefold().rstrip(".")


def _index(*groups: tuple[str, ...], start: int) -> dict[str, int]:
    return {fold(name): number for group in groups for number, name in enumerate(group, start)}


def _fillers(words: DateWords) -> frozenset[str]:
    """Collect the literal words of the culture's patterns, such as `de` in Spanish."""
    literals = [
        token.text
        for pattern in (words.long_date, words.short_date, words.month_day, words.year_month)
        for token in date_tokens.tokens(pattern)
        if not token.letter
    ]
    return frozenset(fold(word) for text in ["".join(literals), *literals] for word in text.split())
