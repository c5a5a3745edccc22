"""A token for a user that an application gets for the one it was called with: the on-behalf-of flow.

The rule: what is handed in was made for the very application that hands it in, in a user's name; what comes of it ends
with the sign-in that it came from.
https://learn.microsoft.com/entra/identity-platform/v2-oauth2-on-behalf-of-flow
"""

from __future__ import annotations

import uuid

from sqlalchemy.engine import Connection

from sallyport.auth import refusals, resources, scopes, user_grants
from sallyport.auth.exchange import Exchange, Granted, grant
from sallyport.auth.tokens import TokenEmpty, TokenExpired, TokenInvalid
from sallyport.auth.user_grants import ConsentMissing, Wish
from sallyport.store import grants, schema, users
from sallyport.store.grants import Family
from sallyport.store.users import User

TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class UseUnsupported(refusals.Refused):
    """Raised when an assertion is handed in for anything but to act on behalf of its user."""

    number = 9002313

    def __init__(self) -> None:
        super().__init__("Invalid request. 'requested_token_use' must be 'on_behalf_of'.")


class AssertionRefused(refusals.Refused):
    """Raised when what is handed in is no token of ours."""

    code = "invalid_grant"
    number = 50013

    def __init__(self, fault: str) -> None:
        super().__init__(f"Assertion failed signature validation. [Reason - Invalid {fault}.]")
        self.fault = fault


class AssertionForAnother(refusals.Refused):
    """Raised when the token that is handed in was made for another application, or for Graph."""

    code = "invalid_grant"
    number = 500131

    def __init__(self, client_id: str) -> None:
        super().__init__(
            "Assertion audience does not match the Client app presenting the assertion. The expected audience is "
            f"'{client_id}' or one of the Application Uris of this application with App ID '{client_id}'."
        )
        self.client_id = client_id


class AssertionExpired(refusals.Refused):
    """Raised when the token that is handed in has expired."""

    code = "invalid_grant"
    number = 500133

    def __init__(self) -> None:
        super().__init__("Assertion is not within its valid time range.")


class AssertionRevoked(refusals.Refused):
    """Raised when the sign-in that the token came from has ended."""

    code = "invalid_grant"
    number = 50173

    def __init__(self) -> None:
        super().__init__("The provided grant has been revoked. A fresh sign-in of the user is needed.")


class AssertionOfApplication(refusals.Refused):
    """Raised when the token that is handed in was made in nobody's name."""

    code = "invalid_grant"
    number = 7000114

    def __init__(self, client_id: str) -> None:
        super().__init__(f"Application '{client_id}' is not allowed to make application on-behalf-of calls.")
        self.client_id = client_id


class UserDisabled(refusals.Refused):
    """Raised when the user of the token may no longer sign in."""

    code = "invalid_grant"
    number = 50057

    def __init__(self) -> None:
        super().__init__("The user account is disabled.")


@grant(TYPE)
async def on_behalf_of(exchange: Exchange) -> Granted:
    """Grant an application a token for the user whose token it was called with."""
    assertion, scope = exchange.parameter("assertion"), exchange.parameter("scope")
    if exchange.parameter("requested_token_use") != "on_behalf_of":
        raise UseUnsupported
    application = await exchange.proved()
    client = application.client
    user_id, parent = _delegation(exchange, assertion, client.client_id)
    if user_id is None:
        raise AssertionOfApplication(client.client_id)
    await resources.check(exchange.authority, application, scope, exchange.endpoint)
    if scopes.missing(scope, application.scopes):
        raise ConsentMissing(client.client_id, client.display_name)
    family = Family(str(uuid.uuid4()), client.client_id, user_id, schema.instant(exchange.authority.clock.now()))
    user, family_id = await exchange.authority.db.write(lambda connection: _branch(connection, family, parent))
    wish = Wish(scope, scope, scope)
    return await user_grants.in_the_name_of(
        exchange, application, user, family_id, application.scopes, wish, proved=True
    )


def _delegation(exchange: Exchange, assertion: str, client_id: str) -> tuple[str | None, str]:
    """Answer the user and the family of what was handed in; raises a refusal when it does not hold."""
    try:
        return exchange.authority.tokens.delegation(assertion, client_id)
    except TokenExpired as error:
        raise AssertionExpired from error
    except TokenEmpty as error:
        raise AssertionRefused("length") from error
    except TokenInvalid as error:
        if error.fault == "audience":
            raise AssertionForAnother(client_id) from error
        raise (AssertionRevoked() if error.fault == "session" else AssertionRefused(error.fault)) from error


def _branch(connection: Connection, family: Family, parent: str) -> tuple[User, str]:
    """Answer the user, who may still sign in, and the family in which the application acts for that user."""
    user = users.get(connection, family.user_id)
    if user is None or not user.enabled:
        raise UserDisabled
    origin = grants.family(connection, parent)
    if origin is None or origin.revoked_at is not None:
        raise AssertionRevoked
    return user, grants.branch(connection, family, parent)
