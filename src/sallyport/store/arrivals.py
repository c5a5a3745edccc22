"""An alert on its way into the store: everything that its row will hold, made before its transaction begins.

The rule: what needs no database is done here, by whoever reads the alert, so that the transaction, for which every
other writer waits, is hardly more than SQL. What is kept is text: a thousand documents in memory would cost more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sallyport.odata import instants
from sallyport.security import alert_shapes
from sallyport.security.observables import keys_of_alert
from sallyport.store import documents
from sallyport.store.alert_table import SOURCE, V2_DERIVED

Document = dict[str, Any]

#: What a row holds of an alert beside its number and version, in the order of `Arrival.row`.
COLUMNS = (*SOURCE.names, *V2_DERIVED.names, "document", "v2_document")
_INCIDENT = COLUMNS.index("incident_id")
_CREATED, _EVENT, _MODIFIED = (COLUMNS.index(name) for name in ("created_at", "event_at", "modified_at"))


@dataclass(slots=True)
class Arrival:
    """An alert that somebody brought, ready to be stored."""

    id: str
    #: As the driver takes it.
    row: tuple[Any, ...]
    #: What the alert is found under.
    keys: set[int]
    #: The properties of the document that nobody gave: an alert that is known keeps its own.
    completed: Collection[str] = ()

    @property
    def document(self) -> Document:
        """Answer the whole document."""
        found: Document = documents.loads(self.row[-2])
        return found

    @property
    def given(self) -> Document:
        """Answer what was given."""
        return {name: value for name, value in self.document.items() if name not in self.completed}

    @property
    def shape(self) -> Document:
        """Answer the alert in the shape of alerts_v2."""
        found: Document = documents.loads(self.row[-1])
        return found

    @property
    def incident_id(self) -> str | None:
        """Answer the incident that the alert belongs to."""
        named: str | None = self.row[_INCIDENT]
        return named


def ready(document: Document, completed: Collection[str] = ()) -> Arrival:
    """Answer an alert ready to be stored; `completed` are the properties that nobody gave."""
    shape = alert_shapes.v2_of(document)
    row = (
        *SOURCE.values(document),
        *V2_DERIVED.values(shape),
        documents.text(document),
        documents.text(shape),
    )
    return Arrival(document["id"], row, keys_of_alert(document), completed)


def dated(arrival: Arrival, at: str) -> Arrival:
    """Answer a new alert whose times that nobody gave are a moment: that of its transaction.

    It was read before others were stored: whoever polls by these times has seen those, and would never see this one.
    """
    # In a hurry: every other writer waits.
    if "lastModifiedDateTime" in arrival.completed:
        read_at = arrival.row[_MODIFIED]
    elif "createdDateTime" in arrival.completed:
        read_at = arrival.row[_CREATED]
    else:
        return arrival
    if read_at == at:
        return arrival
    row = list(arrival.row)
    for column in (_CREATED, _EVENT, _MODIFIED):
        if row[column] == read_at:
            row[column] = at
    before, after = _written(read_at), _written(at)
    row[-2], row[-1] = row[-2].replace(before, after), row[-1].replace(before, after)
    return Arrival(arrival.id, tuple(row), arrival.keys, arrival.completed)


@lru_cache(maxsize=64)
def _written(at: str) -> str:
    """Answer how a moment stands in a document: nothing else in it is that, to the microsecond, under such a name."""
    return f'DateTime":"{instants.wire(at)}"'
