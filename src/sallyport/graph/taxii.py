"""A TAXII 2.1 server over the feed of STIX objects: one API root, one collection, to read and to add.

The rule: what is added is stored before it is answered, so every status is complete; the last version of an object is
the only one.
https://docs.oasis-open.org/cti/taxii/v2.1/os/taxii-v2.1-os.html
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import stix_storing, taxii_rules
from sallyport.graph.call import Call
from sallyport.graph.error_shapes import TAXII
from sallyport.graph.taxii_rules import Page
from sallyport.security import stix, to_stix
from sallyport.store import documents, stix_feed, stix_reading, taxii_statuses
from sallyport.store.stix_feed import Placed

#: The one collection's id, the same in every installation: its name-based UUID.
COLLECTION = str(uuid.uuid5(uuid.NAMESPACE_URL, "urn:sallyport:taxii:indicators"))
ALIAS = "indicators"
READ_ALL = "ThreatIndicators.Read.All"
WRITE = "ThreatIndicators.ReadWrite.OwnedBy"
_STIX = "application/stix+json;version=2.1"
#: Who says that an object comes from them, when it was added here.
_SOURCE = "TAXII"
_LARGEST_BODY = 10 * 1024 * 1024


class UnknownCollection(errors.NotFound):
    """Raised when a path names a collection, object or status that is not there, or not the caller's to see."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name[:80]}' was not found.")
        self.name = name


async def discovery(call: Call) -> Response:
    """Answer which API roots there are."""
    root = f"{call.base_url}/taxii2/api/"
    shown = {"title": "sallyport", "description": "Threat intelligence indicators", "default": root}
    return _answer(call, {**shown, "api_roots": [root]})


async def api_root(call: Call) -> Response:
    """Answer what the API root speaks, and how much it takes at once."""
    shown = {"title": "Indicators", "versions": [TAXII], "max_content_length": _LARGEST_BODY}
    return _answer(call, shown)


async def collections(call: Call) -> Response:
    """Answer the collections."""
    return _answer(call, {"collections": [_collection(call)]})


async def collection(call: Call) -> Response:
    """Answer the collection."""
    _check_collection(call)
    return _answer(call, _collection(call))


async def objects(call: Call) -> Response:
    """Answer the objects that the caller may see, in the order in which they were added, page by page."""
    page = await _page(call, taxii_rules.selection(call, _owner(call)))
    return _answer(call, _envelope(page, "objects", [each.shown for each in page.items]), headers=_added(page))


async def manifest(call: Call) -> Response:
    """Answer which objects and versions there are, in the order in which they were added, page by page."""
    page = await _page(call, taxii_rules.selection(call, _owner(call)))
    shown = [_listed(each) for each in page.items]
    return _answer(call, _envelope(page, "objects", shown), headers=_added(page))


async def get(call: Call) -> Response:
    """Answer one object."""
    page = await _page(call, taxii_rules.selection(call, _owner(call), call.names["object"]))
    await _demand(call, page)
    return _answer(call, _envelope(page, "objects", [each.shown for each in page.items]), headers=_added(page))


async def versions(call: Call) -> Response:
    """Answer the versions of one object: the last one."""
    page = await _page(call, taxii_rules.selection(call, _owner(call), call.names["object"]))
    await _demand(call, page)
    return _answer(
        call, _envelope(page, "versions", [to_stix.time(each.version) for each in page.items]), headers=_added(page)
    )


async def add(call: Call) -> Response:
    """Store the objects of an envelope; answer the status of the addition, which is complete."""
    _check_collection(call)
    given = taxii_rules.envelope(await call.json(_LARGEST_BODY), call.request.headers)
    at, status_id = call.at(), str(uuid.uuid4())
    wrong = {index: faults for index, each in enumerate(given) if (faults := stix.faults(each, types=None))}
    good = [stix_storing.brought(each) for index, each in enumerate(given) if index not in wrong]
    status = taxii_rules.status(status_id, at, given, wrong)

    def store(connection: Connection) -> None:
        stix_storing.put(connection, call, good, call.at(), _SOURCE)
        taxii_statuses.add(connection, call.principal.app_id, status, at)

    await call.change(store)
    call.deps.recorder.count("indicators_stored_total", "taxii", amount=len(good))
    call.deps.indicators_stored()
    return _answer(call, status, 202)


async def status(call: Call) -> Response:
    """Answer what became of one of the caller's additions."""
    app_id, status_id = call.principal.app_id, call.names["status"]
    found = await call.deps.database.read(lambda connection: taxii_statuses.get(connection, app_id, status_id))
    if found is None:
        raise UnknownCollection(status_id)
    return _answer(call, found)


async def _page(call: Call, asked: Page) -> Page:
    _check_collection(call)
    rows = await call.deps.database.query(
        lambda connection: stix_reading.page(connection, asked.selection, asked.limit + 1)
    )
    return asked.filled(rows)


async def _demand(call: Call, page: Page) -> None:
    """Raise UnknownCollection unless the object is there, in whatever version."""
    if page.items:
        return
    whole = stix_feed.Selection(page.selection.now, page.selection.app_id, ids=page.selection.ids)
    if not await call.deps.database.read(lambda connection: stix_reading.is_there(connection, whole)):
        raise UnknownCollection(call.names["object"])


def _check_collection(call: Call) -> None:
    taxii_rules.check_accepted(call.request.headers)
    if call.names["collection"].lower() not in (COLLECTION, ALIAS):
        raise UnknownCollection(call.names["collection"])


def _owner(call: Call) -> str | None:
    return None if call.principal.allows(READ_ALL) else call.principal.app_id


def _collection(call: Call) -> dict[str, Any]:
    return {
        "id": COLLECTION,
        "title": "Indicators",
        "description": "Threat intelligence indicators, and the STIX objects that were added with them.",
        "alias": ALIAS,
        "can_read": True,
        "can_write": call.principal.allows(WRITE),
        "media_types": [_STIX],
    }


def _listed(placed: Placed) -> dict[str, Any]:
    return {
        "id": placed.object_id,
        "date_added": taxii_rules.added(placed.place),
        "version": to_stix.time(placed.version),
        "media_type": _STIX,
    }


def _envelope(page: Page, name: str, items: Sequence[Any]) -> dict[str, Any]:
    more: dict[str, Any] = {"more": True, "next": page.next} if page.next is not None else {}
    return {**more, name: list(items)} if items else more


def _added(page: Page) -> dict[str, str]:
    if not page.items:
        return {}
    first, last = taxii_rules.added(page.items[0].place), taxii_rules.added(page.items[-1].place)
    return {"x-taxii-date-added-first": first, "x-taxii-date-added-last": last}


def _answer(call: Call, content: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    taxii_rules.check_accepted(call.request.headers)
    return Response(documents.dumps(content), code, headers, media_type=TAXII)
