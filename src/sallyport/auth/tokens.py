"""Access tokens: signed JWTs with the claims that clients of Microsoft Graph know, made and checked.

The rule: whatever is wrong with a token is `InvalidAuthenticationToken`; neither key nor rule is ever taken from the
token itself. https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import RSAKey
from joserfc.jws import CompactSignature

from sallyport import errors
from sallyport.auth import roles as directory_roles
from sallyport.auth.keyring import ALGORITHM, Keyring
from sallyport.clock import Clock
from sallyport.principal import Principal

GRAPH = "https://graph.microsoft.com"
MANAGEMENT = "https://management.azure.com"
#: Every name of the two resources that we are.
AUDIENCES = frozenset(
    [
        GRAPH,
        f"{GRAPH}/",
        "00000003-0000-0000-c000-000000000000",
        MANAGEMENT,
        f"{MANAGEMENT}/",
        "https://management.core.windows.net",
        "https://management.core.windows.net/",
    ]
)
LIFETIME_SECONDS = 3600
#: The application that receivers of notifications expect to have sent them.
CHANGE_TRACKING_APP = "0bf30f3b-4a52-48df-9a82-234910c4a086"
SKEW_SECONDS = 300
_LENGTH_LIMIT = 16_384
_REMEMBERED = 1_024
#: Header parameters that name a key, or rules of their own.
_FOREIGN = ("jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "crit", "zip", "b64")


class TokenEmpty(errors.Unauthenticated):
    """Raised when a request carries no bearer token."""

    def __init__(self) -> None:
        super().__init__("Access token is empty.")


class TokenExpired(errors.Unauthenticated):
    """Raised when a token is used before or after its time."""

    def __init__(self) -> None:
        super().__init__("Access token has expired or is not yet valid.")


class TokenInvalid(errors.Unauthenticated):
    """Raised when a token is not ours, not for us, or not a token; `fault` says which part failed."""

    def __init__(self, fault: str) -> None:
        super().__init__(f"Access token validation failure. Invalid {fault}.")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Person:
    """A user in whose name an application acts, and how far."""

    id: str
    #: What is typed at sign-in.
    name: str
    display_name: str
    #: Ids of directory roles.
    wids: tuple[str, ...]
    #: Delegated permissions that were granted.
    scopes: tuple[str, ...]
    #: The family of tokens that this one belongs to: it ends with it.
    family: str
    #: Whether the application had to prove who it is.
    proved: bool = True
    #: The permissions as the token says them; empty: by their names.
    claimed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a token is made for."""

    client_id: str
    display_name: str
    #: Application permissions that were granted.
    roles: tuple[str, ...]
    #: For whom the application acts; None when it acts in its own name.
    person: Person | None = None


class Ending(NamedTuple):
    """Up to when none of the tokens of an application or a user counts."""

    #: As it is stored.
    at: str
    #: Not later than when this process heard of it: clocks of two machines differ.
    seconds: float


@dataclass(frozen=True, slots=True)
class _Checked:
    """A token whose signature and fixed claims were found right; only time can still turn it down."""

    principal: Principal
    audience: frozenset[str]
    family: str
    #: The application, and the user in whose name it acts.
    subjects: tuple[str, ...]
    issued: float
    not_before: float
    expires: float


class Tokens:
    """Makes and checks the tokens of one tenant."""

    def __init__(
        self,
        tenant_id: str,
        keyring: Callable[[], Keyring],
        clock: Clock,
        lifetime_seconds: int = LIFETIME_SECONDS,
        revoked: Callable[[], frozenset[str]] = frozenset,
        ended: Callable[[], Mapping[str, Ending]] = dict,
    ) -> None:
        self.tenant_id = tenant_id
        #: Of tokens for this server itself: names the tenant, not an address, so that they hold wherever it is reached.
        self.issuer = f"urn:sallyport:{tenant_id}"
        #: An hour at the most.
        self.lifetime_seconds = min(lifetime_seconds, LIFETIME_SECONDS)
        self._keyring = keyring
        self._clock = clock
        #: Families of tokens that were ended before their time.
        self._revoked = revoked
        #: Applications and users none of whose tokens up to a moment counts.
        self._ended = ended
        self._remembered: OrderedDict[str, _Checked] = OrderedDict()

    def mint(self, subject: Subject, audience: str = GRAPH, issuer: str = "") -> str:
        """Answer a token with which an application acts in its own name, or in a user's.

        One for another application is read by a library there: it comes from `issuer`, as `issuer_at` has it.
        """
        elsewhere = bool(issuer) and audience not in AUDIENCES
        keyring = self._keyring()
        now = self._issued(subject)
        token_id = uuid.uuid4().hex
        claims: dict[str, Any] = {
            "aud": audience,
            "iss": issuer if elsewhere else self.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime_seconds,
            "app_displayname": subject.display_name,
            "appid": subject.client_id,
            "azp": subject.client_id,
            "jti": token_id,
            "tid": self.tenant_id,
            "uti": token_id,
            "ver": "2.0" if elsewhere else "1.0",
            **(_own_name(subject) if subject.person is None else _for_person(subject.person)),
        }
        header = {"alg": ALGORITHM, "kid": keyring.kid, "typ": "JWT"}
        return jwt.encode(header, claims, keyring.private, algorithms=[ALGORITHM])

    def issuer_at(self, address: str) -> str:
        """Answer the issuer of what others read, for those who know us by an address: what our discovery there says."""
        return f"{address}/{self.tenant_id}/v2.0"

    def identity(self, subject: Subject, issuer: str, nonce: str) -> str:
        """Answer a token that tells an application who its user is: OpenID Connect Core 1.0, section 2."""
        assert subject.person is not None
        keyring, person = self._keyring(), subject.person
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "aud": subject.client_id,
            "iss": issuer,
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime_seconds,
            "name": person.display_name,
            "oid": person.id,
            "preferred_username": person.name,
            "sid": person.family,
            "sub": person.id,
            "tid": self.tenant_id,
            "ver": "2.0" if issuer.endswith("/v2.0") else "1.0",
            **({"nonce": nonce} if nonce else {}),
        }
        header = {"alg": ALGORITHM, "kid": keyring.kid, "typ": "JWT"}
        return jwt.encode(header, claims, keyring.private, algorithms=[ALGORITHM])

    def validation(self, client_id: str) -> str:
        """Answer a token that proves to an application that a notification came from here.

        https://learn.microsoft.com/graph/change-notifications-with-resource-data: receivers check issuer, audience and
        the application that sends notifications.
        """
        keyring = self._keyring()
        now = int(self._clock.now().timestamp())
        claims: dict[str, Any] = {
            "aud": client_id,
            "iss": f"https://sts.windows.net/{self.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime_seconds,
            "appid": CHANGE_TRACKING_APP,
            "azp": CHANGE_TRACKING_APP,
            "tid": self.tenant_id,
            "uti": uuid.uuid4().hex,
            "ver": "1.0",
        }
        return jwt.encode({"alg": ALGORITHM, "kid": keyring.kid, "typ": "JWT"}, claims, keyring.private)

    def verify(self, token: str, audiences: frozenset[str] = AUDIENCES) -> Principal:
        """Answer whose token it is; raises `TokenEmpty`, `TokenExpired` or `TokenInvalid`."""
        return self._valid(token, audiences).principal

    def delegation(self, token: str, client_id: str) -> tuple[str | None, str]:
        """Answer the user and the family of a token for an application; None for one that was made in nobody's name.

        Raises as `verify` does.
        """
        checked = self._valid(token, frozenset({client_id, f"api://{client_id}"}))
        return (checked.principal.user_id if checked.family else None), checked.family

    def _valid(self, token: str, audiences: frozenset[str]) -> _Checked:
        if not token:
            raise TokenEmpty
        checked = self._remembered.get(token)
        if checked is None:
            checked = self._check(token)
            self._remembered[token] = checked
            if len(self._remembered) > _REMEMBERED:
                self._remembered.popitem(last=False)
        if checked.audience.isdisjoint(audiences):
            raise TokenInvalid("audience")
        now = self._clock.now().timestamp()
        if not checked.not_before - SKEW_SECONDS <= now <= checked.expires + SKEW_SECONDS:
            raise TokenExpired
        if checked.family and checked.family in self._revoked():
            raise TokenInvalid("session")
        ended = self._ended()
        if ended and any(checked.issued <= ended[each].seconds for each in checked.subjects if each in ended):
            raise TokenInvalid("session")
        return checked

    def forget(self) -> None:
        """Check every token anew: for when a key was withdrawn."""
        self._remembered.clear()

    def _issued(self, subject: Subject) -> int:
        """Answer the second of a new token: a later one than that in which the subject's former ones ended."""
        ended = self._ended()
        own = [ended[each].seconds + 1 for each in (subject.client_id, _user_of(subject)) if each in ended]
        return int(max([self._clock.now().timestamp(), *own]))

    def _check(self, token: str) -> _Checked:
        if len(token) > _LENGTH_LIMIT:
            raise TokenInvalid("length")
        try:
            claims = jwt.decode(token, self._key_of, algorithms=[ALGORITHM]).claims
        except UnsupportedAlgorithmError as error:
            raise TokenInvalid("algorithm") from error
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise TokenInvalid("signature") from error
        issuer = claims.get("iss")
        # The signature is ours; by which of our addresses we were known to whoever got the token is nothing to check.
        if issuer != self.issuer and not str(issuer).endswith(self.issuer_at("")):
            raise TokenInvalid("issuer")
        if claims.get("tid") != self.tenant_id:
            raise TokenInvalid("tenant")
        return _Checked(
            _principal(claims),
            _audience(claims),
            str(claims.get("sid", "")),
            tuple(str(claims.get(name, "")) for name in ("appid", "azp", "oid")),
            _moment({"iat": claims.get("iat", 0)}, "iat"),
            _moment(claims, "nbf"),
            _moment(claims, "exp"),
        )

    def _key_of(self, signature: object) -> RSAKey:
        """Answer the key that a token's header names, when the header asks for nothing else."""
        assert isinstance(signature, CompactSignature)
        header = signature.headers()
        if header.get("alg") != ALGORITHM:
            raise TokenInvalid("algorithm")
        if any(name in header for name in _FOREIGN):
            raise TokenInvalid("header")
        kid = header.get("kid")
        key = self._keyring().public.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenInvalid("key")
        return key


def _user_of(subject: Subject) -> str:
    return subject.person.id if subject.person is not None else ""


def _own_name(subject: Subject) -> dict[str, Any]:
    own = {"oid": subject.client_id, "sub": subject.client_id, "idtyp": "app"}
    return {**own, "appidacr": "1", "roles": list(subject.roles)}


def _for_person(person: Person) -> dict[str, Any]:
    return {
        "appidacr": "1" if person.proved else "0",
        "idtyp": "user",
        "name": person.display_name,
        "oid": person.id,
        "preferred_username": person.name,
        "scp": " ".join(person.claimed or person.scopes),
        "sid": person.family,
        "sub": person.id,
        "upn": person.name,
        "unique_name": person.name,
        "wids": list(person.wids),
    }


def _principal(claims: Mapping[str, Any]) -> Principal:
    app_id = claims.get("appid") or claims.get("azp")
    roles, scopes, wids = claims.get("roles", []), claims.get("scp", ""), claims.get("wids", [])
    if not isinstance(app_id, str) or not isinstance(scopes, str) or not _are_texts(roles) or not _are_texts(wids):
        raise TokenInvalid("claims")
    in_a_name = bool(scopes) or claims.get("idtyp") == "user"
    name = claims.get("preferred_username") if in_a_name else claims.get("app_displayname")
    return Principal(
        app_id=app_id,
        user_id=str(claims.get("oid", "")) if in_a_name else None,
        name=name if isinstance(name, str) and name else app_id,
        tenant_id=str(claims["tid"]),
        roles=frozenset(roles),
        scopes=directory_roles.effective(scopes.split(), wids),
    )


def _audience(claims: Mapping[str, Any]) -> frozenset[str]:
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not _are_texts(named):
        raise TokenInvalid("audience")
    return frozenset(named)


def _moment(claims: Mapping[str, Any], name: str) -> float:
    """Answer a time in seconds; a token without it never holds."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e12 < value < 1e12:
        raise TokenInvalid("lifetime")
    return float(value)


def _are_texts(values: object) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)
