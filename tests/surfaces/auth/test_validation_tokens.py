"""The tokens that prove to receivers of alerts' contents who sent them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from identity import Installation, installation
from sallyport.auth.tokens import CHANGE_TRACKING_APP, TokenInvalid


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("house")) as made:
        yield made


def test_a_receiver_can_check_it_with_the_keys_that_are_published(house: Installation) -> None:
    tenant = house.authority.tenant_id
    published = house.client().get(f"/{tenant}/discovery/v2.0/keys")
    token = jwt.decode(house.authority.tokens.validation("app-1"), KeySet.import_key_set(published.json()))
    assert token.header["alg"] == "RS256"
    now = int(house.clock.now().timestamp())
    assert {name: token.claims[name] for name in ("aud", "iss", "appid", "tid")} == {
        "aud": "app-1",
        "iss": f"https://sts.windows.net/{tenant}/",
        "appid": CHANGE_TRACKING_APP,
        "tid": tenant,
    }
    assert token.claims["nbf"] <= now < token.claims["exp"]


def test_nobody_can_call_the_house_with_it(house: Installation) -> None:
    with pytest.raises(TokenInvalid):
        house.authority.tokens.verify(house.authority.tokens.validation("app-1"))
