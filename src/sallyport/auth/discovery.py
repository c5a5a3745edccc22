"""The documents that clients read before they ask for a token: OpenID configuration, signing keys, instances.

https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sallyport.auth.authority import Authority
from sallyport.auth.grants import GRANTS
from sallyport.auth.keyring import ALGORITHM
from sallyport.auth.refusals import TenantNotFound
from sallyport.auth.tenant import check_tenant

_CACHED = {"Cache-Control": "max-age=86400, private"}


async def openid_configuration(authority: Authority, request: Request) -> Response:
    """Answer where everything is, in v2.0's or v1.0's form by the path that was asked."""
    try:
        check_tenant(request)
    except TenantNotFound as refusal:
        return JSONResponse(
            {
                "error": "invalid_tenant",
                "error_description": f"AADSTS{refusal.number}: {refusal.message}",
                "error_codes": [refusal.number],
            },
            400,
        )
    root = f"{address(request)}/{request.path_params['tenant']}"
    version = _version(request)
    return JSONResponse(
        {
            "token_endpoint": f"{root}/oauth2{version}/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
            "jwks_uri": f"{root}/discovery{version}/keys",
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
            "response_types_supported": ["code"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer(authority, request),
            "authorization_endpoint": f"{root}/oauth2{version}/authorize",
            "device_authorization_endpoint": f"{root}/oauth2{version}/devicecode",
            "grant_types_supported": sorted(GRANTS),
            "code_challenge_methods_supported": ["S256"],
            "end_session_endpoint": f"{root}/oauth2{version}/logout",
            "userinfo_endpoint": f"{address(request)}/oidc/userinfo",
            "tenant_region_scope": None,
            "cloud_instance_name": "microsoftonline.com",
            "msgraph_host": "graph.microsoft.com",
        },
        headers=_CACHED,
    )


async def keys(authority: Authority, _request: Request) -> Response:
    """Answer the public halves of the signing keys: RFC 7517."""
    return JSONResponse(
        {"keys": [dict(key) for key in authority.ring.published]}, headers={"Cache-Control": "no-cache"}
    )


async def instance(request: Request) -> Response:
    """Answer that every host that a client asks about is one and the same instance: this one."""
    try:
        asked = urlsplit(request.query_params.get("authorization_endpoint", ""))
    except ValueError:
        # It names no host, as with none at all.
        asked = urlsplit("")
    here = urlsplit(address(request))
    host = asked.netloc if asked.scheme == "https" and asked.hostname else here.netloc
    tenant = asked.path.strip("/").split("/")[0] or "common"
    return JSONResponse(
        {
            "tenant_discovery_endpoint": f"https://{host}/{tenant}/v2.0/.well-known/openid-configuration",
            "api-version": "1.1",
            "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
        }
    )


def issuer(authority: Authority, request: Request) -> str:
    """Answer who tells users' names at the endpoints of a request's version, as its configuration names him."""
    here = address(request)
    return authority.tokens.issuer_at(here) if _version(request) else f"{here}/{authority.tenant_id}/"


def _version(request: Request) -> str:
    return "/v2.0" if "/v2.0/" in request.url.path else ""


def address(request: Request) -> str:
    """Answer the address that the client knows us by, without a slash at its end."""
    return f"{request.url.scheme}://{request.url.netloc}"
