"""What a batch may say: reads `{"requests": [...]}` into items that can be sent, or says what is wrong. Pure.

The rule: a batch that breaks a rule of its format is refused whole, before anything of it is done; what concerns the
target of one item is that item's own failure.
Deviation: one item of a batch may name the other version by an absolute address; Graph's own batches know one version.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from sallyport import errors
from sallyport.store import documents

#: https://learn.microsoft.com/graph/json-batching
MOST = 20
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
#: Fields that belong to the request that carries the batch.
_CARRIED = frozenset(
    ["authorization", "connection", "content-encoding", "content-length", "cookie", "host", "transfer-encoding"]
)
_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


class InvalidBatch(errors.BadRequest):
    """Raised when a batch breaks a rule of its format; nothing of it was done."""


class ForeignAddress(errors.BadRequest):
    """Raised when an item of a batch names another host than the one that the batch was sent to."""

    def __init__(self, url: str) -> None:
        super().__init__(f"The address '{url[:200]}' is not on the host that the batch was sent to.")
        self.url = url


@dataclass(frozen=True, slots=True)
class Item:
    """One request of a batch."""

    id: str
    method: str
    url: str
    #: Fields in lower case, as they will be sent.
    headers: Mapping[str, str]
    body: bytes
    #: The ids of the items that must succeed before.
    depends_on: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an item leads, as an ASGI scope has it."""

    path: str
    raw_path: bytes
    query_string: bytes


def read(body: Any) -> list[Item]:
    """Answer the items of a batch, in its order; raises InvalidBatch."""
    given = _members(body).get("requests") if isinstance(body, dict) else None
    if not isinstance(given, list) or not given:
        raise InvalidBatch("requests is a required property of a batch: an array of requests")
    if len(given) > MOST:
        raise InvalidBatch(f"The batch holds {len(given)} requests; at most {MOST} are accepted.")
    items: dict[str, Item] = {}
    for index, each in enumerate(given):
        item = _item(index, each)
        if item.id in items:
            raise InvalidBatch(f"The id '{item.id}' names more than one request of the batch.")
        items[item.id] = item
    _check_dependencies(items)
    return list(items.values())


def ordered(items: Sequence[Item]) -> Sequence[Item]:
    """Answer items in an order in which each comes after those that it depends on; raises InvalidBatch in a circle."""
    by_id = {item.id: item for item in items}
    try:
        return [by_id[key] for key in TopologicalSorter({each.id: each.depends_on for each in items}).static_order()]
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise InvalidBatch(f"Requests of the batch depend on each other in a circle: {circle}.") from None


def target(url: str, version: str, hosts: Collection[tuple[str, int | None]]) -> Target:
    """Answer where an address of an item leads: behind the root of the version unless it is absolute.

    `hosts` are those of the service. Raises ForeignAddress for any other, and BadRequest for what is no address.
    """
    try:
        parts = urlsplit(url.strip().partition("#")[0])
        host = place(parts.scheme, parts.netloc)
    except ValueError:
        raise errors.BadRequest(f"'{url[:200]}' is not an address.") from None
    if _ABSOLUTE.match(url.strip()) is None:
        path, _, query = url.strip().partition("#")[0].partition("?")
        path = f"/{version}/{path.lstrip('/')}"
    elif parts.scheme.lower() in _PORTS and host in hosts:
        path, query = parts.path, parts.query
    else:
        raise ForeignAddress(url)
    raw = quote(path, safe=_PATH_SAFE)
    return Target(unquote(raw), raw.encode(), query.encode())


def place(scheme: str, netloc: str) -> tuple[str, int | None]:
    """Answer a host and its port, None for the port that the scheme implies: a proxy may have ended TLS before us."""
    parts = urlsplit(f"//{netloc}")
    return (parts.hostname or "").rstrip("."), None if parts.port == _PORTS.get(scheme.lower()) else parts.port


def _item(index: int, given: Any) -> Item:
    if not isinstance(given, dict):
        raise InvalidBatch(f"The request at position {index} of the batch is not an object.")
    members = _members(given)
    item_id = members.get("id")
    members["id"] = str(item_id) if isinstance(item_id, int) and not isinstance(item_id, bool) else item_id
    key, method, url = (_needed(index, members, name) for name in ("id", "method", "url"))
    if _TOKEN.fullmatch(method.strip()) is None:
        raise InvalidBatch(f"The method of the request '{key}' is not one.")
    headers = _headers(key, members.get("headers"))
    body = _body(key, members.get("body"), headers)
    return Item(key, method.strip().upper(), url, headers, body, _depends_on(key, members.get("dependson")))


def _needed(index: int, members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidBatch(f"{name} is a required property of a request: see position {index} of the batch.")
    return value


def _members(given: Mapping[str, Any]) -> dict[str, Any]:
    """Answer members by their folded names: one library writes `depends_on` for `dependsOn`."""
    return {name.lower().replace("_", ""): value for name, value in given.items()}


def _headers(item_id: str, given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise InvalidBatch(f"The headers of the request '{item_id}' are not an object.")
    found: dict[str, str] = {}
    for name, value in given.items():
        text = ", ".join(value) if isinstance(value, list) and all(isinstance(each, str) for each in value) else value
        if not isinstance(text, str) or not _TOKEN.fullmatch(name) or not _is_field_text(text):
            raise InvalidBatch(f"The header '{name[:80]}' of the request '{item_id}' cannot be sent.")
        if name.lower() not in _CARRIED:
            found[name.lower()] = text.strip()
    return found


def _is_field_text(text: str) -> bool:
    return all(" " <= each <= "\xff" and each != "\x7f" for each in text.replace("\t", " "))


def _body(item_id: str, given: Any, headers: Mapping[str, str]) -> bytes:
    if given is None:
        return b""
    media = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media:
        raise InvalidBatch(f"The request '{item_id}' has a body, and its headers no Content-Type.")
    if not isinstance(given, str) or media == "application/json" or media.endswith("+json"):
        return documents.dumps(given)
    try:
        return base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidBatch(f"The body of the request '{item_id}' is not JSON, and not base64 either.") from None


def _depends_on(item_id: str, given: Any) -> tuple[str, ...]:
    listed = [given] if isinstance(given, str) else given or []
    if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
        raise InvalidBatch(f"dependsOn of the request '{item_id}' is not an array of ids.")
    return tuple(dict.fromkeys(listed))


def _check_dependencies(items: Mapping[str, Item]) -> None:
    for item in items.values():
        for needed in item.depends_on:
            if needed not in items:
                raise InvalidBatch(f"The request '{item.id}' depends on '{needed}', which the batch does not hold.")
