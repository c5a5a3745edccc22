from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from identity import Installation, installation
from sallyport.auth import passwords, users
from sallyport.auth.passwords import PasswordUnfit
from sallyport.auth.roles import UnknownRole
from sallyport.auth.users import UserInvalid, UserMissing, Wanted
from sallyport.store import audit, grants, sessions
from sallyport.store import users as stored

PASSWORD = "correct horse battery"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def add(house: Installation, name: str = "Ana@contoso.com", password: str = PASSWORD, *roles: str) -> str:
    wanted = Wanted(name, password, roles or ("Security Reader",))
    return house.db.write_now(lambda connection: users.add(connection, house.clock, wanted)).id


def test_an_installation_has_no_user_before_somebody_adds_one(house: Installation) -> None:
    assert house.db.read_now(stored.listed) == []


def test_a_user_is_found_by_name_in_any_case_and_only_a_hash_of_the_password_is_kept(house: Installation) -> None:
    add(house)
    user = house.db.read_now(lambda connection: users.find(connection, "ANA@CONTOSO.COM"))
    assert (user.name, user.roles, user.enabled) == ("Ana@contoso.com", ("Security Reader",), True)
    assert user.password_hash.startswith("$argon2id$")
    assert passwords.matches(PASSWORD, user.password_hash)
    assert not passwords.matches(PASSWORD + " ", user.password_hash)


@pytest.mark.parametrize(
    ("name", "password", "role", "refusal"),
    [
        ("", PASSWORD, "Security Reader", UserInvalid),
        ("a b", PASSWORD, "Security Reader", UserInvalid),
        ("x" * 121, PASSWORD, "Security Reader", UserInvalid),
        ("a\x00", PASSWORD, "Security Reader", UserInvalid),
        ("ana", "short", "Security Reader", PasswordUnfit),
        ("ana", "x" * 257, "Security Reader", PasswordUnfit),
        ("ana.the.analyst", "Ana.The.Analyst", "Security Reader", PasswordUnfit),
        ("ana", PASSWORD, "Owner", UnknownRole),
    ],
)
def test_an_unfit_user_is_refused(
    house: Installation, name: str, password: str, role: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        add(house, name, password, role)


def test_a_name_is_given_once(house: Installation) -> None:
    add(house)
    with pytest.raises(UserInvalid, match="already"):
        add(house, "ana@CONTOSO.com")


@pytest.mark.parametrize("change", ["password", "roles", "disabled", "removed"])
def test_each_change_ends_what_the_user_was_signed_in_to(house: Installation, change: str) -> None:
    user_id, now = add(house), "2026-01-05T09:00:00.0000000Z"
    family = grants.Family("family", house.first.client_id, user_id, now)
    house.db.write_now(lambda connection: grants.begin(connection, family))
    session = sessions.Session("hash", user_id, now, now)
    house.db.write_now(lambda connection: sessions.insert(connection, session))
    work = {
        "password": lambda c: users.set_password(c, house.clock, "ana@contoso.com", PASSWORD * 2),
        "roles": lambda c: users.set_roles(c, house.clock, "ana@contoso.com", ("Global Administrator",)),
        "disabled": lambda c: users.set_enabled(c, house.clock, "ana@contoso.com", enabled=False),
        "removed": lambda c: users.remove(c, house.clock, "ana@contoso.com"),
    }[change]
    house.db.write_now(work)
    assert house.db.read_now(lambda connection: sessions.get(connection, "hash")) is None
    left = house.db.read_now(lambda connection: grants.family(connection, "family"))
    assert left is None if change == "removed" else left is not None and left.revoked_at is not None


def test_changes_of_nobody_are_refused(house: Installation) -> None:
    with pytest.raises(UserMissing):
        house.db.write_now(lambda connection: users.remove(connection, house.clock, "nobody"))


def test_every_change_leaves_its_line_and_no_password(house: Installation) -> None:
    add(house)
    house.db.write_now(lambda c: users.set_password(c, house.clock, "ana@contoso.com", "another password"))
    events = house.db.read_now(lambda connection: audit.latest(connection, 2))
    assert [(each.activity, each.target) for each in events] == [
        ("user.password_changed", "Ana@contoso.com"),
        ("user.added", "Ana@contoso.com"),
    ]
    assert PASSWORD not in str(events)
    assert "another" not in str(events)


def test_the_password_of_nobody_is_compared_with_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    matches = passwords.matches

    def counting(password: str, hashed: str) -> bool:
        compared.append(hashed)
        return matches(password, hashed)

    monkeypatch.setattr(passwords, "matches", counting)
    assert not asyncio.run(passwords.verify("guess", None))
    assert not asyncio.run(passwords.verify("guess", passwords.hashed(PASSWORD)))
    # The same parameters, so the same work.
    assert len({each.rpartition("$")[0].rpartition("$")[0] for each in compared}) == 1
    assert len(compared) == 2
