"""An alert on its way into the store: everything that its row will hold, made before its transaction begins.

The rule: what needs no database is done here, by whoever reads the alert, so that the transaction, for which every
other writer waits, is hardly more than SQL. What is kept is text: a thousand documents in memory would cost more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
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
_CREATED, _MODIFIED = COLUMNS.index("created_at"), COLUMNS.index("modified_at")
#: The columns that hold when an alert was read, where nobody gave another time, by the property that tells whether.
_READ_AT = {"lastModifiedDateTime": _MODIFIED, "createdDateTime": _CREATED}


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
    column = next((each for name, each in _READ_AT.items() if name in arrival.completed), None)
    read_at = None if column is None else arrival.row[column]
    if read_at is None or read_at == at:
        return arrival
    # Nothing else in the texts is that moment, to the microsecond, under such a name.
    before, after = (f'DateTime":"{instants.wire(each)}"' for each in (read_at, at))
    *columns, document, shape = (at if each == read_at else each for each in arrival.row)
    return replace(arrival, row=(*columns, document.replace(before, after), shape.replace(before, after)))
