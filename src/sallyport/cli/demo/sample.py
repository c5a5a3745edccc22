"""Sample alerts: what products of several vendors would say, with values varied by a seeded generator.

The rule: the same seed gives the same alerts, but for their ids and times; every address and domain is one of those
that are reserved for documentation.
"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from importlib import resources
from typing import Any

import orjson

_BLANK = re.compile(r"\{(\w+)\}")


class Samples:
    """A source of alerts."""

    def __init__(self, seed: int) -> None:
        found = orjson.loads(resources.files(__package__).joinpath("alerts.json").read_bytes())
        self._pools: dict[str, list[str]] = found["pools"]
        self._models: list[dict[str, Any]] = [each["alert"] for each in found["alerts"]]
        self._weights = [each["weight"] for each in found["alerts"]]
        self._random = random.Random(seed)  # noqa: S311 - nothing secret is made of it

    def alert(self, now: datetime, severity: str = "") -> dict[str, Any]:
        """Answer another alert, of a severity when one is asked for, which happened a moment before `now`."""
        fitting = [index for index, model in enumerate(self._models) if severity in ("", model["severity"])]
        chosen = self._random.choices(fitting, [self._weights[index] for index in fitting])[0]
        picked = {name: self._random.choice(pool) for name, pool in self._pools.items()}
        happened = now - timedelta(seconds=self._random.randint(5, 90))
        return {
            "id": str(uuid.uuid4()),
            **_filled(self._models[chosen], picked),
            "eventDateTime": _wire(happened),
            "createdDateTime": _wire(now),
            "status": "newAlert",
        }

    def pause(self, around: float) -> float:
        """Answer how long to wait for the next alert, in seconds: `around` that on average."""
        return self._random.uniform(0.5, 1.5) * around

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        """Give the models of all alerts, unfilled."""
        return iter(self._models)


def _filled(value: Any, picked: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _BLANK.sub(lambda match: picked[match[1]], value)
    if isinstance(value, list):
        return [_filled(each, picked) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, picked) for name, each in value.items()}
    return value


def _wire(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
