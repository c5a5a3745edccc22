"""What a workflow's `accessControl` demands of whoever comes to it.

The rule: nothing here is heeded when somebody comes; it is read so that nobody believes that it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.wdl.values import Json


def restricted(properties: Mapping[str, Json]) -> list[str]:
    """Answer which parts of a workflow, such as `triggers`, not everybody with a signed address may reach."""
    stated = properties.get("accessControl")
    parts = stated.items() if isinstance(stated, dict) else ()
    return [name for name, each in parts if isinstance(each, dict) and _is_restricted(each)]


def _is_restricted(part: Mapping[str, Json]) -> bool:
    signed = part.get("sasAuthenticationPolicy")
    state = signed.get("state") if isinstance(signed, dict) else None
    # An empty list lets fewer in than none: other workflows alone.
    return isinstance(part.get("allowedCallerIpAddresses"), list) or str(state).casefold() == "disabled"
