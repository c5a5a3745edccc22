"""URI functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#uri-parsing-functions.

An address must be absolute, as .NET's `Uri` demands.
"""

from __future__ import annotations

from urllib.parse import SplitResult, quote, urlsplit

from sallyport.wdl import errors, values
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.values import Json

DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ldap": 389, "net.tcp": 808}
#: What a path keeps unescaped beside letters and digits.
PATH_CHARACTERS = "%/:@!$&'()*+,;=-._~[]"


@function("uriHost")
def uri_host(uri: Json) -> str:
    """Answer the host of an address."""
    return _split("uriHost", uri).hostname or ""


@function("uriPath")
def uri_path(uri: Json) -> str:
    """Answer the path of an address, `/` when it is empty."""
    return _path(_split("uriPath", uri))


@function("uriPathAndQuery")
def uri_path_and_query(uri: Json) -> str:
    """Answer the path of an address and its query with the question mark."""
    parts = _split("uriPathAndQuery", uri)
    return _path(parts) + _query(parts)


@function("uriPort")
def uri_port(uri: Json) -> int:
    """Answer the port of an address, the usual one of its scheme when it names none, -1 when there is none."""
    parts = _split("uriPort", uri)
    return DEFAULT_PORTS.get(parts.scheme, -1) if parts.port is None else parts.port


@function("uriScheme")
def uri_scheme(uri: Json) -> str:
    """Answer the scheme of an address."""
    return _split("uriScheme", uri).scheme


@function("uriQuery")
def uri_query(uri: Json) -> str:
    """Answer the query of an address, with the question mark; an empty string when there is none."""
    return _query(_split("uriQuery", uri))


def _split(name: str, uri: Json) -> SplitResult:
    text = arguments.text(name, uri).strip()
    try:
        parts = urlsplit(text)
        absolute = bool(parts.scheme and (parts.netloc or not text[len(parts.scheme) :].startswith("://")))
        absolute = absolute and (parts.port is None or parts.port >= 0)
    except ValueError:
        absolute = False
    if not absolute:
        raise errors.failed(name, "The provided value is not an absolute URI")
    return parts


def _path(parts: SplitResult) -> str:
    return quote(values.utf8(parts.path), safe=PATH_CHARACTERS) or ("/" if parts.netloc else "")


def _query(parts: SplitResult) -> str:
    return f"?{quote(values.utf8(parts.query), safe=PATH_CHARACTERS + '?')}" if parts.query else ""
