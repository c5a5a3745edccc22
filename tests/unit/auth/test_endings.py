"""What ends at once, or within seconds, when an application or a user is switched off, removed or cut down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from identity import Installation, installation
from sallyport.auth import consents, registrations, roles, standing, users
from sallyport.auth.registrations import Registered
from sallyport.auth.tokens import Person, Subject, TokenInvalid
from sallyport.store import consents as granted
from sallyport.store import endings, grants, schema
from sallyport.store.consents import Consent
from sallyport.store.grants import Family
from sallyport.store.users import User

NAME, PASSWORD = "ana@contoso.com", "correct horse battery"
Change = Callable[[Installation, str], object]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def changed(house: Installation, work: Callable[[Connection], object]) -> None:
    house.db.write_now(work)


CHANGES: dict[str, Callable[[Installation, str], Callable[[Connection], object]]] = {
    "disabled": lambda house, id_: lambda it: registrations.set_enabled(it, house.clock, id_, enabled=False),
    "removed": lambda house, id_: lambda it: registrations.remove(it, house.clock, id_),
    "its consent revoked": lambda house, id_: lambda it: consents.revoke(it, house.clock, id_),
    "its user disabled": lambda house, _: lambda it: users.set_enabled(it, house.clock, NAME, enabled=False),
    "its user removed": lambda house, _: lambda it: users.remove(it, house.clock, NAME),
    "another password": lambda house, _: lambda it: users.set_password(it, house.clock, NAME, PASSWORD * 2),
    "other roles": lambda house, _: lambda it: users.set_roles(it, house.clock, NAME, ("Logic App Contributor",)),
}


def user_of(house: Installation) -> User:
    wanted = users.Wanted(NAME, PASSWORD, ("Security Reader",))
    return house.db.write_now(lambda it: users.add(it, house.clock, wanted))


def delegated(house: Installation, app: Registered, user: User) -> str:
    """Answer a token of an application in a user's name."""
    now = schema.instant(house.clock.now())
    family = Family(f"family-{app.client.client_id[:8]}", app.client.client_id, user.id, now)
    house.db.write_now(lambda it: grants.begin(it, family))
    held = ("SecurityEvents.Read.All",)
    person = Person(user.id, user.name, user.display_name, tuple(roles.ids(user.roles)), held, family.id)
    return house.authority.tokens.mint(Subject(app.client.client_id, "App", (), person))


@pytest.mark.parametrize("change", CHANGES)
async def test_tokens_end_with_what_they_rest_on_and_stay_ended(house: Installation, change: str) -> None:
    app, other, user = house.register(), house.register(name="Other"), user_of(house)
    tokens = house.authority.tokens
    own, others = tokens.mint(Subject(app.client.client_id, "App", ())), delegated(house, other, user)
    of_user, elsewhere = delegated(house, app, user), tokens.mint(Subject(other.client.client_id, "Other", ()))
    for each in (own, of_user, others, elsewhere):
        tokens.verify(each)
    changed(house, CHANGES[change](house, app.client.client_id))
    for _ in range(2):
        await house.authority.reload()
        with pytest.raises(TokenInvalid, match="session"):
            tokens.verify(of_user)
        tokens.verify(elsewhere)
        if "user" in change or change in ("another password", "other roles"):
            tokens.verify(own)
            with pytest.raises(TokenInvalid, match="session"):
                tokens.verify(others)
        else:
            tokens.verify(others)
            with pytest.raises(TokenInvalid, match="session"):
                tokens.verify(own)
        await house.clock.advance(timedelta(minutes=30))


async def test_an_application_that_is_enabled_again_gets_tokens_that_hold_at_once(house: Installation) -> None:
    app = house.register()
    client_id = app.client.client_id
    before = house.authority.tokens.mint(Subject(client_id, "App", ()))
    changed(house, CHANGES["disabled"](house, client_id))
    await house.authority.reload()
    changed(house, lambda it: registrations.set_enabled(it, house.clock, client_id, enabled=True))
    after = house.authority.tokens.mint(Subject(client_id, "App", ()))
    assert house.authority.tokens.verify(after).app_id == client_id
    with pytest.raises(TokenInvalid, match="session"):
        house.authority.tokens.verify(before)


async def test_a_clock_that_is_ahead_where_something_was_ended_ends_nothing_that_is_made_later(
    house: Installation,
) -> None:
    app = house.register()
    subject, tokens = Subject(app.client.client_id, "App", ()), house.authority.tokens
    before = tokens.mint(subject)
    ahead = schema.instant(house.clock.now() + timedelta(hours=1))
    changed(house, lambda it: endings.put(it, app.client.client_id, ahead))
    await house.authority.reload()
    await house.clock.advance(timedelta(seconds=5))
    after = tokens.mint(subject)
    await house.authority.reload()
    assert tokens.verify(after).app_id == app.client.client_id
    with pytest.raises(TokenInvalid, match="session"):
        tokens.verify(before)


def test_rights_are_those_of_now(house: Installation) -> None:
    app, user, now = house.register("SecurityEvents.ReadWrite.All"), user_of(house), schema.instant(house.clock.now())
    client_id = app.client.client_id
    both = Consent(client_id, ("SecurityEvents.ReadWrite.All",), ("SecurityEvents.ReadWrite.All",), now, "local")
    changed(house, lambda it: granted.put(it, both))

    def rights(user_id: str | None) -> frozenset[str]:
        return house.db.read_now(lambda it: standing.rights(it, client_id, user_id))

    assert rights(None) == {"SecurityEvents.ReadWrite.All"}
    assert rights(user.id) == {"SecurityEvents.Read.All"}
    changed(house, lambda it: users.set_roles(it, house.clock, NAME, ("Security Operator",)))
    assert "SecurityEvents.ReadWrite.All" in rights(user.id)
    changed(house, CHANGES["its user disabled"](house, client_id))
    assert rights(user.id) == rights("nobody") == frozenset()
    changed(house, CHANGES["disabled"](house, client_id))
    assert rights(None) == frozenset()


async def test_what_is_over_is_deleted_and_what_still_counts_is_not(house: Installation) -> None:
    app, user = house.register(), user_of(house)
    client_id, now = app.client.client_id, schema.instant(house.clock.now())
    changed(house, lambda it: endings.put(it, client_id, now))
    for name in ("kept", "left"):
        changed(house, lambda it, name=name: grants.begin(it, Family(name, client_id, user.id, now)))  # type: ignore[misc]
    late = grants.Grant("h", "refresh", "granted", client_id, "kept", "2026-02-01T00:00:00.0000000Z", None, {})
    changed(house, lambda it: grants.insert(it, late))
    changed(house, lambda it: grants.spend(it, "once", now))
    await house.authority.tidy()
    assert rows(house, grants.families) == ["kept", "left"]
    assert rows(house, grants.spent) == []
    assert rows(house, endings.endings) == [client_id]
    await house.clock.advance(timedelta(hours=3))
    await house.authority.tidy()
    assert rows(house, grants.families) == ["kept"]
    assert rows(house, endings.endings) == []


def rows(house: Installation, table: sa.Table) -> list[str]:
    key = next(iter(table.primary_key.columns))
    return house.db.read_now(lambda it: sorted(it.scalars(sa.select(key))))
