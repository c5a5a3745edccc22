"""Which calls of connectors name an operation that the connector does not have. Pure.

The rule to know: only what is certain is told. A call is as the server would make it, except that what an expression
writes into a path may be anything, and, unless it is encoded, any number of segments.
"""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from sallyport import connectors
from sallyport.cli import binding
from sallyport.connectors import catalog
from sallyport.connectors.catalog import Connector, UnknownOperation
from sallyport.connectors.swagger import NAMES, Operation
from sallyport.wdl.definition import pointer_to
from sallyport.wdl.values import Json

#: The types that call connectors, and the methods of those that state none.
_METHODS: Mapping[str, str] = {"apiconnection": "GET", "apiconnectionwebhook": "POST"}
#: What an expression writes into one segment; a quoted text in it may hold a brace.
_ENCODED = re.compile(r"@\{\s*(?:encodeUriComponent|uriComponent)\s*\((?:[^}']|'[^']*')*\}", re.IGNORECASE)
#: Nobody writes a longer path; to look for expressions in one takes time that grows with its square.
_LONGEST = 4_000
#: What stands for that in a path.
_ANY = "\0"
#: The Graph's connector knows every path in both.
_VERSIONS = ("v1.0", "beta")
#: So many operations are compared with a path letter by letter.
_COMPARED = 20


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a connector, as a definition writes it."""

    pointer: str
    name: str
    key: str
    method: str
    #: As written.
    path: str
    #: The same without queries, and with `_ANY` where an expression writes a segment.
    bare: str


def unknown(
    document: Mapping[str, Json], bound: Mapping[str, Json], known: Mapping[str, Connector]
) -> Iterator[tuple[str, str]]:
    """Answer the JSON pointer of each call that no operation answers, with a sentence about it."""
    for call in _calls(document, ""):
        entry = bound.get(call.key)
        api = catalog.api_id(str(entry.get("id"))) if isinstance(entry, dict) else ""
        connector = known.get(api)
        if connector is not None and not _may_be_found(connector, call):
            text = f"The connector '{api}' has no operation {call.method} {call.path[:200]}, which '{call.name}' calls."
            yield pointer_to(call.pointer, "inputs", "path"), text + _meant(connector, call)


def _calls(around: Mapping[str, Json], pointer: str) -> Iterator[Call]:
    for name, value in around.items():
        if not isinstance(value, dict):
            continue
        place, inputs = pointer_to(pointer, name), value.get("inputs")
        method = _METHODS.get(str(value.get("type")).casefold())
        if method is not None and isinstance(inputs, dict):
            yield from _call(place, name, inputs, method)
        elif name != "inputs":
            yield from _calls(value, place)


def _call(pointer: str, name: str, inputs: dict[str, Json], usual: str) -> Iterator[Call]:
    host, path, method = inputs.get("host"), inputs.get("path"), inputs.get("method") or usual
    keys = binding.named(host) if isinstance(host, dict) else []
    if len(keys) != 1 or not isinstance(path, str) or not isinstance(method, str):
        return
    if "@" in method or len(path) > _LONGEST:
        return
    bare = _ENCODED.sub(_ANY, path).partition("?")[0]
    if bare and "@" not in bare and "://" not in bare:
        yield Call(pointer, name, keys[0], method.upper(), path, f"/{bare.lstrip('/')}")


def _may_be_found(connector: Connector, call: Call) -> bool:
    try:
        connectors.find(connector, call.method, call.bare)
    except UnknownOperation:
        # What is written may also be a segment that is fixed.
        segments = call.bare.strip("/").split("/")
        return _ANY in call.bare and any(_fits(each, call.method, segments) for each in connector.swagger.operations)
    return True


def _fits(operation: Operation, method: str, segments: list[str]) -> bool:
    fixed = operation.path.strip("/").split("/")
    if operation.method != method or len(fixed) != len(segments):
        return False
    return all(
        _ANY in segment
        or pattern.fullmatch(unquote(segment)) is not None
        or (segment.casefold() in _VERSIONS and template in _VERSIONS)
        for pattern, template, segment in zip(operation.pattern, fixed, segments, strict=True)
    )


def _meant(connector: Connector, call: Call) -> str:
    """Answer the words that name the operation that is nearest to a call; nothing when the connector has none."""
    parts = set(call.bare.casefold().split("/"))
    near = heapq.nlargest(
        _COMPARED,
        connector.swagger.operations,
        key=lambda each: len(parts & set(each.path.casefold().split("/"))),
    )
    likeness = difflib.SequenceMatcher(b=call.bare[:200].casefold(), autojunk=False)

    def nearness(operation: Operation) -> float:
        likeness.set_seq1(NAMES.sub(_ANY, operation.path[:200]).casefold())
        return likeness.ratio() + (0.1 if operation.method == call.method else 0)

    best = max(near, key=nearness, default=None)
    return "" if best is None else f" The nearest is {best.method} {best.path}."
