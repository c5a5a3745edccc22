"""What a workflow's `accessControl` demands of whoever comes to it.

The rule: nothing here is heeded when somebody comes; it is read so that nobody believes that it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from sallyport.wdl.values import Json


def restricted(properties: Mapping[str, Json]) -> list[str]:
    """Answer which parts of a workflow, such as `triggers`, only callers at certain addresses may reach."""
    stated = properties.get("accessControl")
    parts = stated.items() if isinstance(stated, dict) else ()
    # An empty list lets fewer in than none: other workflows alone.
    return [name for name, each in parts if isinstance(each, dict) and isinstance(_addresses(each), list)]


def _addresses(part: Mapping[str, Json]) -> Json:
    return part.get("allowedCallerIpAddresses")
