"""Brings a database to the tables that this version of the code expects; every start does it.

The rule: a migration that was released is never changed; a change of the tables is a new file in `versions`.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.store.database import Database

VERSIONS = "alembic_version"
_FOLDER = Path(__file__).parent


class TablesOfLaterVersion(errors.Conflict):
    """Raised when a later version of sallyport made the tables, so that this one cannot know what they mean."""

    code = "TablesOfLaterVersion"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The tables (revision {revision}) are those of a later version of sallyport than this one, "
            f"which knows them up to revision {newest()}. Use that version or a later one."
        )
        self.revision = revision


class TablesOfEarlierVersion(errors.Conflict):
    """Raised when a command meets tables that no start of this version has brought up to date."""

    code = "TablesOfEarlierVersion"

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"The tables (revision {revision}) are those of an earlier version of sallyport; this one works on "
            f"revision {newest()}. Start this version's server on them once: it brings them up to date."
        )
        self.revision = revision


def upgrade(database: Database) -> None:
    """Bring a database to the newest tables; one that is there already is left as it is.

    Raises TablesOfLaterVersion.
    """

    def whole(connection: Connection) -> None:
        check_known(revision_on(connection))
        upgrade_on(connection, "head")

    database.write_now(whole)


def check_newest(connection: Connection) -> None:
    """Raise TablesOfLaterVersion or TablesOfEarlierVersion unless the tables are those that this version works on."""
    found = revision_on(connection)
    check_known(found)
    if found not in (None, newest()):
        raise TablesOfEarlierVersion(str(found))


def check_known(revision: str | None) -> None:
    """Raise TablesOfLaterVersion unless this version knows a revision; None is that of no table at all."""
    if revision is not None and revision not in _revisions():
        raise TablesOfLaterVersion(revision)


def revision_on(connection: Connection) -> str | None:
    """Answer the revision of the tables, None where no migration made any."""
    if not sa.inspect(connection).has_table(VERSIONS):
        return None
    found = connection.execute(sa.select(sa.column("version_num")).select_from(sa.table(VERSIONS))).scalar()
    return None if found is None else str(found)


def newest() -> str:
    """Answer the revision that this version works on."""
    return _revisions()[-1]


def _revisions() -> list[str]:
    # The names of the files are the revisions: Alembic would have to import every one of them to say so.
    return sorted(each.name[:4] for each in (_FOLDER / "versions").glob("[0-9]*.py"))


def upgrade_on(connection: Connection, revision: str) -> None:
    """Bring the tables to a revision, in a transaction of the caller's."""
    command.upgrade(configuration(connection), revision)


def configuration(connection: Connection) -> Config:
    """Answer Alembic's configuration for a connection, with this folder's migrations."""
    found = Config()
    found.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found
