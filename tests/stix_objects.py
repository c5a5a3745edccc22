"""STIX objects for tests."""

from __future__ import annotations

from typing import Any

_TIMES = {"created": "2026-01-01T00:00:00.000Z", "modified": "2026-01-01T00:00:00.000Z"}
IDENTITY: dict[str, Any] = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--10000003-71a2-445c-ab86-000000000001",
    **_TIMES,
    "name": "Feed",
}


def stix_indicator(number: int = 1, **more: Any) -> dict[str, Any]:
    """Answer a STIX indicator, another one for each number."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--10000003-71a2-445c-ab86-{number:012d}",
        **_TIMES,
        "pattern": f"[ipv4-addr:value = '203.0.113.{number % 250}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }
