"""How many requests an application may make: token buckets with the limits that Microsoft documents for Graph.

The rule: limits count by application and kind of resource, in this process's memory; what is over one is answered 429
with the whole seconds after which a repeat will pass. `graph.throttle_sharing` tells what other processes let pass.
https://learn.microsoft.com/graph/throttling-limits
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from sallyport import errors
from sallyport.clock import Clock

#: The scope that every request counts in.
ANY = "any"
#: After so long without a request, what has passed is counted from one again.
ANEW_SECONDS = 300.0
#: Applications whose buckets are remembered; beyond, the one that asked longest ago is forgotten.
_MOST_BUCKETS = 20_000


class Throttled(errors.TooManyRequests):
    """Raised when an application has made more requests than a limit allows."""

    def __init__(self, scope: str, retry_after_seconds: int) -> None:
        super().__init__("Please retry again later.", retry_after_seconds)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Limit:
    """So many requests in so many seconds."""

    requests: int
    seconds: float


#: What is documented, by the scope's name in the settings. STIX: the upload API of Sentinel.
LIKE_GRAPH: Mapping[str, Limit] = MappingProxyType(
    {
        ANY: Limit(2_000, 1),
        "security": Limit(150, 60),
        "indicators": Limit(1_000, 60),
        "subscriptions": Limit(5_000, 20),
        "stix": Limit(100, 60),
    }
)
#: What a path holds, in lower case, that counts in a scope; the first that fits.
_SCOPES = (
    ("threat-intelligence-stix", "stix"),
    ("threatintelligence", "stix"),
    ("tiindicators", "indicators"),
    ("subscriptions", "subscriptions"),
    ("{version}/security/", "security"),
)


class UnknownScope(errors.BadRequest):
    """Raised when a limit is set for a scope that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no scope '{name}'; there are: {', '.join(LIKE_GRAPH)}")
        self.name = name


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float
    #: How many requests have passed here since the bucket was made or used again, and when the last one did.
    passed: int = 0
    passed_at: float = 0.0


class Throttle:
    """Counts requests; without limits it lets everything pass."""

    def __init__(self, clock: Clock, limits: Mapping[str, Limit] = MappingProxyType({})) -> None:
        self._clock = clock
        self._limits = limits
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def check(self, app_id: str, path: str) -> None:
        """Count an application's request to a path of the table; raises Throttled for one too many, counted nowhere."""
        if not self._limits:
            return
        now = self._clock.monotonic()
        scopes = [scope for scope in dict.fromkeys((scope_of(path), ANY)) if scope in self._limits]
        buckets = [self._filled(app_id, scope, now) for scope in scopes]
        waits = [
            ((1 - bucket.tokens) * self._limits[scope].seconds / self._limits[scope].requests, scope)
            for bucket, scope in zip(buckets, scopes, strict=True)
            if bucket.tokens < 1
        ]
        if waits:
            seconds, scope = max(waits)
            raise Throttled(scope, max(1, math.ceil(seconds)))
        for bucket in buckets:
            bucket.tokens -= 1
            bucket.passed = 1 if now - bucket.passed_at > ANEW_SECONDS else bucket.passed + 1
            bucket.passed_at = now

    @property
    def limited(self) -> bool:
        """Answer whether there are any limits."""
        return bool(self._limits)

    def passed(self) -> dict[tuple[str, str], int]:
        """Answer how many requests have passed here, by application and scope."""
        return {key: bucket.passed for key, bucket in self._buckets.items() if bucket.passed}

    def spend(self, app_id: str, scope: str, requests: int) -> None:
        """Take from a bucket what has passed elsewhere: more than is in it, up to one whole bucket."""
        if scope in self._limits:
            bucket = self._filled(app_id, scope, self._clock.monotonic())
            bucket.tokens = max(bucket.tokens - requests, -float(self._limits[scope].requests))

    def _filled(self, app_id: str, scope: str, now: float) -> _Bucket:
        limit = self._limits[scope]
        bucket = self._buckets.get((app_id, scope))
        if bucket is None:
            bucket = self._buckets[app_id, scope] = _Bucket(limit.requests, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end((app_id, scope))
        # A shade more, so that whoever waits exactly as long as told is not turned away by a rounding.
        grown = bucket.tokens + (now - bucket.at) * limit.requests / limit.seconds + 1e-9
        bucket.tokens, bucket.at = min(float(limit.requests), grown), now
        return bucket


def limits(profile: str, own: Mapping[str, int]) -> Mapping[str, Limit]:
    """Answer the limits of a profile, some with other numbers of requests; raises UnknownScope.

    `off` has none, whatever the numbers.
    """
    for name in own:
        if name not in LIKE_GRAPH:
            raise UnknownScope(name)
    if profile == "off":
        return {}
    return {name: replace(limit, requests=own.get(name, limit.requests)) for name, limit in LIKE_GRAPH.items()}


def scope_of(path: str) -> str:
    """Answer the scope that a path of the table counts in."""
    folded = path.lower()
    return next((scope for part, scope in _SCOPES if part in folded), ANY)
