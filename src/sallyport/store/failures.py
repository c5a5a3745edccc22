"""What a database says when it cannot do something, as the house's own errors.

The rule: whoever asked is told whether a repeat may help, in the same words on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from sallyport import errors

#: What whoever wanted to write is told.
NO_ROOM = "The database has no room left: nothing of this request was stored."
_TOO_LONG = "The database took too long to answer: narrow the filter, or order by what it names."
#: States of PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html
_DISK_FULL, _CANCELLED = "53100", "57014"
#: A serialization failure, and a deadlock.
_COLLIDED = ("40001", "40P01")
#: Beginnings of those that a repeat may not meet again: connections, a standby that takes no writes yet, transactions
#: that met, resources, locks, the operator's doing, the system.
_PASSING = ("08", "25006", "40", "53", "55", "57", "58")
#: What SQLite says of a file that it cannot read as a database.
_DAMAGED = ("malformed", "not a database")


def ends_transaction(error: BaseException) -> bool:
    """Answer whether the database itself gave up, so that no savepoint can save the neighbours."""
    return isinstance(error, DBAPIError) and isinstance(
        translated(error), errors.StorageFull | errors.StorageUnavailable
    )


def collided(error: BaseException) -> bool:
    """Answer whether two transactions met and this one was broken off, so that a repeat finds the other one gone."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _COLLIDED


def translated(error: BaseException) -> BaseException:
    """Answer the house's own error for a database that is full or out of reach, or was asked for what cannot be there.

    Any other error is itself.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return error
    text = str(error.orig).lower()
    if "cannot contain nul" in text:
        return errors.BadRequest("A text holds the character U+0000, which nothing that is stored does.")
    # Only the driver of PostgreSQL knows states.
    state = getattr(error.orig, "sqlstate", "")
    if state != "":
        return _of_postgresql(error, state)
    if any(sign in text for sign in _DAMAGED):
        return errors.StorageUnavailable("The database is damaged.", f"It says: {error.orig}.")
    if not isinstance(error, OperationalError | InterfaceError):
        return error
    if text == "interrupted":
        return errors.ReadTimedOut(_TOO_LONG)
    if "full" in text or "no space" in text:
        return errors.StorageFull(NO_ROOM)
    if any(sign in text for sign in ("disk i/o", "unable to open", "readonly", "locked")):
        return _unavailable(error)
    return error


def _of_postgresql(error: DBAPIError, state: str | None) -> BaseException:
    """Answer what a state of PostgreSQL means: its texts are in the server's language, and each driver adds its own."""
    if state is None:
        # The server said nothing: it was not found, did not answer, or is gone; or was not even asked.
        unasked = "invalid connection option" in str(error.orig)
        return _unavailable(error) if unasked or isinstance(error, OperationalError | InterfaceError) else error
    if state == _DISK_FULL:
        return errors.StorageFull(NO_ROOM)
    if state == _CANCELLED:
        return errors.ReadTimedOut(_TOO_LONG)
    return _unavailable(error) if state.startswith(_PASSING) else error


def _unavailable(error: DBAPIError) -> errors.StorageUnavailable:
    return errors.StorageUnavailable("The database cannot be used at the moment.", f"It says: {error.orig}.")
