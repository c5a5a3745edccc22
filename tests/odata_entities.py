"""Entities by the short names that tables of cases use."""

from __future__ import annotations

from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.fields import Entity

ENTITIES: dict[str, Entity] = {"alert": ALERT, "alert_v2": ALERT_V2, "incident": INCIDENT, "indicator": INDICATOR}
