"""URI functions: https://learn.microsoft.com/azure/logic-apps/workflow-definition-language-functions-reference#uri-parsing-functions.

An address must be absolute, as .NET's `Uri` demands.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, quote, urlsplit

from sallyport.wdl import errors, values
from sallyport.wdl.functions import arguments
from sallyport.wdl.functions.registry import function
from sallyport.wdl.values import Json

#: The longest address that .NET takes.
MAX_CHARACTERS = 65_519
#: Schemes whose addresses may be written with backslashes, which mean slashes, before the query.
SLASHED = frozenset({"http", "https", "ftp", "ws", "wss", "file"})
_BACKSLASHED = re.compile(r"[^?#]*")
DEFAULT_PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ldap": 389, "net.tcp": 808}
#: What a path keeps unescaped beside letters and digits.
PATH_CHARACTERS = "%/:@!$&'()*+,;=-._~[]"


@function("uriHost")
def uri_host(uri: Json) -> str:
    """Answer the host of an address; an address of IPv6 stays in its brackets."""
    host = _split("uriHost", uri).hostname or ""
    return f"[{host}]" if ":" in host else host


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
    if len(text) > MAX_CHARACTERS:
        raise errors.failed(
            name, f"The provided value is too long for a URI: it has more than {MAX_CHARACTERS} characters"
        )
    if text.partition(":")[0].casefold() in SLASHED:
        text = _BACKSLASHED.sub(lambda found: found[0].replace("\\", "/"), text, count=1)
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
    path = _without_dots(parts.path) if parts.scheme in SLASHED else parts.path
    return quote(values.utf8(path), safe=PATH_CHARACTERS) or ("/" if parts.netloc else "")


def _without_dots(path: str) -> str:
    """Answer a path with its segments `.` and `..` resolved, as browsers and servers read it."""
    kept: list[str] = []
    *folders, last = path.split("/")
    for segment in [*folders, last, ""] if last in (".", "..") else [*folders, last]:
        if segment == ".." and len(kept) > 1:
            kept.pop()
        elif segment not in (".", ".."):
            kept.append(segment)
    return "/".join(kept)


def _query(parts: SplitResult) -> str:
    return f"?{quote(values.utf8(parts.query), safe=PATH_CHARACTERS + '?')}" if parts.query else ""
