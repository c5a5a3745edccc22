"""The parts of a path, each decoded by itself: a slash that is encoded belongs to a name, and separates nothing.

The rule: servers decode a whole path before anybody routes it; whoever needs its parts takes them from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from starlette.routing import Match, Route
from starlette.types import Scope

#: Stands for an encoded slash while a path is routed; no path that was decoded from UTF-8 holds it.
_SLASH = "\udc2f"


def of(scope: Mapping[str, Any]) -> list[str]:
    """Answer the parts of a request's path; the first is empty, because a path begins with a slash."""
    raw: bytes = (scope.get("raw_path") or b"").partition(b"?")[0]
    if not raw:
        return str(scope["path"]).split("/")
    return [unquote(part.decode("latin-1")) for part in raw.split(b"/")]


class SegmentRoute(Route):
    """A route whose path parameters may hold slashes, where a client encoded them."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Answer whether a request is for this route, and with which parameters."""
        if b"%2f" not in (scope.get("raw_path") or b"").lower():
            return super().matches(scope)
        path = "/".join(part.replace("/", _SLASH) for part in of(scope))
        match, child = super().matches({**scope, "path": path})
        given = child.get("path_params", {})
        named = {name: part.replace(_SLASH, "/") if isinstance(part, str) else part for name, part in given.items()}
        return match, {**child, "path_params": named} if given else child
