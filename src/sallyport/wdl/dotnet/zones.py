"""Time zones by their Windows ids, and conversion of a DateTime from and to them.

Rules come from the tz database; a Windows id is only another name for one of its zones.

Deviation: an IANA name such as `Europe/Berlin` is refused although .NET 6 and later take it, so that a definition which
works here also works in Azure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from sallyport.wdl.dotnet.dates import DAY_ONE, DateTime, Kind
from sallyport.wdl.dotnet.errors import DateRangeError, DateTextError, TimeZoneIdError
from sallyport.wdl.dotnet.windows_zones import WINDOWS_ZONES

UTC = "UTC"


@lru_cache(maxsize=1)
def _by_folded_id() -> dict[str, str]:
    return {zone_id.casefold(): name for zone_id, name in WINDOWS_ZONES.items()}


@lru_cache(maxsize=256)
def zone(zone_id: str) -> ZoneInfo:
    """Find a time zone by its Windows id, in any case; raises TimeZoneIdError."""
    name = WINDOWS_ZONES.get(zone_id) or _by_folded_id().get(zone_id.casefold())
    if name is None:
        raise TimeZoneIdError(zone_id)
    return ZoneInfo(name)


def is_utc(zone_id: str) -> bool:
    """Tell whether an id names UTC itself."""
    return zone_id.casefold() == "utc"


def from_utc(moment: DateTime, zone_id: str) -> DateTime:
    """Convert a moment in UTC to the local time of a zone; the result has no zone, except in UTC itself.

    Raises TimeZoneIdError, or DateRangeError at the ends of time.
    """
    there = zone(zone_id)
    if is_utc(zone_id):
        return moment.with_kind(Kind.UTC)
    try:
        offset = there.utcoffset(moment.to_datetime().astimezone(there))
    except (OverflowError, ValueError) as error:
        raise DateRangeError from error
    return moment.plus(_ticks(offset)).with_kind(Kind.UNSPECIFIED)


def to_utc(moment: DateTime, zone_id: str) -> DateTime:
    """Convert the local time of a zone to UTC: a time that occurs twice is standard time, one that is skipped an error.

    Raises TimeZoneIdError, DateTextError for a skipped time, or DateRangeError at the ends of time.
    """
    there = zone(zone_id)
    local = moment.to_datetime().replace(tzinfo=there)
    first, second = _ticks(local.utcoffset()), _ticks(local.replace(fold=1).utcoffset())
    if second > first:
        reason = f"it does not exist in '{zone_id}', where the clocks are put forward over it"
        raise DateTextError(_shown(local), reason)
    return moment.plus(-min(first, second)).with_kind(Kind.UTC)


def _ticks(offset: timedelta | None) -> int:
    # Local mean times before about 1900 are not whole minutes; Windows knows nothing of them, and ticks do not mind.
    return (offset or timedelta()) // timedelta(microseconds=1) * 10


def _shown(local: datetime) -> str:
    return (DAY_ONE + (local.replace(tzinfo=None) - DAY_ONE.replace(tzinfo=None))).strftime("%Y-%m-%dT%H:%M:%S")
