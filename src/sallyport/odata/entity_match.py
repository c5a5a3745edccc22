"""A hit: an alert that mentions what an indicator looks for, as `/trigger/v1.0/security/indicatorMatches` answers it.

The rule: a hit carries its whole alert, and of the indicator what the alert repeats.
Deviation: hits are our own; Azure shows none.
"""

from __future__ import annotations

from sallyport.odata import entity_alert
from sallyport.odata.fields import Field, Structure, Type

_SINGLE = (*("id", "alertId", "indicatorId", "kind", "alertProperty", "value", "indicatorProperty", "targetProduct"),)

MATCH = Structure("microsoft.graph.indicatorMatch")
MATCH.add(
    *(Field(name) for name in _SINGLE),
    Field("action", Type.ENUM, enum=entity_alert.ENUMERATIONS["tiAction"]),
    Field("passiveOnly", Type.BOOLEAN),
    Field("matchedDateTime", Type.DATETIME),
    Field("indicator", Type.COMPLEX, structure=entity_alert.STRUCTURES["matchedIndicator"]),
    Field("alert", Type.COMPLEX, structure=entity_alert.ALERT),
)
