"""What the operations of threat intelligence in STIX read and answer: the upload of Sentinel, and TAXII 2.1.

The rule: as in the table of the Graph surface; what differs is the shape of refusals, and their media type.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sallyport.graph import stix_upload, taxii
from sallyport.graph.description import JSON, Description
from sallyport.graph.endpoint import Handler
from sallyport.graph.error_shapes import TAXII
from sallyport.graph.openapi_schemas import Schema

_TEXT: Schema = {"type": "string"}
#: One object of STIX 2.0 or 2.1.
_STIX: Schema = {
    "type": "object",
    "required": ["type", "id"],
    "properties": {"type": _TEXT, "id": _TEXT, "spec_version": _TEXT},
}
_UPLOAD_REFUSAL: Mapping[str, Schema] = {
    JSON: {
        "type": "object",
        "required": ["statusCode", "message"],
        "properties": {"statusCode": {"type": "integer"}, "message": _TEXT},
    }
}
_TAXII_REFUSAL: Mapping[str, Schema] = {
    TAXII: {
        "type": "object",
        "required": ["title"],
        "properties": {"title": _TEXT, "error_code": _TEXT, "http_status": _TEXT},
    }
}
_PAGE = ("added_after", "limit", "next", "match[id]", "match[type]", "match[version]", "match[spec_version]")


def _uploaded(name: str) -> Description:
    body: Schema = {
        "type": "object",
        "required": ["sourcesystem", name],
        "properties": {
            "sourcesystem": {"type": "string", "minLength": 1},
            name: {"type": "array", "maxItems": stix_upload.MOST, "items": _STIX},
        },
    }
    # A 200 has a body only when something was wrong, and OpenAPI cannot say so.
    return Description({200: {}}, {JSON: body}, options=("api-version",), refusal=_UPLOAD_REFUSAL)


def _taxii(properties: Mapping[str, Schema], *required: str, options: tuple[str, ...] = ()) -> Description:
    shown: Schema = {"type": "object", "properties": properties, "required": list(required)}
    return Description({200: {TAXII: shown}, 406: _TAXII_REFUSAL}, options=options, refusal=_TAXII_REFUSAL)


def _listed(name: str, item: Schema) -> Description:
    shown: Mapping[str, Schema] = {name: {"type": "array", "items": item}, "more": {"type": "boolean"}, "next": _TEXT}
    return _taxii(shown, options=_PAGE)


_STATUS: Schema = {
    "type": "object",
    "required": ["id", "status", "total_count", "success_count", "failure_count", "pending_count"],
    "properties": {
        "id": _TEXT,
        "status": {"enum": ["complete", "pending"]},
        **{name: {"type": "integer"} for name in ("total_count", "success_count", "failure_count", "pending_count")},
    },
}
_ADDED = Description(
    {202: {TAXII: _STATUS}, 406: _TAXII_REFUSAL, 415: _TAXII_REFUSAL},
    {
        TAXII: {
            "type": "object",
            "required": ["objects"],
            "properties": {"objects": {"type": "array", "items": _STIX}},
        }
    },
    refusal=_TAXII_REFUSAL,
)

DESCRIPTIONS: Mapping[Handler, Description] = MappingProxyType(
    {
        stix_upload.upload: _uploaded("stixobjects"),
        stix_upload.upload_indicators: _uploaded("value"),
        taxii.discovery: _taxii({"title": _TEXT, "api_roots": {"type": "array", "items": _TEXT}}, "title"),
        taxii.api_root: _taxii({"title": _TEXT}, "title", "versions", "max_content_length"),
        taxii.status: Description({200: {TAXII: _STATUS}, 406: _TAXII_REFUSAL}, refusal=_TAXII_REFUSAL),
        taxii.collections: _taxii({"collections": {"type": "array", "items": {"type": "object"}}}),
        taxii.collection: _taxii({"id": _TEXT}, "id", "title", "can_read", "can_write"),
        taxii.manifest: _listed("objects", {"type": "object", "required": ["id", "date_added", "version"]}),
        taxii.objects: _listed("objects", _STIX),
        taxii.add: _ADDED,
        taxii.get: _listed("objects", _STIX),
        taxii.versions: _listed("versions", _TEXT),
    }
)
