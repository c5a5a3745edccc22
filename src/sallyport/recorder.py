"""What the parts of the house report of their work: numbers, and how long things took.

The rule: a part names a metric of the table in `web/metrics.py` and gives labels from a small closed set: never a
name, an id or an address that came from outside. Reporting costs next to nothing, never fails, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

#: What a part of a trace is: a request that is answered here, one that is sent from here, or work in between.
Kind = Literal["answered", "sent", "work"]


class Span(Protocol):
    """A part of a trace while it is open."""

    def note(self, name: str, value: str | int) -> None:
        """Say one more thing of it; never a secret, a body or a query."""
        ...

    def fail(self, why: str) -> None:
        """Say that it failed, by a word from a small closed set."""
        ...


class Recorder(Protocol):
    """Whom a part reports to."""

    def count(self, metric: str, *labels: str, amount: int = 1) -> None:
        """Add to a counter."""
        ...

    def observe(self, metric: str, value: float, *labels: str) -> None:
        """Add one observation, such as a duration in seconds, to a distribution."""
        ...

    def span(
        self, name: str, attributes: Mapping[str, str] | None = None, kind: Kind = "work"
    ) -> AbstractContextManager[Span]:
        """Open a part of a trace that lasts as long as the context; what is opened inside belongs to it.

        The attributes `traceparent` and `tracestate`, as a caller's headers had them, make it a part of that trace.
        """
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

    def span(
        self, _name: str, _attributes: Mapping[str, str] | None = None, _kind: Kind = "work"
    ) -> AbstractContextManager[Span]:
        """Open nothing."""
        return _NOTHING

    def trace_headers(self) -> Mapping[str, str]:
        """Answer no headers."""
        return {}


class _Unseen:
    """A part of no trace."""

    def note(self, name: str, value: str | int) -> None:
        """Forget it."""

    def fail(self, why: str) -> None:
        """Forget it."""


_NOTHING: AbstractContextManager[Span] = nullcontext(_Unseen())
SILENT: Recorder = Silent()
