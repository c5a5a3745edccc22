"""A .NET DateTime: ticks of 100 nanoseconds since midnight of 1 January 0001, and a kind.

A DateTime has no room for an offset. A text with one, `+02:00`, becomes the same moment in the server's own zone, which
is UTC: kind LOCAL, written `+00:00`.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from sallyport.wdl.dotnet.errors import DateRangeError

TICKS_PER_SECOND = 10_000_000
TICKS_PER_MINUTE = 60 * TICKS_PER_SECOND
TICKS_PER_HOUR = 60 * TICKS_PER_MINUTE
TICKS_PER_DAY = 24 * TICKS_PER_HOUR
DAY_ONE = datetime(1, 1, 1, tzinfo=UTC)
#: The last tick of the year 9999.
MAX_TICKS = date.max.toordinal() * TICKS_PER_DAY - 1


class Kind(Enum):
    """Which zone a DateTime is said to be in; `value` is what the format specifier `K` writes."""

    UNSPECIFIED = ""
    UTC = "Z"
    LOCAL = "+00:00"


@dataclass(frozen=True, slots=True)
class DateTime:
    """A moment, or a date and time of day whose zone is not known."""

    ticks: int
    kind: Kind = Kind.UNSPECIFIED

    @property
    def day(self) -> date:
        """The calendar day."""
        return date.fromordinal(self.ticks // TICKS_PER_DAY + 1)

    @property
    def time_of_day(self) -> int:
        """Ticks since midnight."""
        return self.ticks % TICKS_PER_DAY

    def plus(self, ticks: int) -> DateTime:
        """Move by a number of ticks; raises DateRangeError outside the years 1 to 9999."""
        moved = self.ticks + ticks
        if not 0 <= moved <= MAX_TICKS:
            raise DateRangeError
        return DateTime(moved, self.kind)

    def plus_months(self, months: int) -> DateTime:
        """Move by calendar months; the 31st becomes the last day of a shorter month."""
        today = self.day
        year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
        if not 1 <= year <= 9999:
            raise DateRangeError
        day = min(today.day, monthrange(year, month + 1)[1])
        return DateTime((date(year, month + 1, day).toordinal() - 1) * TICKS_PER_DAY + self.time_of_day, self.kind)

    def floor(self, ticks: int) -> DateTime:
        """Round down to a whole number of `ticks`, an hour or a day."""
        return DateTime(self.ticks - self.ticks % ticks, self.kind)

    def with_kind(self, kind: Kind) -> DateTime:
        """Say another zone of the same date and time."""
        return DateTime(self.ticks, kind)

    def to_datetime(self) -> datetime:
        """Give Python's datetime, as if this were UTC; the last digit, of 100 nanoseconds, is cut."""
        return DAY_ONE + timedelta(microseconds=self.ticks // 10)


def of_day(year: int, month: int, day: int, time_of_day: int = 0, kind: Kind = Kind.UNSPECIFIED) -> DateTime:
    """Build a DateTime from a calendar day and ticks since midnight; raises ValueError when there is no such day."""
    return DateTime((date(year, month, day).toordinal() - 1) * TICKS_PER_DAY + time_of_day, kind)


def from_datetime(moment: datetime) -> DateTime:
    """Take a Python datetime: one with a zone becomes UTC, one without stays unspecified."""
    if moment.tzinfo is None:
        moment, kind = moment.replace(tzinfo=UTC), Kind.UNSPECIFIED
    else:
        kind = Kind.UTC
    return DateTime((moment - DAY_ONE) // timedelta(microseconds=1) * 10, kind)
