"""Finds the operation of a path: segment by segment, whatever its letter case, doubled or trailing slashes.

The rule: what is spelt out in the table beats a name in braces, and only what stands for a name keeps its case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from starlette.types import Scope

from sallyport.graph.endpoint import Endpoint
from sallyport.graph.errors import MethodNotAllowed, UnknownSegment

VERSIONS: Mapping[str, str] = {"v1.0": "v1.0", "beta": "beta"}
_VERSION = "{version}"
_NAMESPACES = ("microsoft.graph.security.", "microsoft.graph.")
#: `alerts('x')` means `alerts/x`.
_KEY = re.compile(r"(\w+)\('(.*)'\)\Z", re.DOTALL)


@dataclass(slots=True)
class _Place:
    """What the paths have in common up to one segment, and how they go on."""

    literal: dict[str, _Place] = field(default_factory=dict)
    named: dict[str, _Place] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Way:
    """Where the segments so far lead, and what they name."""

    place: _Place
    names: Mapping[str, str]


class Paths:
    """The operations of a table, by their paths."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Place()
        for endpoint in endpoints:
            place = self._root
            for segment in endpoint.segments:
                below = place.named if segment.startswith("{") else place.literal
                place = below.setdefault(segment if segment.startswith("{") else segment.lower(), _Place())
            place.endpoints[endpoint.method] = endpoint

    def find(self, method: str, segments: Sequence[str]) -> tuple[Endpoint, Mapping[str, str]]:
        """Answer the operation of a method and a path, and the names that the path gives.

        Raises UnknownSegment and MethodNotAllowed.
        """
        ways = [_Way(self._root, {})]
        for segment in segments:
            ways = [after for way in ways for after in _steps(way, segment)]
            if not ways:
                raise UnknownSegment(segment)
        whole = [way for way in ways if way.place.endpoints]
        if not whole:
            raise UnknownSegment(segments[-1] if segments else "")
        fewest = min(len(way.names) for way in whole)
        whole = [way for way in whole if len(way.names) == fewest]
        for way in whole:
            endpoint = way.place.endpoints.get("GET" if method == "HEAD" else method)
            if endpoint is not None:
                return endpoint, way.names
        raise MethodNotAllowed(method, tuple(sorted({each for way in whole for each in way.place.endpoints})))


def split(scope: Scope) -> list[str]:
    """Answer a request's path as decoded segments: empty ones left out, namespaces cut off, keys apart."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    segments: list[str] = []
    for segment in raw.partition(b"?")[0].decode("latin-1").split("/"):
        try:
            text = unquote(segment, errors="strict")
        except UnicodeDecodeError:
            raise UnknownSegment(segment) from None
        if "\0" in text:
            # Nothing is stored under such a name, and PostgreSQL does not even look.
            raise UnknownSegment(segment)
        folded = text.lower()
        text = next((text[len(each) :] for each in _NAMESPACES if folded.startswith(each)), text)
        key = _KEY.match(text)
        segments += [key[1], key[2].replace("''", "'")] if key else [text]
    return [segment for segment in segments if segment]


def _steps(way: _Way, segment: str) -> Iterable[_Way]:
    place = way.place.literal.get(segment.lower())
    if place is not None:
        yield _Way(place, way.names)
    for name, below in way.place.named.items():
        value = VERSIONS.get(segment.lower()) if name == _VERSION else segment
        if value is not None:
            yield _Way(below, {**way.names, name[1:-1]: value})
