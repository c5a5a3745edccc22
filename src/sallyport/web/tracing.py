"""Where the parts of traces go: to an OpenTelemetry collector when the settings name one, and otherwise nowhere.

The rule: without `otlp_endpoint` nothing of OpenTelemetry is imported; with it, nobody ever waits for the collector.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from sallyport import errors
from sallyport.recorder import Kind, Silent, Span


class Tracing(Protocol):
    """The part of a recorder that knows of traces."""

    def span(
        self, name: str, attributes: Mapping[str, str] | None = None, kind: Kind = "work"
    ) -> AbstractContextManager[Span]:
        """Open a part of a trace."""
        ...

    def trace_headers(self) -> Mapping[str, str]:
        """Answer the headers of the part that is open."""
        ...

    async def close(self) -> None:
        """Send what is left, for as long as a stop may take."""
        ...


class Untraced(Silent):
    """Knows of no traces."""

    async def close(self) -> None:
        """Have nothing to send."""


def chosen(endpoint: str | None) -> Tracing:
    """Answer where traces go; raises ExtraMissing when they should go somewhere and cannot."""
    if endpoint is None:
        return Untraced()
    try:
        from sallyport.web import otlp
    except ModuleNotFoundError as missing:
        if not (missing.name or "").startswith("opentelemetry"):
            raise
        raise errors.ExtraMissing("otlp_endpoint", missing.name or "opentelemetry", "opentelemetry") from None
    return otlp.Traces(endpoint)
