"""What TAXII 2.1 asks of a request: media types, filters, pages, and what an addition says of itself. Pure.

The rule: a page begins behind the place in the feed that the page before it names.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import Headers

from sallyport import errors
from sallyport.graph.call import Call
from sallyport.odata import instants
from sallyport.security import stix, to_stix
from sallyport.store import schema, stix_feed
from sallyport.store.stix_feed import Placed, Selection

_DEFAULT_LIMIT = 100
_LARGEST_LIMIT = 1_000
_ACCEPTED = re.compile(r"application/taxii\+json(;version=2\.1)?|application/\*|\*/\*")
_ALL_VERSIONS = frozenset({"first", "last", "all"})
_MOST_OBJECTS = 1_000


class NotAcceptable(errors.SallyportError):
    """Raised when a client accepts no media type that this server has."""

    code = "NotAcceptable"
    status = 406

    def __init__(self) -> None:
        super().__init__("The media type is 'application/taxii+json;version=2.1'.")


class UnsupportedMediaType(errors.SallyportError):
    """Raised when an envelope comes under another media type than TAXII's."""

    code = "UnsupportedMediaType"
    status = 415

    def __init__(self) -> None:
        super().__init__("An envelope is sent as 'application/taxii+json;version=2.1'.")


class InvalidFilter(errors.BadRequest):
    """Raised when a filter or an option of a page cannot be read."""


class InvalidEnvelope(errors.BadRequest):
    """Raised when a body is no envelope with a list of objects."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked for, and what it holds."""

    selection: Selection
    limit: int
    items: tuple[Placed, ...] = ()
    #: Leads to the next page; None after the last one.
    next: str | None = None

    def filled(self, rows: Sequence[Placed]) -> Page:
        """Answer the page with its rows, of which one more than its limit shows that there is a next page."""
        shown = tuple(rows[: self.limit])
        more = _token(shown[-1].place) if len(rows) > self.limit else None
        return replace(self, items=shown, next=more)


def check_accepted(headers: Headers) -> None:
    """Raise NotAcceptable unless the client accepts TAXII's media type."""
    given = headers.get("accept", "*/*").lower().replace(" ", "")
    if not any(_ACCEPTED.fullmatch(part.partition(";q=")[0]) for part in given.split(",")):
        raise NotAcceptable


def selection(call: Call, app_id: str | None, object_id: str | None = None) -> Page:
    """Answer the page that a request asks for, of all that an application (or None: everybody) may see."""
    options = dict(call.options)
    after = max(_after(options.get("added_after")), _place(options.get("next")))
    ids = (object_id,) if object_id is not None else _matched(options, "id")
    selected = Selection(
        now=call.at(),
        app_id=app_id,
        after=after,
        ids=ids,
        types=_matched(options, "type"),
        versions=_versions(_matched(options, "version")),
    )
    return Page(_in_version(selected, _matched(options, "spec_version")), _limit(options.get("limit")))


def envelope(body: Any, headers: Headers) -> list[Any]:
    """Answer the objects of an envelope."""
    media = headers.get("content-type", "").lower().replace(" ", "")
    if media.partition(";")[0] != "application/taxii+json" or ("version=" in media and "version=2.1" not in media):
        raise UnsupportedMediaType
    objects = body.get("objects") if isinstance(body, dict) else None
    if not isinstance(objects, list) or not objects:
        raise InvalidEnvelope("An envelope with a list of 'objects' is expected.")
    if len(objects) > _MOST_OBJECTS:
        raise errors.PayloadTooLarge(f"The envelope holds {len(objects)} objects; at most {_MOST_OBJECTS} are taken.")
    return objects


def status(status_id: str, at: str, given: Sequence[Any], wrong: Mapping[int, Sequence[str]]) -> dict[str, Any]:
    """Answer the status of an addition that is complete."""
    successes = [_told(each) for index, each in enumerate(given) if index not in wrong]
    failures = [{**_told(given[index]), "message": " ".join(faults)[:1_000]} for index, faults in wrong.items()]
    return {
        "id": status_id,
        "status": "complete",
        "request_timestamp": f"{at[:26]}Z",
        "total_count": len(given),
        "success_count": len(successes),
        "successes": successes,
        "failure_count": len(failures),
        "failures": failures,
        "pending_count": 0,
        "pendings": [],
    }


def added(place: int) -> str:
    """Answer a place in the feed as the time at which an object was added."""
    return stix_feed.moment(place).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _told(given: Any) -> dict[str, str]:
    known = given if isinstance(given, dict) else {}
    return {"id": str(known.get("id", ""))[:300], "version": to_stix.time(stix.version(known))}


def _matched(options: Mapping[str, str], name: str) -> tuple[str, ...] | None:
    text = options.get(f"match[{name}]")
    # Each once: a list that says the same again and again is no more parameters for the database.
    return None if text is None else tuple(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))


def _versions(given: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Answer the versions to look for; the only one of an object is its first, its last, and all of them."""
    if given is None or not _ALL_VERSIONS.isdisjoint(given):
        return None
    read = [instants.sortable(each) for each in given]
    if None in read:
        raise InvalidFilter("match[version] is 'first', 'last', 'all' or the time of a version.")
    return tuple(each for each in read if each is not None)


def _in_version(selected: Selection, versions: tuple[str, ...] | None) -> Selection:
    """Answer nothing to whoever asks for objects of another version of STIX than we show."""
    if versions is None or {"2.0", "2.1"} & set(versions):
        return selected
    return replace(selected, ids=())


def _after(text: str | None) -> int:
    full = instants.sortable(text) if text is not None else None
    if text is not None and full is None:
        raise InvalidFilter("added_after is a time, such as 2026-11-28T12:00:00Z.")
    return stix_feed.place(schema.moment(full)) if full is not None else 0


def _limit(text: str | None) -> int:
    if text is None:
        return _DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or len(text) > 18 or int(text) == 0:
        raise InvalidFilter("limit is a whole number, one or more.")
    return min(int(text), _LARGEST_LIMIT)


def _token(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    if not text.isdigit() or len(text) > 18:
        raise InvalidFilter("next was not given out by this server.")
    return int(text)
