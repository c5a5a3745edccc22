"""Who the user of a token is: OpenID Connect Core 1.0, section 5.3."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sallyport import errors, principal
from sallyport.auth.authority import Authority
from sallyport.store import users


async def userinfo(authority: Authority, request: Request) -> Response:
    """Answer the name of the user in whose name a token was made."""
    try:
        caller = principal.of(request.scope)
        if caller.user_id is None:
            raise errors.Unauthenticated("The token was made in nobody's name.")
    except errors.Unauthenticated as reason:
        return JSONResponse({"error": "invalid_token", "error_description": reason.message}, reason.status)
    user_id = caller.user_id
    user = await authority.db.read(lambda connection: users.get(connection, user_id))
    name = user.display_name if user is not None else caller.name
    told = {"sub": user_id, "name": name, "preferred_username": caller.name}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})
