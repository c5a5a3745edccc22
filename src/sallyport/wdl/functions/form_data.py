"""Workflow functions that read form data and multipart content, of an action or of the trigger.

A body with such content is an envelope; a connector may have taken it apart already into `$formdata` or `$multipart`.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from sallyport.wdl import errors, multipart, values
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json

FORM_TYPE = "application/x-www-form-urlencoded"
MULTIPART = "multipart/"
#: More fields than this are not a form but an attack.
MOST_FIELDS = 10_000


@function("formDataValue", pure=False, reference="action", parameters="the name of an action and of a field")
def form_data_value(scope: Scope, name: Json, key: Json) -> Json:
    """Answer the only value of a field in the form data that an action gave; several are an error."""
    content = scope.action_body(arguments.text("formDataValue", name, 1))
    return _single(scope, "formDataValue", content, arguments.text("formDataValue", key, 2))


@function("formDataMultiValues", pure=False, reference="action", parameters="the name of an action and of a field")
def form_data_multi_values(scope: Scope, name: Json, key: Json) -> list[Json]:
    """Answer all values of a field in the form data that an action gave."""
    content = scope.action_body(arguments.text("formDataMultiValues", name, 1))
    return _field(scope, "formDataMultiValues", content, arguments.text("formDataMultiValues", key, 2))


@function("multipartBody", pure=False, reference="action", parameters="the name of an action and the index of a part")
def multipart_body(scope: Scope, name: Json, index: Json) -> Json:
    """Answer the body of one part of the multipart content that an action gave."""
    content = scope.action_body(arguments.text("multipartBody", name, 1))
    return _part(scope, "multipartBody", content, arguments.integer("multipartBody", index, 2))


@function("triggerFormDataValue", pure=False, reference="trigger", parameters="the name of a field")
def trigger_form_data_value(scope: Scope, key: Json) -> Json:
    """Answer the only value of a field in the form data that the trigger received; several are an error."""
    content = scope.trigger_body()
    return _single(scope, "triggerFormDataValue", content, arguments.text("triggerFormDataValue", key))


@function("triggerFormDataMultiValues", pure=False, reference="trigger", parameters="the name of a field")
def trigger_form_data_multi_values(scope: Scope, key: Json) -> list[Json]:
    """Answer all values of a field in the form data that the trigger received."""
    content = scope.trigger_body()
    return _field(scope, "triggerFormDataMultiValues", content, arguments.text("triggerFormDataMultiValues", key))


@function("triggerMultipartBody", pure=False, reference="trigger", parameters="the index of a part")
def trigger_multipart_body(scope: Scope, index: Json) -> Json:
    """Answer the body of one part of the multipart content that the trigger received."""
    content = scope.trigger_body()
    return _part(scope, "triggerMultipartBody", content, arguments.integer("triggerMultipartBody", index))


def _single(scope: Scope, name: str, content: Json, key: str) -> Json:
    found = _field(scope, name, content, key)
    if len(found) > 1:
        raise errors.failed(name, f"The form data has several values for the key '{key}'")
    return found[0] if found else None


def _field(scope: Scope, name: str, content: Json, key: str) -> list[Json]:
    return [value for field, value in _fields(scope, name, content) if field == key]


def _fields(scope: Scope, name: str, content: Json) -> list[tuple[str, Json]]:
    if isinstance(content, str):
        return _urlencoded(scope, name, content)
    if isinstance(content, dict):
        prepared = content.get("$formdata")
        if isinstance(prepared, list):
            return [(str(entry.get("key")), entry.get("value")) for entry in prepared if isinstance(entry, dict)]
        media_type = _media_type(content)
        if media_type == FORM_TYPE and values.is_envelope(content):
            return _urlencoded(scope, name, values.envelope_text(content, scope.meter))
        if media_type.startswith(MULTIPART):
            return [(_disposition_name(part), _text_of(part.get("body"))) for part in _parts(scope, name, content)]
    raise errors.failed(name, "The content is not form data")


def _urlencoded(scope: Scope, name: str, text: str) -> list[tuple[str, Json]]:
    scope.meter.piece(text, len(text))
    try:
        return list(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))
    except ValueError:
        raise errors.failed(name, f"The form data has more than {MOST_FIELDS} fields") from None


def _part(scope: Scope, name: str, content: Json, index: int) -> Json:
    parts = _parts(scope, name, content)
    if not 0 <= index < len(parts):
        raise errors.failed(name, f"The multipart index '{index}' must be a non-negative integer below '{len(parts)}'")
    return parts[index].get("body")


def _parts(scope: Scope, name: str, content: Json) -> list[dict[str, Json]]:
    if isinstance(content, dict):
        prepared = content.get(multipart.PARTS)
        if isinstance(prepared, list):
            return [part for part in prepared if isinstance(part, dict)]
        if values.is_envelope(content) and _media_type(content).startswith(MULTIPART):
            return _read(scope, name, content)
    raise errors.failed(name, "The content is not multipart")


def _read(scope: Scope, name: str, content: dict[str, Json]) -> list[dict[str, Json]]:
    # The bytes, the parts cut out of them, and those in base64 again.
    scope.meter.memory(3 * len(str(content[values.CONTENT])))
    try:
        parts = multipart.read(str(content[values.CONTENT_TYPE]), values.envelope_bytes(content))
    except ValueError:
        raise errors.failed(name, "The multipart content is not valid base64") from None
    if parts is None:
        reason = f"it names no boundary, has no end, or has more than {multipart.MOST_PARTS} parts"
        raise errors.failed(name, f"The multipart content cannot be taken apart: {reason}")
    return [
        {"headers": {**headers}, "body": values.envelope(part, multipart.type_of(headers))} for headers, part in parts
    ]


def _media_type(content: dict[str, Json]) -> str:
    return str(content.get(values.CONTENT_TYPE, "")).partition(";")[0].strip().casefold()


def _disposition_name(part: dict[str, Json]) -> str:
    headers = part.get("headers")
    if not isinstance(headers, dict):
        return ""
    key = values.find_key(headers, "Content-Disposition")
    return "" if key is None else values.parameter_of(str(headers[key]), "name")


def _text_of(body: Json) -> Json:
    return values.envelope_text(body) if values.is_envelope(body) else body
