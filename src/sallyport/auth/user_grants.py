"""Tokens in a user's name: for a code (RFC 6749, section 4.1), a refresh token (section 6), a device (RFC 8628).

The rule: a code and a refresh token count once, and only once something was given for them: what is refused leaves
them as they were. Whoever brings one a second time ends everything that came from that sign-in, because one of the two
who had it is a thief.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy.engine import Connection

from sallyport.auth import refusals, resources, roles, scopes, tokens
from sallyport.auth.applications import Application
from sallyport.auth.applications import read as read_application
from sallyport.auth.codes import hashed
from sallyport.auth.exchange import Exchange, Granted, grant
from sallyport.auth.tokens import Person, Subject
from sallyport.store import audit, grants, schema, users
from sallyport.store.audit import AuditEvent
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
        named = {"code": "authorization code", "refresh": "refresh token", "device": "device code"}.get(what, what)
        super().__init__(f"The provided {named} is invalid, has expired, or was used before.")
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
    audited = False

    def __init__(self) -> None:
        super().__init__("OAuth 2.0 device flow error. Authorization is pending. Continue polling.")


class SlowDown(refusals.Refused):
    """Raised when a device asks sooner than it was told to: RFC 8628, section 3.5."""

    code = "slow_down"
    number = 50196
    audited = False

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
    found = await _held(exchange, "code", code, application)
    if found.detail.get("redirect_uri", "") != exchange.parameters.get("redirect_uri", ""):
        raise GrantInvalid("code")
    _check_verifier(found, exchange.parameters.get("code_verifier", ""), proved=proved)
    return await _granted(exchange, application, found, proved=proved)


@grant("refresh_token")
async def refresh_token(exchange: Exchange) -> Granted:
    """Grant a user's token for a refresh token, and another one in its place."""
    token = exchange.parameter("refresh_token")
    application, proved = await exchange.application()
    found = await _held(exchange, "refresh", token, application)
    return await _granted(exchange, application, found, proved=proved)


@grant(DEVICE)
async def device_code(exchange: Exchange) -> Granted:
    """Grant a user's token to a device, once somebody has let it in."""
    # The v1.0 endpoint names it `code`.
    code = exchange.parameters.get("code") or exchange.parameter("device_code")
    application, proved = await exchange.application()
    found = await _found(exchange, "device", code, application)
    if found is None:
        raise DeviceCodeExpired
    if found.state != "used" and found.expires_at <= schema.instant(exchange.authority.clock.now()):
        raise await _told(exchange, found, DeviceCodeExpired())
    if found.state == "waiting":
        await _asked_again(exchange, found)
        raise AuthorizationPending
    if found.state == "refused":
        raise await _told(exchange, found, AuthorizationDeclined())
    return await _granted(exchange, application, await _unused(exchange, found), proved=proved)


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


async def _found(exchange: Exchange, kind: Kind, text: str, application: Application) -> Grant | None:
    """Answer what is stored of a grant of the application that asks, or None."""
    found = await exchange.authority.db.read(lambda connection: grants.get(connection, kind, hashed(text)))
    return found if found is not None and found.client_id == application.client.client_id else None


async def _held(exchange: Exchange, kind: Kind, text: str, application: Application) -> Grant:
    """Answer a grant that counts now; raises `GrantInvalid`."""
    found = await _found(exchange, kind, text, application)
    if found is None or found.expires_at <= schema.instant(exchange.authority.clock.now()):
        raise GrantInvalid(kind)
    return await _unused(exchange, found)


async def _unused(exchange: Exchange, found: Grant) -> Grant:
    """Answer a grant that was not used; one that was ends its family, and `GrantInvalid` is raised."""
    if found.state == "granted":
        return found
    await end(exchange, found)
    raise await _told(exchange, found, GrantInvalid(found.kind))


async def end(exchange: Exchange, found: Grant) -> None:
    """End all that came from the sign-in of a grant that was brought a second time."""
    authority, family = exchange.authority, found.family
    if family is None:
        return
    now = schema.instant(authority.clock.now())
    event = AuditEvent(now, found.client_id, "sign_in.ended", found.kind, "failure", exchange.remote_address)

    def revoke(connection: Connection) -> None:
        if grants.revoke(connection, family, now):
            audit.append(connection, event)

    await authority.db.write(revoke)
    await authority.reload()


async def _told(exchange: Exchange, found: Grant, refusal: refusals.Refused) -> refusals.Refused:
    """Answer a refusal that is final: written down the first time, however often the same is brought again."""
    refusal.audited = "told" not in found.detail
    if refusal.audited:
        detail = {**found.detail, "told": True}
        await exchange.authority.db.write(lambda connection: grants.remember(connection, found.hash, detail))
    return refusal


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
    granted = await in_the_name_of(exchange, application, user, family_id, allowed, wish, proved=proved)
    return replace(granted, used=found)


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
    subject = Subject(client.client_id, client.display_name, (), person)
    granted = Granted(subject, audience, identity="openid" in words, nonce=wish.nonce, scope=wish.scope)
    if "offline_access" not in words:
        return granted
    token = secrets.token_urlsafe(48)
    until = schema.instant(authority.clock.now() + REFRESH)
    detail = {"scope": wish.lasting}
    new = Grant(hashed(token), "refresh", "granted", client.client_id, family_id, until, None, detail)
    return replace(granted, refresh_token=token, stored=new)


def _check_verifier(found: Grant, verifier: str, *, proved: bool) -> None:
    challenge = str(found.detail.get("code_challenge", ""))
    if not challenge and proved and not verifier:
        return
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "replace")).digest()).decode().rstrip("=")
    if not challenge or not secrets.compare_digest(made, challenge.encode("ascii", "replace").decode()):
        raise ChallengeFailed
