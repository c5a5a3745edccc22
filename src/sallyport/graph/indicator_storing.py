"""Stores what one application submits in one request: new indicators all at once, known ones one by one.

The rule: the answer is the same as if each submission had come alone, in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.graph import indicator_rules
from sallyport.graph.call import Call
from sallyport.graph.indicator_rules import Submission
from sallyport.odata import instants
from sallyport.security import to_stix
from sallyport.security.observables import DEFENDER
from sallyport.store import indicators
from sallyport.store.indicators import Indicator, New

Document = dict[str, Any]

#: How many indicators for Microsoft Defender a tenant may have, as documented.
MOST = 15_000


class TooManyIndicators(errors.Forbidden):
    """Raised when an indicator for Microsoft Defender would be one more than a tenant may have."""

    def __init__(self) -> None:
        super().__init__(f"The tenant has {MOST} indicators for Microsoft Defender ATP, which is the most.")


class Submitting:
    """The submissions of one request on their way into the store; `finish` stores what waits."""

    def __init__(
        self, connection: Connection, call: Call, identities: Iterable[str], at: str, source: str = to_stix.SOURCE
    ) -> None:
        self._connection = connection
        self._source = source
        self._app_id = call.principal.app_id
        self._tenant_id = call.deps.tenant_id
        self._at = at
        self._now = instants.wire(at) or at
        self._known = indicators.identified_many(connection, self._app_id, list(identities))
        self._new: dict[str, New] = {}
        self._defenders: int | None = None

    def put(
        self, submission: Submission, new_id: str, stix: Document | None = None, version: str | None = None
    ) -> Document:
        """Store a submission, under the id that it has already or a new one; answers the indicator's document.

        `stix` is the object that it was uploaded as, and `version` when that was modified. Raises TooManyIndicators.
        """
        identity = submission.identity
        if identity in self._new:
            self.finish()
        known = self._known.get(identity)
        if known is not None:
            again = New(identity, indicator_rules.resubmitted(known.document, submission), stix, version, self._source)
            self._known[identity] = indicators.update(self._connection, known, again, self._at)
            return again.document
        if submission.given["targetProduct"] == DEFENDER:
            self._count_defender()
        document = indicator_rules.created(submission, new_id, self._tenant_id, self._now)
        self._new[identity] = New(identity, document, stix, version, self._source)
        return document

    def finish(self) -> None:
        """Store what is new."""
        stored = indicators.insert(self._connection, self._app_id, list(self._new.values()), self._at)
        self._known.update(zip(self._new, stored, strict=True))
        self._new.clear()

    def stored(self, identity: str) -> Indicator:
        """Answer an indicator as it stands after `finish`."""
        return self._known[identity]

    def forget(self, identity: str) -> None:
        """Delete the indicator of an identity, if there is one."""
        self.finish()
        known = self._known.pop(identity, None)
        if known is not None:
            indicators.delete(self._connection, known, self._at)

    def _count_defender(self) -> None:
        if self._defenders is None:
            self._defenders = indicators.defenders(self._connection, self._at, MOST)
        if self._defenders >= MOST:
            raise TooManyIndicators
        self._defenders += 1
