"""Retry policies: whether and when a failed call is made again. Pure: the chance is given to it.

Azure's default is four repeats of an exponential policy with a scale of 7.5 seconds, each delay between 5 and 45.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sallyport.errors import BadRequest

_DURATION = re.compile(
    r"^P(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+(?:\.\d+)?)D)?"
    r"(?:T(?:(?P<hours>\d+(?:\.\d+)?)H)?(?:(?P<minutes>\d+(?:\.\d+)?)M)?(?:(?P<seconds>\d+(?:\.\d+)?)S)?)?$",
    re.IGNORECASE,
)

SHORTEST = timedelta(seconds=5)
LONGEST = timedelta(days=1)
#: What a Stateless workflow allows, whose runs are short.
_STATELESS = (timedelta(seconds=1), timedelta(minutes=1))


class InvalidRetryPolicy(BadRequest):
    """Raised when a retry policy, or another duration of an action, is not one."""

    code = "InvalidTemplate"

    def __init__(self, message: str, member: str = "") -> None:
        super().__init__(message)
        #: The part of it that is at fault, empty for the whole.
        self.member = member


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a call is repeated, and how long to wait before each repeat."""

    count: int
    interval: timedelta
    minimum: timedelta
    maximum: timedelta
    exponential: bool

    def delay(self, repeat: int, chance: float) -> timedelta:
        """Answer how long to wait before a repeat, counted from 1; `chance` is uniform in [0, 1)."""
        if not self.exponential:
            return self.interval
        # Above 2**20 intervals every policy has reached its maximum.
        power = min(repeat, 20)
        lower: timedelta = max(self.interval * 2 ** (power - 2) if power > 1 else timedelta(0), self.minimum)
        upper: timedelta = min(self.interval * 2 ** (power - 1), self.maximum)
        lower = min(lower, upper)
        return lower + (upper - lower) * chance


NONE = RetryPolicy(0, SHORTEST, SHORTEST, SHORTEST, exponential=False)
DEFAULT = RetryPolicy(4, timedelta(seconds=7.5), SHORTEST, timedelta(seconds=45), exponential=True)


def parse(raw: Any, attempts: int = 90, *, stateless: bool = False) -> RetryPolicy:
    """Answer the policy that `inputs.retryPolicy` states; nothing states the default.

    Raises InvalidRetryPolicy with the member, its value and what is allowed.
    """
    if raw is None:
        return DEFAULT
    if not isinstance(raw, Mapping):
        raise InvalidRetryPolicy("The 'retryPolicy' must be an object.")
    kind = str(raw.get("type", "default")).casefold()
    if kind in ("default", "none"):
        return DEFAULT if kind == "default" else NONE
    if kind not in ("fixed", "exponential"):
        raise InvalidRetryPolicy(
            f"The retry policy's 'type' is '{raw.get('type')}': none, fixed or exponential is allowed.", "type"
        )
    shortest, longest = _STATELESS if stateless else (SHORTEST, LONGEST)
    return RetryPolicy(
        _count(raw.get("count", 4), attempts),
        _interval(raw, "interval", timedelta(seconds=7.5), shortest, longest),
        _interval(raw, "minimumInterval", timedelta(0), timedelta(0), longest),
        _interval(raw, "maximumInterval", longest, timedelta(0), longest),
        exponential=kind == "exponential",
    )


def duration(text: Any, what: str) -> timedelta:
    """Answer an ISO 8601 duration such as `PT1H`; a month counts 30 days and a year 365.

    Raises InvalidRetryPolicy naming `what`.
    """
    match = _DURATION.match(text) if isinstance(text, str) else None
    if match is None or not any(match.groupdict().values()):
        raise InvalidRetryPolicy(f"The '{what}' is '{text}': an ISO 8601 duration such as 'PT1H' is expected.", what)
    parts = {name: float(value) for name, value in match.groupdict().items() if value}
    days = parts.pop("days", 0.0) + 365 * parts.pop("years", 0.0) + 30 * parts.pop("months", 0.0)
    try:
        return timedelta(days=days, **parts)
    except OverflowError:
        raise InvalidRetryPolicy(f"The '{what}' is '{text}', which is too long.", what) from None


def later(moment: datetime, span: timedelta) -> datetime:
    """Answer the moment so much later, at the latest the last one that the calendar has."""
    try:
        return moment + span
    except OverflowError:
        return datetime.max.replace(tzinfo=moment.tzinfo)


def _count(raw: Any, attempts: int) -> int:
    if isinstance(raw, bool) or not isinstance(raw, int) or not 1 <= raw <= attempts:
        raise InvalidRetryPolicy(f"The retry policy's 'count' is '{raw}': 1 to {attempts} is allowed.", "count")
    return raw


def _interval(
    raw: Mapping[str, Any], name: str, default: timedelta, shortest: timedelta, longest: timedelta
) -> timedelta:
    if raw.get(name) is None:
        return default
    found = duration(raw[name], name)
    if not shortest <= found <= longest:
        allowed = "'PT1S' to 'PT1M'" if longest < LONGEST else "'PT5S' to 'P1D'"
        raise InvalidRetryPolicy(f"The retry policy's '{name}' is '{raw[name]}': {allowed} is allowed.", name)
    return found
