from __future__ import annotations

from pathlib import Path

import pytest

from identity import installation
from sallyport.auth import administrator, connector, registrations, secret_hashes
from sallyport.auth import consents as granting
from sallyport.auth.credentials import RegistrationMissing, Term, add_secret
from sallyport.auth.permissions import PERMISSIONS, UnknownPermission
from sallyport.auth.registrations import Registration, RegistrationInvalid
from sallyport.store import clients, consents, credentials
from sallyport.store.sealing import MasterKeyMissing


def test_only_the_first_start_tells_a_secret(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        again, secret = administrator.start(house.db, tmp_path, house.clock)
        assert secret is None
        assert again.tenant_id == house.authority.tenant_id == house.first.tenant_id
        assert len(house.db.read_now(clients.listed)) == 2


def test_a_secret_that_no_start_showed_is_replaced_by_the_next_and_no_other_secret_is(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        other = Registration(house.authority.tenant_id, "Other", ("SecurityEvents.Read.All",))
        house.db.write_now(lambda it: registrations.add(it, house.clock, other))
        (unseen,) = house.db.read_now(lambda it: credentials.secrets(it, house.first.client_id))
        (tmp_path / administrator.UNTOLD).write_text(unseen.id)
        own = house.db.write_now(lambda it: add_secret(it, house.clock, house.first.client_id, Term("My own")))
        told = []
        for _ in range(2):
            _, secret = administrator.start(house.db, tmp_path, house.clock)
            assert secret is not None
            assert (secret.client_id, secret.tenant_id) == (house.first.client_id, house.first.tenant_id)
            told.append(secret.client_secret)
        administrator.told(tmp_path)
        assert administrator.start(house.db, tmp_path, house.clock)[1] is None
        kept = house.db.read_now(lambda it: credentials.secrets(it, house.first.client_id))
    assert len(kept) == 2
    assert own.kept.id in [each.id for each in kept]
    holding = [any(secret_hashes.matches(each, hashed.hash) for hashed in kept) for each in told]
    assert holding == [False, True]
    assert not any(secret_hashes.matches(house.first.client_secret, each.hash) for each in kept)


def test_a_mark_of_a_secret_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        for mark in ("", "a key id of nothing"):
            (tmp_path / administrator.UNTOLD).write_text(mark)
            assert administrator.start(house.db, tmp_path, house.clock)[1] is None
            assert not (tmp_path / administrator.UNTOLD).exists()


def test_a_local_token_holds_at_the_server_with_every_permission(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        caller = house.authority.tokens.verify(administrator.local_token(house.db, tmp_path, house.clock))
    assert caller.app_id == house.first.client_id
    assert caller.roles == frozenset(PERMISSIONS)


def test_a_lost_master_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        (tmp_path / "master.key").unlink()
        with pytest.raises(MasterKeyMissing):
            administrator.local_token(house.db, tmp_path, house.clock)
    assert not (tmp_path / "master.key").exists()


def test_the_administrator_stays(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        with pytest.raises(RegistrationInvalid, match="cannot be removed"):
            house.db.write_now(lambda it: registrations.remove(it, house.clock, house.first.client_id))
        with pytest.raises(RegistrationMissing):
            house.db.write_now(lambda it: registrations.remove(it, house.clock, "nobody"))


@pytest.mark.parametrize(
    ("name", "permissions", "client_id", "error"),
    [
        ("", ("SecurityEvents.Read.All",), "", RegistrationInvalid),
        ("x" * 121, ("SecurityEvents.Read.All",), "", RegistrationInvalid),
        ("a\nb", ("SecurityEvents.Read.All",), "", RegistrationInvalid),
        ("a", ("Directory.ReadWrite.All",), "", UnknownPermission),
        ("a", ("SecurityEvents.Read.All",), "not-a-guid", RegistrationInvalid),
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(
    tmp_path: Path, name: str, permissions: tuple[str, ...], client_id: str, error: type[Exception]
) -> None:
    with installation(tmp_path) as house:
        asked = Registration(house.authority.tenant_id, name, permissions, client_id=client_id)
        with pytest.raises(error):
            house.db.write_now(lambda it: registrations.add(it, house.clock, asked))
        assert len(house.db.read_now(clients.listed)) == 2


def test_the_connectors_application_is_there_from_the_first_start_without_secret_and_consent(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        found = house.db.read_now(lambda it: clients.get(it, connector.CLIENT_ID))
        assert found is not None
        assert (found.display_name, found.permissions) == (connector.DISPLAY_NAME, connector.PERMISSIONS)
        assert house.db.read_now(lambda it: credentials.secrets(it, connector.CLIENT_ID)) == []
        assert house.db.read_now(lambda it: consents.get(it, connector.CLIENT_ID)) is None
        with pytest.raises(RegistrationInvalid, match="revoke its consent"):
            house.db.write_now(lambda it: registrations.remove(it, house.clock, connector.CLIENT_ID))


def test_a_start_on_an_older_installation_adds_the_connectors_application_and_changes_none_that_is_there(
    tmp_path: Path,
) -> None:
    with installation(tmp_path) as house:
        house.db.write_now(lambda it: clients.remove(it, connector.CLIENT_ID))
        administrator.start(house.db, tmp_path, house.clock)
        assert house.db.read_now(lambda it: clients.get(it, connector.CLIENT_ID)) is not None
        house.db.write_now(lambda it: clients.change(it, connector.CLIENT_ID, {"enabled": False}))
        granted = house.db.write_now(lambda it: granting.grant(it, house.clock, connector.CLIENT_ID))
        administrator.start(house.db, tmp_path, house.clock)
        kept = house.db.read_now(lambda it: clients.get(it, connector.CLIENT_ID))
        assert kept is not None
        assert not kept.enabled
        assert house.db.read_now(lambda it: consents.get(it, connector.CLIENT_ID)) == granted


def test_an_id_that_scripts_carry_can_be_registered_once(tmp_path: Path) -> None:
    with installation(tmp_path) as house:
        guid = "0AB2C3D4-0000-4000-8000-000000000001"
        asked = Registration(house.authority.tenant_id, "Old script", ("securityevents.read.all",), client_id=guid)
        made = house.db.write_now(lambda it: registrations.add(it, house.clock, asked))
        assert (made.client.client_id, made.client.permissions) == (guid.lower(), ("SecurityEvents.Read.All",))
        with pytest.raises(RegistrationInvalid, match="already"):
            house.db.write_now(lambda it: registrations.add(it, house.clock, asked))


def test_a_secret_matches_its_own_hash_only() -> None:
    stored = secret_hashes.hashed("söcret")
    assert secret_hashes.matches("söcret", stored)
    assert not secret_hashes.matches("secret", stored)
    assert secret_hashes.hashed("söcret") != stored
    for broken in ("", "scrypt$1", "scrypt$0$8$1$AAAA$AAAA", "plain$16384$8$1$AAAA$AAAA", stored[:-4]):
        assert not secret_hashes.matches("söcret", broken)
    assert not secret_hashes.matches("", secret_hashes.NOBODY)
