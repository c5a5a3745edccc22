"""Stores STIX objects, uploaded or added over TAXII: each as it is, and an indicator among the indicators too.

The rule: the newest version of an object wins whatever the order of arrival, and what was revoked stays revoked.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.graph import indicator_rules
from sallyport.graph.call import Call
from sallyport.odata import instants
from sallyport.security import stix
from sallyport.store import indicators, stix_feed

Document = dict[str, Any]


def put(connection: Connection, call: Call, objects: Sequence[tuple[Document, uuid.UUID]], at: str) -> None:
    """Store well-formed objects of the calling application, each with an id for the indicator that it may become."""
    app_id = call.principal.app_id
    known = stix_feed.versions(connection, app_id, [given["id"] for given, _ in objects])
    for given, new_id in objects:
        stored = known.get(given["id"])
        if stored is None or _is_news(stored, given):
            _put(connection, call, given, new_id, at)
            known.update(stix_feed.versions(connection, app_id, [given["id"]]))


def _is_news(stored: stix_feed.Placed, given: Document) -> bool:
    before = stored.document or {}
    if before.get("revoked") is True and given.get("revoked") is not True:
        return False
    return stix.version(given) >= stored.version and given != before


def _put(connection: Connection, call: Call, given: Document, new_id: uuid.UUID, at: str) -> None:
    submission = _meant(given)
    app_id, version = call.principal.app_id, stix.version(given)
    if submission is None:
        _forget_meaning(connection, app_id, given["id"], at)
        entry = stix_feed.Entry(given["id"], app_id, given["type"], version, None, given)
        stix_feed.add(connection, [entry], at)
        return
    known = indicators.identified(connection, app_id, submission.identity)
    if known is None:
        now = instants.wire(at) or at
        document = indicator_rules.created(submission, str(new_id), call.deps.tenant_id, now)
        new = indicators.New(submission.identity, document, given, version)
        indicators.insert(connection, app_id, [new], at)
        return
    document = indicator_rules.resubmitted(known.document, submission)
    indicators.update(connection, known, indicators.New(submission.identity, document, given, version), at)


def _meant(given: Document) -> indicator_rules.Submission | None:
    """Answer what an object submits, or None when no indicator can say it."""
    meant = stix.indicator(given) if given["type"] == "indicator" else None
    if meant is None:
        return None
    try:
        return indicator_rules.submitted(meant, uploaded=True)
    except errors.BadRequest:
        # A size that is no number, and the like: kept as it is, and looked for nowhere.
        return None


def _forget_meaning(connection: Connection, app_id: str, object_id: str, at: str) -> None:
    """Delete the indicator that an earlier version of an object meant."""
    identity = indicator_rules.identity({"targetProduct": "Azure Sentinel", "externalId": object_id})
    known = indicators.identified(connection, app_id, identity)
    if known is not None and known.document.get("stixId") == object_id:
        indicators.delete(connection, known, at)
