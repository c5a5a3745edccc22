"""The deployed workflows, parsed once for each version and kept.

The rule: a version never changes, so what is kept by (id, version) is kept for good; what is current, and which key
signs its addresses, is asked of the store again after each save, and after a second: another process may have saved.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sallyport.clock import Clock
from sallyport.engine import entries, parameters, workflow
from sallyport.engine.action_type import ActionType
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import NotFound
from sallyport.store import contents, documents, schema, workflows
from sallyport.store.database import Database
from sallyport.wdl import definition

#: How many versions are kept in memory.
_KEPT = 500
#: How long what is current is believed: as long as a process takes to hear what others have let pass.
_BELIEVED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the workflows stand among the resources of a subscription."""

    subscription_id: str
    resource_group: str
    location: str

    def resource_id(self, name: str) -> str:
        """Answer the resource id of a workflow."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.Logic/workflows/{name}"


@dataclass(frozen=True, slots=True)
class Deployment:
    """A workflow as somebody wants it stored."""

    name: str
    document: Mapping[str, Any]
    parameters: Mapping[str, Any]
    #: The `$connections` value.
    connections: Mapping[str, Any]
    state: str = "Enabled"
    kind: str | None = None
    tags: Mapping[str, Any] | None = None


class Library:
    """The workflows of a process."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        place: Place,
        seal: entries.Seal,
        action_types: Mapping[str, ActionType],
        app_settings: Mapping[str, str],
    ) -> None:
        self._database = database
        self._clock = clock
        self._place = place
        self._seal = seal
        self._action_types = action_types
        self._app_settings = app_settings
        self._versions: dict[tuple[str, int], DeployedWorkflow] = {}
        #: What is current, and until when that is believed.
        self._current: dict[str, tuple[DeployedWorkflow, float]] = {}
        #: The keys that sign, as they were last read; a run may follow a version that was read before.
        self._keys: dict[str, bytes] = {}

    async def current(self, workflow_id: str) -> DeployedWorkflow:
        """Answer a workflow at the version that new runs start with, by its id; raises WorkflowNotFound."""
        known, now = self._current.get(workflow_id), self._clock.monotonic()
        if known is not None and now < known[1]:
            return known[0]
        if known is not None:
            # Whoever else asks meanwhile goes on with what is known: one looks for all.
            known = self._current[workflow_id] = known[0], now + _BELIEVED_SECONDS
        try:
            row = await self._database.read(lambda connection: workflows.current(connection, workflow_id))
        except NotFound:
            self._current.pop(workflow_id, None)
            raise
        found = self._deployed(row)
        if self._current.get(workflow_id) is known:
            self._current[workflow_id] = found, now + _BELIEVED_SECONDS
        return found

    def access_key(self, deployed: DeployedWorkflow) -> bytes:
        """Answer the key that signs a workflow's addresses now, whichever version a run follows."""
        return self._keys.get(deployed.id, deployed.access_key)

    async def named(self, name: str) -> DeployedWorkflow:
        """Answer a workflow by its name, in any letter case; raises WorkflowNotFound."""
        row = await self._database.read(lambda connection: workflows.get(connection, name))
        return self._deployed(row)

    async def at_version(self, workflow_id: str, version: int) -> DeployedWorkflow:
        """Answer a workflow at one version; raises WorkflowNotFound."""
        found = self._versions.get((workflow_id, version))
        if found is None:
            row = await self._database.read(lambda connection: workflows.at_version(connection, workflow_id, version))
            found = self._deployed(row)
        return found

    async def versions(self, workflow_id: str, limit: int, skip: int) -> list[DeployedWorkflow]:
        """Answer a workflow at its versions, the latest first."""
        read = self._database.read
        numbers = await read(lambda connection: workflows.version_numbers(connection, workflow_id, limit, skip))
        return [await self.at_version(workflow_id, number) for number in numbers]

    async def listed(self) -> list[DeployedWorkflow]:
        """Answer every workflow at its current version."""
        return [self._deployed(row) for row in await self._database.read(workflows.listed)]

    async def save(self, deployment: Deployment, revised: DeployedWorkflow | None = None) -> DeployedWorkflow:
        """Store a workflow; answers it as stored, at a new version where anything that runs depend on has changed.

        `revised` is the workflow that the deployment was made from, None when it was made from nothing.

        Raises InvalidDefinition; Overtaken when `revised` is no longer what is stored.
        """
        row, seen = self._row(deployment), revised.edition if revised is not None else None
        stored = await self._database.write(lambda connection: workflows.save(connection, row, seen))
        self._current.pop(stored.id, None)
        return self._deployed(stored)

    async def set_state(self, deployed: DeployedWorkflow, state: str) -> None:
        """Enable or disable a workflow."""
        now = schema.instant(self._clock.now())
        await self._database.write(lambda connection: workflows.set_state(connection, deployed.id, state, now))
        self._current.pop(deployed.id, None)

    async def regenerate_access_key(self, deployed: DeployedWorkflow) -> None:
        """Give a workflow another key, which revokes its callback addresses."""
        key = uuid.uuid4().bytes + uuid.uuid4().bytes
        sealed = self._seal.close(key)
        await self._database.write(lambda connection: workflows.set_access_key(connection, deployed.id, sealed))
        self._current.pop(deployed.id, None)
        self._keys[deployed.id] = key

    async def delete(self, deployed: DeployedWorkflow) -> None:
        """Forget a workflow."""
        await self._database.write(lambda connection: workflows.delete(connection, deployed.id))
        self._current.pop(deployed.id, None)
        self._keys.pop(deployed.id, None)

    def _row(self, deployment: Deployment) -> workflows.Workflow:
        parsed = definition.parse(deployment.document, kind=deployment.kind)
        now = schema.instant(self._clock.now())
        values = documents.dumps(dict(deployment.parameters))
        connections = dict(deployment.connections)
        return workflows.Workflow(
            id=str(uuid.uuid4()),
            name=deployment.name,
            state=deployment.state,
            version=1,
            created_at=now,
            changed_at=now,
            access_key=self._seal.close(uuid.uuid4().bytes + uuid.uuid4().bytes),
            tags=dict(deployment.tags or {}),
            shown_version=1,
            kind=deployment.kind,
            definition=documents.dumps(dict(deployment.document)).decode(),
            parameters=self._seal.close(values),
            connections=connections,
            digest=_digest(parsed.digest, values, documents.dumps(connections)),
        )

    def _deployed(self, row: workflows.Workflow) -> DeployedWorkflow:
        key = self._keys[row.id] = self._seal.open(row.access_key)
        kept = self._versions.get((row.id, row.shown_version))
        # A version stays what it is; what stands beside it, and is saved without a new one, may have changed.
        beside = (row.name, row.state, row.tags, row.changed_at, key)
        if kept is not None and (kept.name, kept.state, kept.tags, kept.changed_at, kept.access_key) == beside:
            return kept
        parsed = definition.parse(documents.loads(row.definition), kind=row.kind)
        given = documents.loads(self._seal.open(row.parameters))
        deployed = DeployedWorkflow(
            id=row.id,
            name=row.name,
            version=row.shown_version,
            state=row.state,
            definition=parsed,
            parameters=parameters.given_to(parsed, {**given, "$connections": row.connections}),
            connections=workflow.connections_of(row.connections),
            resource_id=self._place.resource_id(row.name),
            location=self._place.location,
            access_key=key,
            action_types=self._action_types,
            tags=row.tags,
            created_at=row.created_at,
            changed_at=row.changed_at,
            app_settings=self._app_settings,
        )
        if len(self._versions) >= _KEPT:
            self._versions.pop(next(iter(self._versions)))
        self._versions[row.id, row.shown_version] = deployed
        return deployed


def _digest(*parts: str | bytes) -> str:
    return contents.digest(b"\0".join(part.encode() if isinstance(part, str) else part for part in parts))
