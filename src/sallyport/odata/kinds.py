"""The kinds of value that a filter computes with: coarser than the schema's types."""

from __future__ import annotations

from enum import StrEnum

from sallyport.odata.fields import Type


class Kind(StrEnum):
    """What sort of value an expression has."""

    STRING = "a string"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    DATETIME = "a date and time"
    DATE = "a date"
    ENUM = "an enumeration"
    COMPLEX = "an object"
    COLLECTION = "a collection"
    #: A property that the schema does not know: it takes the kind of what it meets.
    ANY = "an open property"


OF_TYPE = {
    Type.STRING: Kind.STRING,
    Type.GUID: Kind.STRING,
    Type.INT32: Kind.NUMBER,
    Type.INT64: Kind.NUMBER,
    Type.DOUBLE: Kind.NUMBER,
    Type.BOOLEAN: Kind.BOOLEAN,
    Type.DATETIME: Kind.DATETIME,
    Type.ENUM: Kind.ENUM,
    Type.COMPLEX: Kind.COMPLEX,
}
