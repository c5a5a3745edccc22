"""An application proves who it is with a key instead of a secret: RFC 7523, as `private_key_jwt`.

The rule: the key is one that was registered, never one that the assertion brings; an assertion counts once.
"""

from __future__ import annotations

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from sallyport.auth import refusals
from sallyport.auth.authority import Authority
from sallyport.auth.codes import hashed
from sallyport.store import credentials, grants, schema
from sallyport.store.credentials import ClientKey

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["RS256", "PS256"]
_LONGEST = 16_384
_SKEW_SECONDS = 300
#: How far ahead an assertion may expire.
_LONGEST_LIFE_SECONDS = 24 * 3600


class AssertionInvalid(refusals.Refused):
    """Raised when an assertion was not made by the application, for us, now."""

    code = "invalid_client"
    status = 401
    number = 700027

    def __init__(self, client_id: str, fault: str) -> None:
        super().__init__(f"Client assertion failed validation for app '{client_id}': {fault}.")
        self.client_id = client_id


async def check(authority: Authority, client_id: str, assertion: str, endpoint: str) -> None:
    """Raise AssertionInvalid unless an application signed an assertion for this endpoint that was not used before."""
    now = authority.clock.now()
    known = await authority.db.read(lambda connection: credentials.public_keys(connection, client_id))
    moment_text = schema.instant(now)
    usable = [each for each in known if (each.starts_at or "") <= moment_text < (each.expires_at or "9")]
    claims = _claims(client_id, assertion, usable)
    moment = now.timestamp()
    expires, begins = claims.get("exp"), claims.get("nbf", claims.get("iat", 0))
    if not isinstance(expires, int | float) or not moment - _SKEW_SECONDS < expires < moment + _LONGEST_LIFE_SECONDS:
        raise AssertionInvalid(client_id, "it has expired, or holds for too long")
    if not isinstance(begins, int | float) or begins > moment + _SKEW_SECONDS:
        raise AssertionInvalid(client_id, "it is not valid yet")
    if any(str(claims.get(name)).lower() != client_id for name in ("iss", "sub")):
        raise AssertionInvalid(client_id, "issuer and subject must be the application's id")
    audience = claims.get("aud")
    if endpoint not in (audience if isinstance(audience, list) else [audience]):
        raise AssertionInvalid(client_id, f"the audience must be '{endpoint}'")
    name = claims.get("jti")
    if not isinstance(name, str) or not name:
        raise AssertionInvalid(client_id, "it has no 'jti'")
    until = schema.instant(now.fromtimestamp(expires + _SKEW_SECONDS, now.tzinfo))
    once = hashed(f"assertion:{client_id}:{name}")
    if not await authority.db.write(lambda connection: grants.spend(connection, once, until)):
        raise AssertionInvalid(client_id, "it was used before")


def _claims(client_id: str, assertion: str, usable: list[ClientKey]) -> dict[str, object]:
    if len(assertion) > _LONGEST:
        raise AssertionInvalid(client_id, "it is too long")
    found = next(filter(None, (_signed_by(each, assertion) for each in usable)), None)
    if found is None:
        raise AssertionInvalid(client_id, "no key of the application made its signature")
    return found


class _Registry(JWSRegistry):
    """Room for the certificates that clients bring in the header (`x5c`), though nobody looks at them."""

    max_header_length = _LONGEST


def _signed_by(key: ClientKey, assertion: str) -> dict[str, object] | None:
    registry = _Registry(algorithms=_ALGORITHMS)
    try:
        public_key = RSAKey.import_key(key.public_key)
        return dict(jwt.decode(assertion, public_key, algorithms=_ALGORITHMS, registry=registry).claims)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
