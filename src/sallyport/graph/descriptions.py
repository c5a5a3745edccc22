"""What each operation of the surface reads and answers: one table, from which the OpenAPI description is drawn.

The rule: a line for each handler in the table of routes; what an operation does is the first sentence of its docstring.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from sallyport.graph import (
    alert_rules,
    alerts,
    alerts_v2,
    batch,
    batch_rules,
    bulk,
    incident_actions,
    incident_alerts,
    incidents,
    indicator_rules,
    indicators,
    ingest,
    matches,
    metadata,
    notification_desk,
    openapi,
    subscriptions,
    threat_descriptions,
    triggers,
)
from sallyport.graph import openapi_schemas as schemas
from sallyport.graph.description import (
    JSON,
    LIST,
    NDJSON,
    REFUSED,
    XML,
    Description,
    counted,
    created,
    deleted,
    listed,
    polled,
    read,
    updated,
)
from sallyport.graph.description import bulk as many
from sallyport.graph.endpoint import Handler
from sallyport.graph.openapi_schemas import Schema
from sallyport.odata.entity_alert import ALERT
from sallyport.odata.entity_alert_v2 import ALERT_V2
from sallyport.odata.entity_incident import INCIDENT
from sallyport.odata.entity_indicator import INDICATOR
from sallyport.odata.entity_match import MATCH
from sallyport.odata.entity_subscription import SUBSCRIPTION
from sallyport.odata.fields import Structure
from sallyport.odata.incident_actions import REASONS

_TEXT: Schema = {"type": "string"}
_FILLED: Schema = {"type": "string", "minLength": 1}
_PERHAPS: Schema = {"type": ["string", "null"]}
_OBJECT: Schema = {"type": "object"}
#: Who an alert came from: nobody may create or change one without saying so.
_VENDOR: Schema = {
    "type": "object",
    "required": ["provider", "vendor"],
    "properties": {"provider": _FILLED, "vendor": _FILLED},
}
_RESULT: Schema = {
    "type": "object",
    "required": ["code", "message", "subcode"],
    "properties": {"code": {"type": "integer"}, "message": _TEXT, "subcode": {"type": "integer"}},
}


def _part(entity: Structure, names: tuple[str, ...], *required: str, **own: Schema) -> Schema:
    """Answer the schema of some of a resource's properties."""
    known = schemas.components([entity])[entity.name]["properties"]
    properties: dict[str, Any] = {**{name: known[name] for name in names}, **own}
    return {"type": "object", "properties": properties, **({"required": list(required)} if required else {})}


_NEW_ALERT = {
    "allOf": [
        schemas.reference(ALERT),
        {"required": ["title", "vendorInformation"], "properties": {"title": _FILLED, "vendorInformation": _VENDOR}},
    ]
}
_ALERT_CHANGE = _part(ALERT, alert_rules.UPDATABLE, "vendorInformation", vendorInformation=_VENDOR)
_ALERT_CHANGES = _part(ALERT, alert_rules.UPDATABLE, "id", "vendorInformation", id=_FILLED, vendorInformation=_VENDOR)
_NEW_INDICATOR = schemas.needing(
    INDICATOR,
    "targetProduct",
    "expirationDateTime",
    anyOf=[
        {"required": [name], "properties": {name: {"not": {"enum": [None, ""]}}}}
        for name in indicator_rules.OBSERVABLES
    ],
)
_NEW_SUBSCRIPTION = schemas.needing(SUBSCRIPTION, "changeType", "expirationDateTime", "notificationUrl", "resource")
_RENEWAL = _part(SUBSCRIPTION, ("expirationDateTime", "encryptionCertificate", "encryptionCertificateId"))

_NEW_ALERT_V2 = schemas.needing(ALERT_V2, "title")
_NEW_INCIDENT = schemas.needing(INCIDENT, "displayName")
_ONE_COMMENT: Schema = {
    "type": "object",
    "required": ["comment"],
    "properties": {"comment": {"type": "string", "pattern": r"\S"}},
}
_COMMENT: Schema = {"anyOf": [_ONE_COMMENT, {"type": "array", "minItems": 1, "items": _ONE_COMMENT}]}
_REASON: Schema = {
    "type": ["string", "null"],
    "enum": [*REASONS.members, None],
    "description": "One, or several separated by commas.",
}
_TARGET: Schema = {
    "type": "object",
    "required": ["targetIncidentId"],
    "properties": {"@odata.context": {"type": "string", "format": "uri"}, "targetIncidentId": _TEXT},
}
_NUMBER = replace(counted(), options=())
_COMMENTS: Schema = schemas.envelope({"type": "object"})
_LETTERS: Schema = schemas.envelope({"type": "object", "required": ["id", "url", "notifications"]})
_REDELIVERED: Schema = {
    "type": "object",
    "required": ["redelivered"],
    "properties": {"redelivered": {"type": "integer"}},
}
_OF_MATCHES = ("$filter", "$select", "$top", "$skiptoken")
_INGESTED: Schema = {
    "type": "object",
    "required": ["line", "id", "status"],
    "properties": {
        "line": {"type": "integer"},
        "id": {"type": ["string", "null"]},
        "status": {"type": "integer"},
        "error": {"type": "object"},
    },
}
_REQUESTS: Schema = {
    "type": "object",
    "required": ["requests"],
    "properties": {
        "requests": {
            "type": "array",
            "minItems": 1,
            "maxItems": batch_rules.MOST,
            "items": {
                "type": "object",
                "required": ["id", "method", "url"],
                "properties": {
                    "id": _FILLED,
                    "method": {"enum": ["GET", "POST", "PATCH", "PUT", "DELETE"]},
                    "url": _FILLED,
                    "headers": {"type": "object", "additionalProperties": _TEXT},
                    "body": {},
                    "dependsOn": {"type": "array", "items": _TEXT},
                },
            },
        }
    },
}
_RESPONSES: Schema = {
    "type": "object",
    "required": ["responses"],
    "properties": {
        "responses": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["id", "status", "headers"],
                "properties": {"id": _TEXT, "status": {"type": "integer"}, "headers": _OBJECT, "body": {}},
            },
        }
    },
}


def _gathering(named: str, fewest: int, most: int, **more: Schema) -> Description:
    """Describe an action that brings several together in one incident."""
    ids: Schema = {"type": "array", "minItems": fewest, "maxItems": most, "uniqueItems": True, "items": _FILLED}
    body = {"type": "object", "required": [named], "properties": {named: ids, **more}}
    return Description({200: {JSON: _TARGET}, 409: REFUSED}, {JSON: body})


DESCRIPTIONS: Mapping[Handler, Description] = MappingProxyType(
    {
        **threat_descriptions.DESCRIPTIONS,
        alerts.listed: listed(ALERT).also({206: {JSON: schemas.collection(ALERT)}}),
        alerts.create: created(ALERT, _NEW_ALERT),
        alerts.counted: counted(),
        alerts.update_many: many(ALERT, _ALERT_CHANGES, schemas.reference(ALERT), alerts.MOST_UPDATES),
        alerts.get: read(ALERT),
        alerts.update: updated(ALERT, _ALERT_CHANGE),
        alerts_v2.listed: listed(ALERT_V2),
        alerts_v2.create: created(ALERT_V2, _NEW_ALERT_V2),
        alerts_v2.counted: counted(),
        alerts_v2.get: read(ALERT_V2),
        alerts_v2.update: updated(ALERT_V2, _part(ALERT_V2, alerts_v2.UPDATABLE), always=True),
        alerts_v2.comment: Description({200: {JSON: _COMMENTS}}, {JSON: _COMMENT}),
        alerts_v2.comments_counted: _NUMBER,
        incidents.listed: listed(INCIDENT, (*LIST, "$expand")),
        incidents.create: created(INCIDENT, _NEW_INCIDENT),
        incident_actions.merge: _gathering(
            "incidentIds", 2, incident_actions.MOST_INCIDENTS, incidentComment=_PERHAPS, mergeReasons=_REASON
        ),
        incident_actions.move: _gathering(
            "alertIds",
            1,
            incident_actions.MOST_ALERTS,
            incidentId=_PERHAPS,
            alertComment=_PERHAPS,
            newCorrelationReasons=_REASON,
        ),
        incidents.counted: counted(),
        incidents.get: Description(
            {200: {JSON: schemas.entity(INCIDENT)}}, options=("$select", "$expand"), structures=(INCIDENT,)
        ),
        incidents.update: updated(INCIDENT, _part(INCIDENT, incidents.UPDATABLE), always=True),
        incident_alerts.listed: listed(ALERT_V2),
        incident_alerts.counted: counted(),
        incident_alerts.get: read(ALERT_V2),
        incidents.comment: Description({200: {JSON: _COMMENTS}}, {JSON: _COMMENT}),
        incidents.comments_counted: _NUMBER,
        indicators.listed: listed(INDICATOR),
        indicators.create: created(INDICATOR, _NEW_INDICATOR),
        indicators.counted: counted(),
        indicators.submit: many(INDICATOR, _NEW_INDICATOR, schemas.reference(INDICATOR), bulk.MOST),
        indicators.update_many: many(
            INDICATOR, schemas.needing(INDICATOR, "id"), schemas.reference(INDICATOR), bulk.MOST
        ),
        indicators.delete_many: many(None, _FILLED, _RESULT, bulk.MOST),
        indicators.delete_by_external_id: many(None, _FILLED, _RESULT, bulk.MOST),
        indicators.get: read(INDICATOR),
        indicators.update: updated(INDICATOR, schemas.reference(INDICATOR)),
        indicators.delete: deleted(tagged=True),
        subscriptions.listed: listed(SUBSCRIPTION, ("$skiptoken",)),
        subscriptions.create: created(SUBSCRIPTION, _NEW_SUBSCRIPTION),
        subscriptions.get: Description({200: {JSON: schemas.entity(SUBSCRIPTION)}}, structures=(SUBSCRIPTION,)),
        subscriptions.update: updated(SUBSCRIPTION, _RENEWAL, always=True, tagged=False),
        subscriptions.delete: deleted(),
        subscriptions.reauthorize: Description({204: {}}),
        notification_desk.listed: Description(
            {200: {JSON: schemas.collection(SUBSCRIPTION)}}, structures=(SUBSCRIPTION,)
        ),
        notification_desk.remove: deleted(),
        notification_desk.dead: Description({200: {JSON: _LETTERS}}, options=("$skiptoken",)),
        notification_desk.redeliver: Description({202: {JSON: _REDELIVERED}}),
        notification_desk.redeliver_all: Description({202: {JSON: _REDELIVERED}}),
        triggers.new_alerts: polled(ALERT),
        matches.polled: polled(MATCH),
        matches.of_alert: listed(MATCH, _OF_MATCHES),
        matches.of_indicator: listed(MATCH, _OF_MATCHES),
        ingest.alerts: Description(
            {200: {NDJSON: _INGESTED}, 206: {NDJSON: _INGESTED}},
            {JSON: {"type": "array", "items": _NEW_ALERT}, NDJSON: _NEW_ALERT},
        ),
        batch.run: Description({200: {JSON: _RESPONSES}}, {JSON: _REQUESTS}),
        metadata.show: Description({200: {XML: {"type": "string"}}}),
        openapi.show: Description({200: {JSON: _OBJECT}}),
    }
)
