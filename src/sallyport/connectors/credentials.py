"""How a request says who is calling: not at all, with a bearer token, with name and password, or with a key.

The rule: a secret is asked for when a request is signed, and is in no message and no representation.
"""

from __future__ import annotations

import base64
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

from sallyport.http_messages import Headers, OutboundRequest


@dataclass(frozen=True, slots=True)
class Anonymous:
    """No credential."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token in `Authorization`, RFC 6750."""

    token: Callable[[], str | Awaitable[str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Basic:
    """A name and a password in `Authorization`, RFC 7617."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key in a header or in the query."""

    name: str
    value: str = field(repr=False)
    place: Literal["header", "query"] = "header"


Credential = Anonymous | Bearer | Basic | ApiKey


async def sign(request: OutboundRequest, credential: Credential) -> OutboundRequest:
    """Answer the request with its credential; one that an author wrote himself gives way to it."""
    match credential:
        case Bearer(token):
            found = token()
            text = await found if inspect.isawaitable(found) else found
            return _authorized(request, f"Bearer {text}")
        case Basic(username, password):
            pair = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
            return _authorized(request, f"Basic {pair}")
        case ApiKey(name, value, "query"):
            mark = "&" if "?" in request.url else "?"
            return replace(request, url=f"{request.url}{mark}{quote(name, safe='')}={quote(value, safe='')}")
        case ApiKey(name, value):
            return replace(request, headers=Headers((*Headers(request.headers).without(name).pairs, (name, value))))
    return request


def stated(security: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> Credential:
    """Answer the credential that a document asks for, from the parameters of a connection.

    `values` are looked up as Azure names them, whatever their letter case: `username` and `password`, `api_key` or
    the key's own name, `token`. What is not there is not sent.
    """
    given = {name.casefold(): str(value) for name, value in values.items() if value is not None}
    for scheme in security.values():
        kind = str(scheme.get("type", "")).casefold()
        name = str(scheme.get("name", ""))
        key = given.get("api_key", given.get("apikey", given.get(name.casefold())))
        token = given.get("token", given.get("access_token"))
        if kind == "apikey" and key is not None:
            return ApiKey(name, key, "query" if scheme.get("in") == "query" else "header")
        if _is_basic(kind, scheme) and "username" in given:
            return Basic(given["username"], given.get("password", ""))
        if kind in ("oauth2", "openidconnect", "http") and token is not None:
            return Bearer(lambda found=token: found)  # type: ignore[misc]
    return Anonymous()


def _is_basic(kind: str, scheme: Mapping[str, Any]) -> bool:
    return kind == "basic" or (kind == "http" and str(scheme.get("scheme", "")).casefold() == "basic")


def _authorized(request: OutboundRequest, value: str) -> OutboundRequest:
    fields = Headers(request.headers).without("authorization").pairs
    return replace(request, headers=Headers((*fields, ("Authorization", value))))
