"""What the parts of the house report of their work: numbers, and how long things took.

The rule: a part names a metric of the table in `web/metrics.py` and gives labels from a small closed set: never a
name, an id or an address that came from outside. Reporting costs next to nothing, never fails, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


class Recorder(Protocol):
    """Whom a part reports to."""

    def count(self, metric: str, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        ...

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Add one observation, such as a duration in seconds, to a distribution."""
        ...

    def span(self, name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[object]:
        """Open a part of a trace that lasts as long as the context; what is opened inside belongs to it."""
        ...

    def trace_headers(self) -> Mapping[str, str]:
        """Answer the headers that let another server continue the trace that is open here."""
        ...


class Silent:
    """Forgets everything: where nobody listens."""

    def count(self, metric: str, *labels: str, amount: int = 1) -> None:
        """Forget a number."""

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Forget an observation."""

    def span(self, _name: str, _attributes: Mapping[str, str] | None = None) -> AbstractContextManager[object]:
        """Open nothing."""
        return _NOTHING

    def trace_headers(self) -> Mapping[str, str]:
        """Answer no headers."""
        return {}


_NOTHING = nullcontext()
SILENT: Recorder = Silent()
