"""Families of tokens that came from one another, and what counts once, on both databases."""

from __future__ import annotations

import pytest

from sallyport.store import callbacks, clients, grants, runs, users
from sallyport.store.callbacks import Callback
from sallyport.store.clients import Client
from sallyport.store.database import Database
from sallyport.store.grants import Family
from sallyport.store.users import User

NOW, LATER = "2026-01-05T09:00:00.0000000Z", "2026-01-05T12:00:00.0000000Z"


@pytest.fixture
def database(database: Database) -> Database:
    """A store with an application and a user."""
    return prepared(database)


def prepared(database: Database) -> Database:
    database.write_now(lambda it: clients.insert(it, Client("app", "tenant", "App", (), NOW)))
    database.write_now(lambda it: users.insert(it, User("user", "ana", "Ana", "hash", (), NOW)))
    return database


def family(name: str) -> Family:
    return Family(name, "app", "user", NOW)


def grow(database: Database) -> None:
    for name in ("a", "z"):
        database.write_now(lambda it, name=name: grants.begin(it, family(name)))  # type: ignore[misc]
    for name, parent, expected in (("b", "a", "b"), ("again", "a", "b"), ("c", "b", "c")):
        made = database.write_now(lambda it, name=name, parent=parent: grants.branch(it, family(name), parent))  # type: ignore[misc]
        assert made == expected


def test_what_came_from_a_family_ends_with_it_and_begins_anew_afterwards(database: Database) -> None:
    grow(database)
    database.write_now(lambda it: grants.revoke(it, "a", NOW))
    assert database.read_now(lambda it: grants.revoked(it, "2026-01-01")) == {"a", "b", "c"}
    assert database.write_now(lambda it: grants.branch(it, family("new"), "a")) == "new"


def test_a_family_is_forgotten_when_nothing_is_left_of_it_or_of_what_came_from_it(database: Database) -> None:
    grow(database)
    for left in ({"a", "b"}, {"a"}, set()):
        database.write_now(lambda it: grants.sweep(it, LATER, LATER))
        found = {each for each in "abcz" if database.read_now(lambda it, each=each: grants.family(it, each))}  # type: ignore[misc]
        assert found == left


def test_what_counts_once_is_taken_once(database: Database) -> None:
    taken = [database.write_now(lambda it: grants.spend(it, "ticket", LATER)) for _ in range(3)]
    assert taken == [True, False, False]


def test_a_callback_is_kept_once_however_often_it_comes(database: Database) -> None:
    run = runs.Run("0858", "workflow", 1, "manual", None, "Running", NOW, "0858", "{}")
    database.write_now(lambda it: runs.insert_once(it, run))
    came = Callback("Approve", "", "sealed")
    assert [database.write_now(lambda it: callbacks.receive(it, run.id, came, NOW)) for _ in range(3)] == [
        True,
        False,
        False,
    ]
