"""Workflows and their versions; a version never changes, so a run can follow the one that it started with."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sallyport.errors import Conflict, NotFound
from sallyport.store import schema

workflows = sa.Table(
    "workflows",
    schema.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("folded_name", sa.String(80), nullable=False, unique=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
    sa.Column("changed_at", schema.Instant, nullable=False),
    #: Signs the callback addresses of the workflow's triggers; a new one revokes them all. Sealed.
    sa.Column("access_key", sa.Text, nullable=False),
    sa.Column("tags", schema.Document, nullable=False),
)

versions = sa.Table(
    "workflow_versions",
    schema.metadata,
    sa.Column("workflow_id", sa.ForeignKey(workflows.c.id, ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16)),
    #: Kept as text: the order of its members is the author's.
    sa.Column("definition", sa.Text, nullable=False),
    #: `{name: value}`, sealed: a secure parameter is among them as often as not.
    sa.Column("parameters", sa.Text, nullable=False),
    #: The `$connections` entries: `{key: {connectionId, connectionName, id, ...}}`.
    sa.Column("connections", schema.Document, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created_at", schema.Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow at one of its versions."""

    id: str
    name: str
    state: str
    #: The version that new runs start with.
    version: int
    created_at: str
    changed_at: str
    access_key: str
    tags: dict[str, Any]
    #: The version that this record shows.
    shown_version: int
    kind: str | None
    definition: str
    parameters: str
    connections: dict[str, Any]
    digest: str

    @property
    def edition(self) -> tuple[Any, ...]:
        """What tells what was saved from what is saved later."""
        return self.id, self.shown_version, self.state, self.tags, self.changed_at


_COLUMNS = (
    workflows.c.id,
    workflows.c.name,
    workflows.c.state,
    workflows.c.version,
    workflows.c.created_at,
    workflows.c.changed_at,
    workflows.c.access_key,
    workflows.c.tags,
    versions.c.version.label("shown_version"),
    versions.c.kind,
    versions.c.definition,
    versions.c.parameters,
    versions.c.connections,
    versions.c.digest,
)


def find(connection: Connection, name: str) -> Workflow | None:
    """Answer a workflow at its current version, by its name in any letter case; None when there is none."""
    query = _joined(versions.c.version == workflows.c.version).where(workflows.c.folded_name == name.casefold())
    row = connection.execute(query).one_or_none()
    return _record(row) if row is not None else None


def get(connection: Connection, name: str) -> Workflow:
    """Answer a workflow at its current version, by its name in any letter case.

    Raises NotFound.
    """
    found = find(connection, name)
    if found is None:
        raise WorkflowNotFound(f"The workflow '{name}' could not be found.")
    return found


def at_version(connection: Connection, workflow_id: str, version: int) -> Workflow:
    """Answer a workflow at one version, by its id.

    Raises NotFound.
    """
    query = _joined(versions.c.version == version).where(workflows.c.id == workflow_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise WorkflowNotFound(f"The workflow '{workflow_id}' has no version {version}.")
    return _record(row)


def current(connection: Connection, workflow_id: str) -> Workflow:
    """Answer a workflow at its current version, by its id.

    Raises NotFound.
    """
    query = _joined(versions.c.version == workflows.c.version).where(workflows.c.id == workflow_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise WorkflowNotFound(f"The workflow '{workflow_id}' could not be found.")
    return _record(row)


def current_versions(connection: Connection, workflow_ids: Collection[str]) -> dict[str, int]:
    """Answer the numbers of the current versions of workflows, by their ids, of those that there are."""
    query = sa.select(workflows.c.id, workflows.c.version).where(workflows.c.id.in_(workflow_ids))
    return {row.id: row.version for row in connection.execute(query)}


def listed(connection: Connection) -> list[Workflow]:
    """Answer every workflow at its current version, by name."""
    query = _joined(versions.c.version == workflows.c.version).order_by(workflows.c.folded_name)
    return [_record(row) for row in connection.execute(query)]


def version_numbers(connection: Connection, workflow_id: str, limit: int, skip: int) -> list[int]:
    """Answer which versions a workflow has, the latest first."""
    column = versions.c.version
    query = sa.select(column).where(versions.c.workflow_id == workflow_id).order_by(column.desc())
    return list(connection.scalars(query.limit(limit).offset(skip)))


def save(connection: Connection, workflow: Workflow, revised: tuple[Any, ...] | None = None) -> Workflow:
    """Store a workflow; definition, parameters or connections that differ from the current ones make a new version.

    `revised` is the edition that it was made from, None for one that was made from nothing.

    Raises Overtaken when that edition is no longer the current one.
    """
    schema.ordered(connection, "workflows")
    before = find(connection, workflow.name)
    if revised is not None and (before is None or before.edition != revised):
        raise Overtaken(f"The workflow '{workflow.name}' was changed by somebody else meanwhile.")
    if before is None:
        connection.execute(sa.insert(workflows), {**_head(workflow), "version": 1, "id": workflow.id})
        _insert_version(connection, workflow, workflow.id, 1)
        return current(connection, workflow.id)
    version = before.version
    if before.digest != workflow.digest:
        version = before.version + 1
        _insert_version(connection, workflow, before.id, version)
    head = {**_head(workflow), "version": version, "created_at": before.created_at, "access_key": before.access_key}
    connection.execute(sa.update(workflows).where(workflows.c.id == before.id).values(head))
    return current(connection, before.id)


def set_state(connection: Connection, workflow_id: str, state: str, changed_at: str) -> None:
    """Enable or disable a workflow."""
    change = sa.update(workflows).where(workflows.c.id == workflow_id)
    connection.execute(change.values(state=state, changed_at=changed_at))


def set_access_key(connection: Connection, workflow_id: str, access_key: str) -> None:
    """Give a workflow another key, which revokes every callback address."""
    connection.execute(sa.update(workflows).where(workflows.c.id == workflow_id).values(access_key=access_key))


def delete(connection: Connection, workflow_id: str) -> None:
    """Forget a workflow and its versions; its runs stay until their retention ends."""
    connection.execute(sa.delete(workflows).where(workflows.c.id == workflow_id))


class WorkflowNotFound(NotFound):
    """Raised when no workflow has the name or the id."""

    code = "WorkflowNotFound"


class Overtaken(Conflict):
    """Raised when a workflow was changed between the reading and the saving of it."""


def _joined(on: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(*_COLUMNS).join_from(workflows, versions, (versions.c.workflow_id == workflows.c.id) & on)


def _record(row: Row[Any]) -> Workflow:
    return Workflow(*tuple(row))


def _head(workflow: Workflow) -> dict[str, Any]:
    return {
        "name": workflow.name,
        "folded_name": workflow.name.casefold(),
        "state": workflow.state,
        "created_at": workflow.created_at,
        "changed_at": workflow.changed_at,
        "access_key": workflow.access_key,
        "tags": workflow.tags,
    }


def _insert_version(connection: Connection, workflow: Workflow, workflow_id: str, version: int) -> None:
    connection.execute(
        sa.insert(versions),
        {
            "workflow_id": workflow_id,
            "version": version,
            "kind": workflow.kind,
            "definition": workflow.definition,
            "parameters": workflow.parameters,
            "connections": workflow.connections,
            "digest": workflow.digest,
            "created_at": workflow.changed_at,
        },
    )
