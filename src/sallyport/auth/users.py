"""Users, made and changed; each change leaves its line in the audit trail and ends what the user was signed in to.

The rule: there is no default user and no default password.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth import passwords, roles
from sallyport.clock import Clock
from sallyport.store import audit, endings, grants, schema, sessions
from sallyport.store import users as stored
from sallyport.store.audit import AuditEvent
from sallyport.store.users import User

_NAME_LIMIT = 120


class UserInvalid(errors.BadRequest):
    """Raised when a user cannot be made or changed as asked."""


class UserMissing(errors.NotFound):
    """Raised when no user has the given name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no user '{name}'.")
        self.name = name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for of a new user."""

    name: str
    password: str
    roles: tuple[str, ...]
    display_name: str = ""


def add(connection: Connection, clock: Clock, wanted: Wanted, actor: str = "local") -> User:
    """Make a user; raises `UserInvalid`, `UnknownRole` or `PasswordUnfit`."""
    name = wanted.name.strip()
    if not name or len(name) > _NAME_LIMIT or not name.isprintable() or " " in name:
        raise UserInvalid(f"A user's name has 1 to {_NAME_LIMIT} printable characters and no blank.")
    if stored.named(connection, name) is not None:
        raise UserInvalid(f"There is a user '{name}' already.")
    user = User(
        id=str(uuid.uuid4()),
        name=name,
        display_name=wanted.display_name.strip()[:_NAME_LIMIT] or name,
        password_hash=passwords.hashed(passwords.checked(wanted.password, name)),
        roles=roles.named(wanted.roles),
        created_at=schema.instant(clock.now()),
    )
    stored.insert(connection, user)
    _note(connection, clock, actor, "user.added", user, roles=", ".join(user.roles))
    return user


def set_password(connection: Connection, clock: Clock, name: str, password: str, actor: str = "local") -> User:
    """Give a user another password, and end every session; raises `UserMissing` or `PasswordUnfit`."""
    user = find(connection, name)
    changed = passwords.hashed(passwords.checked(password, user.name))
    stored.change(connection, user.id, {"password_hash": changed})
    _sign_out(connection, clock, user)
    _note(connection, clock, actor, "user.password_changed", user)
    return user


def set_roles(connection: Connection, clock: Clock, name: str, wanted: tuple[str, ...], actor: str = "local") -> User:
    """Give a user other roles, and end every token that has the old ones; raises `UserMissing` or `UnknownRole`."""
    user = find(connection, name)
    stored.change(connection, user.id, {"roles": list(roles.named(wanted))})
    _sign_out(connection, clock, user)
    _note(connection, clock, actor, "user.roles_changed", user, roles=", ".join(roles.named(wanted)))
    return find(connection, name)


def set_enabled(connection: Connection, clock: Clock, name: str, *, enabled: bool, actor: str = "local") -> User:
    """Let a user sign in, or no more; raises `UserMissing`."""
    user = find(connection, name)
    stored.change(connection, user.id, {"enabled": enabled})
    if not enabled:
        _sign_out(connection, clock, user)
    _note(connection, clock, actor, "user.enabled" if enabled else "user.disabled", user)
    return find(connection, name)


def remove(connection: Connection, clock: Clock, name: str, actor: str = "local") -> User:
    """Take a user away; raises `UserMissing`."""
    user = set_enabled(connection, clock, name, enabled=False, actor=actor)
    # Nothing that names the user is left to revoke afterwards.
    endings.put(connection, user.id, schema.instant(clock.now()))
    stored.remove(connection, user.id)
    _note(connection, clock, actor, "user.removed", user)
    return user


def find(connection: Connection, name: str) -> User:
    """Answer the user with a name; raises `UserMissing`."""
    user = stored.named(connection, name)
    if user is None:
        raise UserMissing(name)
    return user


def _sign_out(connection: Connection, clock: Clock, user: User) -> None:
    sessions.remove_of(connection, user.id)
    grants.revoke_of_user(connection, user.id, schema.instant(clock.now()))


def _note(connection: Connection, clock: Clock, actor: str, activity: str, user: User, **detail: str) -> None:
    event = AuditEvent(schema.instant(clock.now()), actor, activity, user.name, "success", detail=detail)
    audit.append(connection, event)
