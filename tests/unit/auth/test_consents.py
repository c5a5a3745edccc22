from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from identity import Installation, installation
from sallyport.auth import consents, keyring, users
from sallyport.auth.consents import NothingGranted
from sallyport.auth.credentials import RegistrationMissing
from sallyport.auth.tokens import Person, Subject, TokenInvalid
from sallyport.auth.users import Wanted
from sallyport.auth.watch import EVERY_SECONDS, Watch
from sallyport.store import audit, clients, grants, schema
from sallyport.store.consents import Consent

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def roles(house: Installation, client_id: str, secret: str) -> frozenset[str]:
    """Answer what a token that is asked for now allows."""
    credentials = {"client_id": client_id, "client_secret": secret}
    form = {"grant_type": "client_credentials", "scope": SCOPE, **credentials}
    answer = house.client().post("/contoso/oauth2/v2.0/token", data=form).json()
    return house.authority.tokens.verify(answer["access_token"]).roles


def test_a_changed_registration_takes_effect_only_after_a_new_consent(house: Installation) -> None:
    made = house.register("SecurityEvents.Read.All")
    client_id = made.client.client_id
    wanted = {"permissions": ["SecurityEvents.ReadWrite.All"]}
    house.db.write_now(lambda connection: clients.change(connection, client_id, wanted))
    assert roles(house, client_id, made.secret) == {"SecurityEvents.Read.All"}
    house.db.write_now(lambda connection: consents.grant(connection, house.clock, client_id))
    assert roles(house, client_id, made.secret) == {"SecurityEvents.ReadWrite.All"}


def test_a_new_consent_at_the_machine_takes_back_nothing_that_was_granted_in_users_names(house: Installation) -> None:
    client_id = house.register("SecurityEvents.Read.All").client.client_id

    def granted_twice(connection: Connection) -> Consent:
        consents.add(connection, client_id, None, ("SecurityAlert.Read.All",), schema.instant(house.clock.now()), "ana")
        return consents.grant(connection, house.clock, client_id)

    granted = house.db.write_now(granted_twice)
    assert (granted.roles, granted.scopes) == (("SecurityEvents.Read.All",), ("SecurityAlert.Read.All",))


def test_a_revoked_consent_leaves_tokens_without_permissions(house: Installation) -> None:
    made = house.register("SecurityEvents.Read.All")
    house.db.write_now(lambda connection: consents.revoke(connection, house.clock, made.client.client_id))
    assert roles(house, made.client.client_id, made.secret) == frozenset()
    with pytest.raises(NothingGranted):
        house.db.write_now(lambda connection: consents.revoke(connection, house.clock, made.client.client_id))


def test_nothing_is_granted_to_an_application_that_is_not_there(house: Installation) -> None:
    with pytest.raises(RegistrationMissing):
        house.db.write_now(lambda connection: consents.grant(connection, house.clock, "nobody"))


def test_each_consent_leaves_its_line_with_what_was_granted(house: Installation) -> None:
    client_id = house.register("SecurityEvents.Read.All").client.client_id
    house.db.write_now(lambda connection: consents.grant(connection, house.clock, client_id, "ana@contoso.com"))
    house.db.write_now(lambda connection: consents.revoke(connection, house.clock, client_id, "ana@contoso.com"))
    revoked, granted = house.db.read_now(lambda connection: audit.latest(connection, 2))
    assert (revoked.activity, revoked.target, revoked.actor) == ("consent.revoked", client_id, "ana@contoso.com")
    assert (granted.activity, granted.detail["permissions"]) == ("consent.granted", "SecurityEvents.Read.All")


async def test_a_running_server_notices_new_keys_and_ended_tokens_by_itself(house: Installation) -> None:
    authority, client_id = house.authority, house.first.client_id
    wanted = Wanted("ana@contoso.com", "correct horse battery", ("Security Reader",))
    ana = house.db.write_now(lambda connection: users.add(connection, house.clock, wanted))
    family = grants.Family("family", client_id, ana.id, schema.instant(house.clock.now()))
    house.db.write_now(lambda connection: grants.begin(connection, family))
    person = Person(ana.id, ana.name, ana.name, (), ("openid",), "family")
    token = authority.tokens.mint(Subject(client_id, "App", (), person))
    assert authority.tokens.verify(token).user_id == ana.id
    watch = Watch(authority)
    await watch.open()
    try:
        made = house.db.write_now(lambda connection: keyring.rotate(connection, authority.sealer, house.clock))
        house.db.write_now(lambda c: users.set_enabled(c, house.clock, ana.name, enabled=False))
        async with asyncio.timeout(20):
            while made.kid not in authority.ring.public or not authority.revoked:
                await house.clock.advance(EVERY_SECONDS)
                await asyncio.sleep(0.01)
    finally:
        await watch.close()
    with pytest.raises(TokenInvalid):
        authority.tokens.verify(token)
