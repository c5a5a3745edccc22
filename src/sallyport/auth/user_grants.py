"""Tokens in a user's name: for a code (RFC 6749, section 4.1), a refresh token (section 6), a device (RFC 8628).

The rule: a code and a refresh token count once; whoever brings one a second time ends everything that came from that
sign-in, because one of the two who had it is a thief.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.engine import Connection

from sallyport.auth import refusals, resources, roles, scopes, tokens
from sallyport.auth.applications import Application
from sallyport.auth.applications import read as read_application
from sallyport.auth.codes import hashed
from sallyport.auth.exchange import Exchange, Granted, grant
from sallyport.auth.tokens import Person, Subject
from sallyport.store import grants, schema, users
from sallyport.store.grants import Grant, Kind
from sallyport.store.users import User

#: How long a refresh token holds without being used.
REFRESH = timedelta(days=30)
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
#: How long a device waits between two requests, and what is added whenever it does not: RFC 8628, section 3.5.
INTERVAL_SECONDS = 5
_LONGEST_INTERVAL_SECONDS = 60
#: A network brings two requests nearer to each other than they were sent.
_LENIENCE = timedelta(seconds=1)


class GrantInvalid(refusals.Refused):
    """Raised when a code or refresh token does not hold: unknown, expired, used, or somebody else's."""

    code = "invalid_grant"
    number = 70008

    def __init__(self, what: str) -> None:
        super().__init__(f"The provided {what} is invalid, has expired, or was used before.")
        self.what = what


class ConsentMissing(refusals.Refused):
    """Raised when nobody has granted an application what it asks for in a user's name."""

    code = "invalid_grant"
    number = 65001

    def __init__(self, client_id: str, display_name: str) -> None:
        super().__init__(
            f"The user or administrator has not consented to use the application with ID '{client_id}' named "
            f"'{display_name}'. Send an interactive authorization request for this user and resource."
        )
        self.client_id = client_id


class ChallengeFailed(refusals.Refused):
    """Raised when whoever redeems a code is not the one who asked for it."""

    code = "invalid_grant"
    number = 501481

    def __init__(self) -> None:
        super().__init__("The Code_Verifier does not match the code_challenge supplied in the authorization request.")


class AuthorizationPending(refusals.Refused):
    """Raised when nobody has typed a device's code yet."""

    code = "authorization_pending"
    number = 70016

    def __init__(self) -> None:
        super().__init__("OAuth 2.0 device flow error. Authorization is pending. Continue polling.")


class SlowDown(refusals.Refused):
    """Raised when a device asks sooner than it was told to: RFC 8628, section 3.5."""

    code = "slow_down"
    number = 50196

    def __init__(self, interval_seconds: int) -> None:
        super().__init__(f"The device asks too often. Wait {interval_seconds} seconds before each request.")
        self.interval_seconds = interval_seconds


class AuthorizationDeclined(refusals.Refused):
    """Raised when a person refused a device."""

    code = "authorization_declined"
    number = 70018

    def __init__(self) -> None:
        super().__init__("The end user has denied the authorization request.")


class DeviceCodeExpired(refusals.Refused):
    """Raised when a device's code was typed by nobody in time, or is unknown."""

    code = "expired_token"
    number = 70020

    def __init__(self) -> None:
        super().__init__("The provided value for the input parameter 'device_code' is not valid or has expired.")


@grant("authorization_code")
async def authorization_code(exchange: Exchange) -> Granted:
    """Grant a user's token for a code."""
    code = exchange.parameter("code")
    application, proved = await exchange.application()
    found = await _used(exchange, "code", code, application)
    if found.detail.get("redirect_uri", "") != exchange.parameters.get("redirect_uri", ""):
        raise GrantInvalid("authorization code")
    _check_verifier(found, exchange.parameters.get("code_verifier", ""), proved=proved)
    return await _granted(exchange, application, found, proved=proved)


@grant("refresh_token")
async def refresh_token(exchange: Exchange) -> Granted:
    """Grant a user's token for a refresh token, and another one in its place."""
    token = exchange.parameter("refresh_token")
    application, proved = await exchange.application()
    found = await _used(exchange, "refresh", token, application)
    return await _granted(exchange, application, found, proved=proved)


@grant(DEVICE)
async def device_code(exchange: Exchange) -> Granted:
    """Grant a user's token to a device, once somebody has let it in."""
    code = exchange.parameters.get("device_code") or exchange.parameter("code")
    application, proved = await exchange.application()
    now = schema.instant(exchange.authority.clock.now())
    found = await exchange.authority.db.read(lambda connection: grants.get(connection, "device", hashed(code)))
    if found is None or found.client_id != application.client.client_id or found.expires_at <= now:
        raise DeviceCodeExpired
    if found.state == "waiting":
        await _asked_again(exchange, found)
        raise AuthorizationPending
    if found.state == "refused":
        raise AuthorizationDeclined
    return await _granted(exchange, application, await _used(exchange, "device", code, application), proved=proved)


async def _asked_again(exchange: Exchange, found: Grant) -> None:
    """Note when a device asked; raises `SlowDown` when it did so too soon, and must wait longer from now on."""
    now = exchange.authority.clock.now()
    seconds = int(found.detail.get("interval", INTERVAL_SECONDS))
    before = found.detail.get("asked_at")
    early = before is not None and now < schema.moment(before) + timedelta(seconds=seconds) - _LENIENCE
    if early:
        seconds = min(seconds + INTERVAL_SECONDS, _LONGEST_INTERVAL_SECONDS)
    detail = {**found.detail, "asked_at": schema.instant(now), "interval": seconds}
    await exchange.authority.db.write(lambda connection: grants.remember(connection, found.hash, detail))
    if early:
        raise SlowDown(seconds)


async def _used(exchange: Exchange, kind: Kind, text: str, application: Application) -> Grant:
    """Answer a grant that is used now, for the first time; a second time ends its family."""
    now = schema.instant(exchange.authority.clock.now())

    def use(connection: Connection) -> tuple[Grant | None, bool]:
        found = grants.get(connection, kind, hashed(text))
        if found is None or found.client_id != application.client.client_id or found.expires_at <= now:
            return None, False
        if grants.move(connection, found.hash, "granted", "used"):
            family = grants.family(connection, found.family) if found.family else None
            return (found, False) if family is not None and family.revoked_at is None else (None, False)
        if found.family is not None:
            grants.revoke(connection, found.family, now)
        return None, True

    found, stolen = await exchange.authority.db.write(use)
    if stolen:
        await exchange.authority.reload()
    if found is None:
        raise GrantInvalid({"code": "authorization code", "refresh": "refresh token"}.get(kind, "device code"))
    return found


async def _granted(exchange: Exchange, application: Application, found: Grant, *, proved: bool) -> Granted:
    authority, family_id = exchange.authority, found.family or ""
    original, given = str(found.detail.get("scope", "")), exchange.parameters.get("scope", "")
    family = await authority.db.read(lambda connection: grants.family(connection, family_id))
    user = await authority.db.read(lambda connection: users.get(connection, family.user_id if family else ""))
    if family is None or user is None or not user.enabled:
        raise GrantInvalid("sign-in")
    current = await authority.db.read(lambda connection: read_application(connection, application.client.client_id))
    allowed = scopes.granted(original, current.scopes if current is not None else ())
    # Whoever names only who signs in means what was asked for then.
    asked = given if scopes.names_something(given) else original
    nonce = str(found.detail.get("nonce", ""))
    wish = Wish(asked, original, f"{original} {given}", nonce)
    return await in_the_name_of(exchange, application, user, family_id, allowed, wish, proved=proved)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a token in a user's name is asked for with."""

    #: The scope of this token.
    scope: str
    #: The scope of later ones, which a refresh token remembers.
    lasting: str
    #: Where `openid` and `offline_access` may stand.
    words: str
    nonce: str = ""


async def in_the_name_of(
    exchange: Exchange,
    application: Application,
    user: User,
    family_id: str,
    allowed: tuple[str, ...],
    wish: Wish,
    *,
    proved: bool,
) -> Granted:
    """Answer what an application is granted for a user, of what it is allowed; with a refresh token if it asks for one.

    Raises ConsentMissing when nothing of what it asks for is allowed, and what `resources.check` raises.
    """
    authority, client = exchange.authority, application.client
    audience = await resources.check(authority, application, wish.scope, exchange.endpoint)
    held = scopes.granted(wish.scope, allowed)
    other = audience not in (client.client_id, tokens.GRAPH, tokens.MANAGEMENT)
    if not held and (scopes.requested(wish.scope) or other):
        raise ConsentMissing(client.client_id, client.display_name)
    wids, claimed = tuple(roles.ids(user.roles)), scopes.claimed(wish.scope, held)
    person = Person(user.id, user.name, user.display_name, wids, held, family_id, proved, claimed)
    words = frozenset(wish.words.split())
    refresh = await _refresh_token(exchange, client.client_id, family_id, wish) if "offline_access" in words else None
    subject = Subject(client.client_id, client.display_name, (), person)
    identity = "openid" in words
    return Granted(subject, audience, refresh, identity=identity, nonce=wish.nonce, scope=wish.scope)


async def _refresh_token(exchange: Exchange, client_id: str, family_id: str, wish: Wish) -> str:
    token = secrets.token_urlsafe(48)
    until = schema.instant(exchange.authority.clock.now() + REFRESH)
    detail = {"scope": wish.lasting}
    new = Grant(hashed(token), "refresh", "granted", client_id, family_id, until, None, detail)
    await exchange.authority.db.write(lambda connection: grants.insert(connection, new))
    return token


def _check_verifier(found: Grant, verifier: str, *, proved: bool) -> None:
    challenge = str(found.detail.get("code_challenge", ""))
    if not challenge and proved and not verifier:
        return
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "replace")).digest()).decode().rstrip("=")
    if not challenge or not secrets.compare_digest(made, challenge.encode("ascii", "replace").decode()):
        raise ChallengeFailed
