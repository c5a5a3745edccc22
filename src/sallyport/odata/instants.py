"""Dates and times as text that sorts: `YYYY-MM-DDTHH:MM:SS.fffffffZ`, always UTC, always seven fraction digits.

Two instants compare as these texts do, in Python and in both databases, without losing the seventh digit that
`datetime` cannot hold. A stored resource keeps its own number of digits, but always ends in `Z`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_TEXT = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?)?\s*([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)

#: How nearly every time is written.
_USUAL = re.compile(r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,7})?Z", re.ASCII)
_SECONDS = len("YYYY-MM-DDTHH:MM:SS")

#: Fraction digits of the service: a tick is a ten-millionth of a second.
DIGITS = 7


@lru_cache(maxsize=4096)
def sortable(text: str) -> str | None:
    """Answer the sortable text of a date or a date and time, or None when it is neither.

    A missing time is midnight, a missing zone is UTC, and digits after the seventh are cut off.
    """
    if _is_usual(text):
        return f"{text[:_SECONDS]}.{text[_SECONDS + 1 : -1].ljust(DIGITS, '0')}Z"
    return _sortable(text)


def _is_usual(text: str) -> bool:
    """Answer, quickly, whether a text is a date and time in UTC as nearly every one is written."""
    if _USUAL.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text[:_SECONDS])
    except ValueError:
        return False
    return True


def _sortable(text: str) -> str | None:
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        moment = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), tzinfo=UTC
        )
        moment -= _offset(zone)
    except (ValueError, OverflowError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{(fraction or '')[:DIGITS]:0<{DIGITS}}Z"


def _offset(zone: str | None) -> timedelta:
    if zone is None or zone in "Zz":
        return timedelta()
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(zone)
    return timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def wire(text: str) -> str | None:
    """Answer a date and time as the service writes it (UTC, `Z`, no needless zeros), or None when it is none."""
    if _is_usual(text):
        return text if text[-2] != "0" or len(text) == _SECONDS + 1 else _short(text)
    full = _sortable(text)
    return None if full is None else _short(full)


def _short(text: str) -> str:
    """Answer a time without needless zeros behind its point."""
    return text[:-1].rstrip("0").rstrip(".") + "Z"


def of_datetime(moment: datetime) -> str:
    """Answer the sortable text of an aware datetime."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{utc.microsecond:06d}0Z"
