"""The table of alerts, and where each property of an alert stands in it, in either of its two shapes.

The shape that alerts_v2 answers is derived and stored beside the document, so that its queries are answered by the
database as well. The rule: a property with a column is read from the document once, when the row is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sqlalchemy as sa

from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.security import evidence_observables, values
from sallyport.security.observables import observed_paths
from sallyport.store import observables, pages, schema

#: What a promoted property may hold at the most, so that either database can index it.
LONGEST = 600

alerts = sa.Table(
    "alerts",
    schema.metadata,
    sa.Column("sequence", schema.Sequence, primary_key=True, autoincrement=True),
    sa.Column("id", pages.text(256), nullable=False, unique=True),
    #: Rises with every change: what an entity tag is made of.
    sa.Column("version", sa.Integer, nullable=False),
    #: Enumerations are kept as their members' numbers, which is how they are compared.
    sa.Column("severity", sa.Integer),
    sa.Column("status", sa.Integer),
    sa.Column("provider", pages.text(LONGEST)),
    sa.Column("vendor", pages.text(LONGEST)),
    sa.Column("category", pages.text(LONGEST)),
    sa.Column("assigned_to", pages.text(LONGEST)),
    sa.Column("created_at", pages.Instant, nullable=False),
    sa.Column("event_at", pages.Instant),
    sa.Column("modified_at", pages.Instant),
    sa.Column("document", schema.Document, nullable=False),
    #: The same alert in the shape of alerts_v2, and what its queries ask for most.
    sa.Column("v2_severity", sa.Integer),
    sa.Column("v2_status", sa.Integer),
    sa.Column("service_source", sa.Integer),
    sa.Column("classification", sa.Integer),
    sa.Column("determination", sa.Integer),
    sa.Column("incident_id", pages.text(LONGEST)),
    sa.Column("v2_document", schema.Document, nullable=False),
    sqlite_autoincrement=True,
)
sa.Index("ix_alerts_service_source", alerts.c.service_source, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_incident_id", alerts.c.incident_id)
sa.Index("ix_alerts_created_at", alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_event_at", alerts.c.event_at)
sa.Index("ix_alerts_modified_at", alerts.c.modified_at)
sa.Index("ix_alerts_severity", alerts.c.severity, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_status", alerts.c.status, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_provider", alerts.c.provider, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_assigned_to", alerts.c.assigned_to, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_v2_severity", alerts.c.v2_severity, alerts.c.created_at, alerts.c.id)
sa.Index("ix_alerts_v2_status", alerts.c.v2_status, alerts.c.created_at, alerts.c.id)

#: Where a property of the resource has a column of its own.
COLUMNS: Mapping[str, sa.Column[Any]] = {
    "id": alerts.c.id,
    "severity": alerts.c.severity,
    "status": alerts.c.status,
    "vendorInformation/provider": alerts.c.provider,
    "vendorInformation/vendor": alerts.c.vendor,
    "category": alerts.c.category,
    "assignedTo": alerts.c.assigned_to,
    "createdDateTime": alerts.c.created_at,
    "eventDateTime": alerts.c.event_at,
    "lastModifiedDateTime": alerts.c.modified_at,
}

#: What is found by its key: the property's folded path, and how a value becomes a key.
OBSERVED: Mapping[str, Callable[[str], int]] = {
    path.lower(): partial(values.key, kind) for path, kind in observed_paths().items()
}

SOURCE = pages.Source(alerts, ALERT, COLUMNS, observables.alert_observables, OBSERVED)

_V2_OWN: Mapping[str, sa.Column[Any]] = {
    "severity": alerts.c.v2_severity,
    "status": alerts.c.v2_status,
    "serviceSource": alerts.c.service_source,
    "classification": alerts.c.classification,
    "determination": alerts.c.determination,
    "incidentId": alerts.c.incident_id,
}
#: Where a property of the alert of alerts_v2 has a column; some of them are those of the legacy alert.
V2_COLUMNS: Mapping[str, sa.Column[Any]] = {
    **_V2_OWN,
    "id": alerts.c.id,
    "category": alerts.c.category,
    "assignedTo": alerts.c.assigned_to,
    "createdDateTime": alerts.c.created_at,
    "lastUpdateDateTime": alerts.c.modified_at,
}

#: What is found by its key in evidence: a property of a type that the filter names.
V2_OBSERVED: Mapping[str, Callable[[str], int]] = {
    f"evidence/{name}/{path}".lower(): partial(values.key, kind)
    for name, kinds in evidence_observables.PROPERTIES.items()
    for path, kind in kinds.items()
}

V2_SOURCE = pages.Source(
    alerts, ALERT_V2, V2_COLUMNS, observables.alert_observables, V2_OBSERVED, document="v2_document"
)
V2_DERIVED = pages.Source(alerts, ALERT_V2, _V2_OWN)
