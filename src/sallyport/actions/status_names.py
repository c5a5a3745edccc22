"""The names of HTTP statuses, which actions carry as their codes: those of .NET's `HttpStatusCode`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

#: Where .NET's word is not simply the standard's phrase without its blanks.
_OWN: Mapping[int, str] = MappingProxyType(
    {
        203: "NonAuthoritativeInformation",
        300: "MultipleChoices",
        302: "Found",
        408: "RequestTimeout",
        413: "RequestEntityTooLarge",
        414: "RequestUriTooLong",
        416: "RequestedRangeNotSatisfiable",
        422: "UnprocessableEntity",
        505: "HttpVersionNotSupported",
    }
)


def name_of(status: int) -> str:
    """Answer the name of a status, such as `NotFound`; one without a name is its number."""
    if status in _OWN:
        return _OWN[status]
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return str(status)
    return "OK" if status == HTTPStatus.OK else "".join(character for character in phrase if character.isalnum())
