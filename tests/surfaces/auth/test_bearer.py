from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy.engine import Connection

from identity import Installation, installation
from sallyport.auth import keyring
from sallyport.auth.roles import ids
from sallyport.auth.tokens import Subject
from workplace import CASES

FAULTS: list[dict[str, Any]] = json.loads((CASES / "auth" / "token_faults.json").read_text())
CHALLENGE = (
    'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
    'client_id="00000003-0000-0000-c000-000000000000"'
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("house")) as made:
        yield made


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return json.loads(decoded(header)), json.loads(decoded(claims))


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(house: Installation, case: dict[str, Any]) -> str:
    """Answer a good token with one thing wrong."""
    if "token" in case:
        return str(case["token"])
    if "length" in case:
        return "a" * int(case["length"])
    header, claims = parts(house.authority.tokens.mint(Subject("app", "App", ("SecurityEvents.Read.All",))))
    now = int(house.clock.now().timestamp())
    for name, value in case.get("claims", {}).items():
        relative = name in {"exp", "nbf"} and type(value) is int
        claims[name] = now + value if relative else value
    for changed, values in ((header, case.get("header", {})), (claims, case.get("claims", {}))):
        for name, value in values.items():
            if value is None:
                changed.pop(name, None)
            elif changed is header:
                header[name] = value
    return signed(house, header, claims, case.get("sign", "own-key"))


def signed(house: Installation, header: dict[str, Any], claims: dict[str, Any], how: str) -> str:
    ring = house.authority.ring
    unsigned = f"{encoded(header)}.{encoded(claims)}"
    if how == "none":
        return f"{unsigned}."
    if how == "hmac-with-public-key":
        secret = ring.private.as_pem(private=False)
        return f"{unsigned}.{encoded(hmac.digest(secret, unsigned.encode(), hashlib.sha256))}"
    key = RSAKey.generate_key(2048) if how == "foreign-key" else ring.private
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    signature = key.private_key.sign(unsigned.encode(), padding.PKCS1v15(), hashes.SHA256())  # type: ignore[union-attr]
    if how == "changed-claim":
        unsigned = f"{encoded(header)}.{encoded({**claims, 'roles': ['SecurityEvents.ReadWrite.All']})}"
    return f"{unsigned}.{encoded(signature)}"


@pytest.mark.parametrize("case", FAULTS, ids=lambda case: case["why"])
def test_a_faulty_token_is_a_401_with_the_documented_words(house: Installation, case: dict[str, Any]) -> None:
    response = house.client().get("/me", headers={"Authorization": f"Bearer {forged(house, case)}"})
    assert response.status_code == 401
    assert response.json()["error"] == {"code": "InvalidAuthenticationToken", "message": case["message"]}
    assert response.headers["WWW-Authenticate"] == CHALLENGE


def test_the_forger_of_these_tests_can_also_make_good_ones(house: Installation) -> None:
    token = forged(house, {"claims": {"exp": -299, "nbf": 299, "aud": ["x", "00000003-0000-0000-c000-000000000000"]}})
    response = house.client().get("/me", headers={"Authorization": f"Bearer {token}"})
    assert response.json() == {"app_id": "app", "name": "App", "roles": ["SecurityEvents.Read.All"]}
    assert "WWW-Authenticate" not in response.headers


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Basic YTpi", "Negotiate x", "bearertoken"])
def test_a_request_without_a_token_is_told_that_it_is_empty(house: Installation, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    response = house.client().get("/me", headers=headers)
    assert (response.status_code, response.json()["error"]["message"]) == (401, "Access token is empty.")


def test_the_word_bearer_may_be_written_in_any_case(house: Installation) -> None:
    token = house.authority.tokens.mint(Subject("app", "App", ()))
    assert house.client().get("/me", headers={"Authorization": f"BEARER  {token}"}).status_code == 200


def test_a_token_without_the_word_bearer_holds_only_where_settings_say_so(house: Installation) -> None:
    headers = {"Authorization": house.authority.tokens.mint(Subject("app", "App", ()))}
    assert house.client().get("/me", headers=headers).status_code == 401
    assert house.client(accept_bare=True).get("/me", headers=headers).status_code == 200


async def test_a_token_that_was_found_good_still_expires(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        tokens = house.authority.tokens
        token = tokens.mint(Subject("app", "App", ()))
        headers = {"Authorization": f"Bearer {token}"}
        assert tokens.verify(token).app_id == "app"
        await house.clock.advance(3600 + 300)
        assert tokens.verify(token).app_id == "app"
        await house.clock.advance(1)
        assert house.client().get("/me", headers=headers).json()["error"]["message"] == (
            "Access token has expired or is not yet valid."
        )


async def test_a_rotated_key_still_counts_until_its_last_token_expired(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        before = house.authority.tokens.mint(Subject("app", "App", ()))
        house.db.write_now(lambda connection: keyring.rotate(connection, house.authority.sealer, house.clock))
        await house.authority.reload()
        early = house.authority.tokens.mint(Subject("app", "App", ()))
        assert parts(early)[0]["kid"] == parts(before)[0]["kid"]
        assert len(house.client().get("/common/discovery/v2.0/keys").json()["keys"]) == 2
        await house.clock.advance(keyring.PUBLISHED_FOR)
        await house.authority.reload()
        after = house.authority.tokens.mint(Subject("app", "App", ()))
        assert parts(before)[0]["kid"] != parts(after)[0]["kid"]
        assert house.authority.tokens.verify(before) == house.authority.tokens.verify(after)
        assert len(house.client().get("/common/discovery/v2.0/keys").json()["keys"]) == 2
        await house.clock.advance(keyring.RETIRED_FOR)
        await house.authority.reload()
        assert len(house.client().get("/common/discovery/v2.0/keys").json()["keys"]) == 1


class Interrupted(Exception):
    """Raised when a test ends a transaction."""


async def test_a_rotation_that_is_not_committed_leaves_the_keys_as_they_were(stored_anywhere: Installation) -> None:
    house = stored_anywhere
    before = house.authority.ring

    def rotated(connection: Connection) -> None:
        keyring.rotate(connection, house.authority.sealer, house.clock)
        raise Interrupted

    with pytest.raises(Interrupted):
        house.db.write_now(rotated)
    await house.clock.advance(keyring.PUBLISHED_FOR + keyring.RETIRED_FOR)
    await house.authority.reload()
    assert (house.authority.ring.kid, house.authority.ring.published) == (before.kid, before.published)
    assert house.authority.tokens.verify(house.authority.tokens.mint(Subject("app", "App", ()))).app_id == "app"


def test_a_delegated_token_is_a_user_with_scopes(house: Installation) -> None:
    person = {"oid": "user-1", "preferred_username": "ana@example.com", "wids": ids(["Security Reader"])}
    claims = {"scp": "SecurityEvents.ReadWrite.All User.Read", **person}
    caller = house.authority.tokens.verify(forged(house, {"claims": {**claims, "roles": None}}))
    assert (caller.user_id, caller.name, caller.roles) == ("user-1", "ana@example.com", frozenset())
    # What the application was granted beyond the user's roles is not there.
    assert caller.scopes == {"SecurityEvents.Read.All"}
    assert caller.allows("SecurityEvents.Read.All")


def test_the_published_key_verifies_what_the_private_one_signed(house: Installation) -> None:
    token = house.authority.tokens.mint(Subject("app", "App", ()))
    published = house.client().get("/contoso/discovery/v2.0/keys").json()["keys"]
    key = next(each for each in published if each["kid"] == parts(token)[0]["kid"])
    assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
    assert not set(key) & {"d", "p", "q", "dp", "dq", "qi"}
    assert jwt.decode(token, RSAKey.import_key(key), algorithms=["RS256"]).claims["appid"] == "app"
