"""The incident of `/security/incidents`, from the schema that it shares with alerts_v2."""

from __future__ import annotations

from sallyport.odata import entity_alert_v2

INCIDENT = entity_alert_v2.STRUCTURES["incident"]
