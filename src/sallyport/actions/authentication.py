"""The `authentication` of HTTP actions: https://learn.microsoft.com/azure/logic-apps/logic-apps-securing-a-logic-app.

The rule: what is answered are header fields for one request; secrets are kept nowhere, and no message repeats them.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

from sallyport import client_credentials
from sallyport.actions import client_assertion
from sallyport.actions import inputs as read
from sallyport.actions.requests import Caller
from sallyport.client_credentials import AuthenticationFailed
from sallyport.wdl import values

_AUTHORITY = "https://login.microsoftonline.com"
_AUDIENCE = "https://management.azure.com/"


async def authorization(ctx: Caller, stated: Any) -> dict[str, str]:
    """Answer the header fields that an evaluated `authentication` means.

    Raises AuthenticationFailed, or ConnectionFailed when the authority did not answer.
    """
    if stated is None:
        return {}
    if isinstance(stated, str):
        return {"Authorization": stated}
    kind = read.text(stated, "type").casefold()
    if kind == "none":
        return {}
    if kind == "basic":
        pair = values.utf8(f"{read.text(stated, 'username')}:{read.text(stated, 'password', '')}")
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
    if kind == "raw":
        return {"Authorization": read.text(stated, "value")}
    if kind == "activedirectoryoauth":
        return {"Authorization": f"Bearer {await _token(ctx, stated)}"}
    if kind == "managedserviceidentity":
        return {"Authorization": f"Bearer {await _identity_token(ctx, stated)}"}
    if kind == "clientcertificate":
        raise AuthenticationFailed("A client certificate cannot be presented: the way out does not support it.")
    raise AuthenticationFailed(f"The authentication type '{read.text(stated, 'type')}' is not known.")


async def _identity_token(ctx: Caller, stated: Any) -> str:
    """Answer a token of an identity that is configured here in place of a cloud's managed one."""
    identities = ctx.ports.identities
    if identities is None:
        raise AuthenticationFailed(
            "The action uses a managed identity, and none is configured: give this installation an identity, "
            "or use another type of authentication."
        )
    return await identities.token(read.text(stated, "audience", "") or _AUDIENCE, read.text(stated, "identity", ""))


async def _token(ctx: Caller, stated: Any) -> str:
    """Ask the authority for a token with the client's own credentials, RFC 6749 section 4.4."""
    authority = (read.text(stated, "authority", "") or _AUTHORITY).rstrip("/")
    audience = read.text(stated, "audience")
    url = f"{authority}/{quote(read.text(stated, 'tenant'), safe='')}/oauth2/token"
    form = {"client_id": read.text(stated, "clientId"), "resource": audience}
    if read.member(stated, "secret") is not None:
        form["client_secret"] = read.text(stated, "secret")
    else:
        form["client_assertion_type"] = client_assertion.TYPE
        form["client_assertion"] = client_assertion.sign(stated, url, ctx.now())
    response = await ctx.ports.http.send(client_credentials.asking(url, form, ctx.limits.request_timeout_seconds))
    return client_credentials.answered(url, response).text
