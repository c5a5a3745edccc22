"""Stores STIX objects, uploaded or added over TAXII: each as it is, and an indicator among the indicators too.

The rule: the newest version of an object wins whatever the order of arrival, and what was revoked stays revoked.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.graph import indicator_rules
from sallyport.graph.call import Call
from sallyport.graph.indicator_rules import Submission
from sallyport.graph.indicator_storing import Submitting
from sallyport.security import stix
from sallyport.store import indicators, stix_feed
from sallyport.store.indicators import Indicator
from sallyport.store.stix_feed import Placed

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Brought:
    """A well-formed object, what it submits among the indicators, and the id that it may get there."""

    given: Document
    submission: Submission | None
    new_id: str

    @property
    def identity(self) -> str:
        """Answer what makes the indicator itself that the object means, or meant in another version."""
        return indicator_rules.identity({"targetProduct": "Azure Sentinel", "externalId": self.given["id"]})


def brought(given: Document) -> Brought:
    """Answer a well-formed object, ready to be stored."""
    return Brought(given, _meant(given), str(uuid.uuid4()))


def put(connection: Connection, call: Call, objects: Sequence[Brought], at: str, source: str) -> None:
    """Store objects of the calling application, which says that they come from `source`."""
    app_id = call.principal.app_id
    stored = stix_feed.versions(connection, app_id, [each.given["id"] for each in objects])
    drawn = _drawn(connection, stored)
    shown = {key: replace(stored[key], meant=each.document).shown for key, each in drawn.items()}
    last = {key: (each.version, each.document or shown.get(key, {})) for key, each in stored.items()}
    submitting = Submitting(connection, call, {each.identity for each in objects}, at, source)
    plain: dict[str, stix_feed.Entry] = {}
    for each in objects:
        given, version = each.given, stix.version(each.given)
        if not _is_news(last.get(given["id"]), given, version):
            continue
        last[given["id"]] = version, given
        old = drawn.pop(given["id"], None)
        if old is not None and indicator_rules.identity(old.document) != each.identity:
            # Submitted otherwise and shown as this object: what is brought now takes its place.
            indicators.delete(connection, old, at)
        if each.submission is not None:
            plain.pop(given["id"], None)
            submitting.put(each.submission, each.new_id, given, version)
        else:
            submitting.forget(each.identity)
            looks_for = stix.pattern_type(given) if given["type"] == stix_feed.INDICATOR else None
            plain[given["id"]] = stix_feed.Entry(
                given["id"], app_id, given["type"], version, None, given, source, looks_for
            )
    submitting.finish()
    stix_feed.add(connection, list(plain.values()), at)


def _drawn(connection: Connection, stored: Mapping[str, Placed]) -> dict[str, Indicator]:
    """Answer the indicators that some objects are drawn from, by the object's id."""
    numbers = {key: each.indicator for key, each in stored.items() if each.document is None}
    found = {key: indicators.numbered(connection, number) for key, number in numbers.items() if number is not None}
    return {key: each for key, each in found.items() if each is not None}


def _is_news(before: tuple[str, Document] | None, given: Document, version: str) -> bool:
    if before is None:
        return True
    last_version, document = before
    if document.get("revoked") is True and given.get("revoked") is not True:
        return False
    return version >= last_version and given != document


def _meant(given: Document) -> Submission | None:
    """Answer what an object submits, or None when no indicator can say it."""
    meant = stix.indicator(given) if given["type"] == "indicator" else None
    if meant is None:
        return None
    try:
        return indicator_rules.submitted(meant, uploaded=True)
    except errors.BadRequest:
        # A size that is no number, and the like: kept as it is, and looked for nowhere.
        return None
