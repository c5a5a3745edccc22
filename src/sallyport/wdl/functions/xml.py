"""XML functions: `xml`, `xpath` and the encodings of names and values.

An XML value is an envelope, `{"$content-type": "application/xml;charset=utf-8", "$content": <base64>}`; what `json()`
makes of one is in `xml_json`.
"""

from __future__ import annotations

import codecs
from typing import TypeGuard

from sallyport.wdl import errors, values, xml_json, xml_names, xml_paths
from sallyport.wdl.budget import SMALL_TEXT
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.scope import Scope
from sallyport.wdl.values import Json


@function("xml")
def xml(scope: Scope, value: Json) -> dict[str, Json]:
    """Answer the XML that a string, an object with one root property, or content holds."""
    try:
        text = _text(scope, value)
        xml_paths.parse(text, scope.meter)
    except xml_json.XmlError as error:
        raise errors.failed("xml", f"The provided value cannot be converted to XML: {error}") from None
    return values.envelope(values.utf8(text), xml_paths.CONTENT_TYPE)


@function("xpath", parameters="an XML and an XPath expression")
def xpath(scope: Scope, xml: Json, path: Json) -> Json:
    """Answer what an XPath 1.0 expression finds: an array for nodes, even for one, otherwise a single value."""
    if not values.is_envelope(xml):
        raise arguments.unfit("xpath", "an XML object", xml, 1)
    expression = arguments.text("xpath", path, 2)
    try:
        return xml_paths.find(envelope_text(scope, xml), expression, scope.meter)
    except xml_json.XmlError as error:
        raise errors.failed("xpath", f"The expression cannot be evaluated: {error}") from None


@function("encodeXmlValue")
def encode_xml_value(scope: Scope, value: Json) -> str:
    """Answer a string with the characters that are markup in XML escaped."""
    text = arguments.text("encodeXmlValue", value)
    if len(text) > SMALL_TEXT:
        scope.meter.text(len(text) * 6)
    return xml_names.encode_value(text)


@function("decodeXmlValue")
def decode_xml_value(scope: Scope, value: Json) -> str:
    """Answer a string with the references of XML resolved."""
    text = arguments.text("decodeXmlValue", value)
    scope.meter.piece(text, len(text))
    scope.meter.look(text.count("&"))
    return xml_names.decode_value(text)


@function("encodeXmlName")
def encode_xml_name(scope: Scope, value: Json) -> str:
    """Answer a string as a valid name of XML."""
    text = arguments.text("encodeXmlName", value)
    if len(text) > SMALL_TEXT:
        scope.meter.text(len(text) * 10)
        scope.meter.look(len(text))
    return xml_names.encode_name(text)


@function("decodeXmlName")
def decode_xml_name(scope: Scope, value: Json) -> str:
    """Answer a name of XML with its escapes undone."""
    text = arguments.text("decodeXmlName", value)
    scope.meter.piece(text, len(text))
    scope.meter.look(text.count("_x"))
    return xml_names.decode_name(text)


def is_xml(value: Json) -> TypeGuard[dict[str, Json]]:
    """Answer whether a value is an envelope of XML by its content type."""
    return values.is_envelope(value) and "xml" in str(value[values.CONTENT_TYPE]).casefold()


def to_json(scope: Scope, value: dict[str, Json]) -> dict[str, Json]:
    """Answer an envelope of XML as the object that `json()` makes of it."""
    try:
        return xml_json.to_json(envelope_text(scope, value), scope.meter)
    except xml_json.XmlError as error:
        raise errors.failed("json", f"The provided XML cannot be converted to JSON: {error}") from None


def envelope_text(scope: Scope, value: dict[str, Json]) -> str:
    """Answer the text of an envelope; a mark at its beginning tells UTF-16 where the content type is silent."""
    if len(str(value[values.CONTENT])) > SMALL_TEXT:
        scope.meter.memory(len(str(value[values.CONTENT])))
    try:
        content = values.envelope_bytes(value)
    except ValueError:
        raise xml_json.XmlError("the content is not base64") from None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    return values.envelope_text(value, scope.meter)


def _text(scope: Scope, value: Json) -> str:
    if isinstance(value, str):
        return value.removeprefix("\ufeff")
    if values.is_envelope(value):
        return envelope_text(scope, value).removeprefix("\ufeff")
    if isinstance(value, dict):
        return xml_json.from_json(value, scope.meter)
    raise arguments.unfit("xml", "a string, an object or content", value)
