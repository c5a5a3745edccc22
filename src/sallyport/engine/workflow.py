"""A workflow as runs see it: one version of its definition, with its parameters and connections bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sallyport.engine import parameters, references, secrecy
from sallyport.engine.action_type import ActionType
from sallyport.errors import NotFound
from sallyport.wdl.definition import Action, Definition


class ConnectionMissing(NotFound):
    """Raised when an action names a connection that its workflow does not hold."""

    code = "ConnectionNotFound"


@dataclass(frozen=True, slots=True)
class Connection:
    """One entry of `$connections`."""

    key: str
    connection_id: str
    name: str
    #: The connector's own name in lower case, from the entry's `id`, never from its key.
    api: str
    properties: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class DeployedWorkflow:
    """One version of a workflow; immutable, shared by all its runs."""

    id: str
    name: str
    version: int
    state: str
    definition: Definition
    #: Every parameter's value: as deployed, else the declaration's default. `parameter` says what it comes to.
    parameters: Mapping[str, Any]
    connections: Mapping[str, Connection]
    #: `/subscriptions/{guid}/resourceGroups/{group}/providers/Microsoft.Logic/workflows/{name}`.
    resource_id: str
    location: str
    #: Signs the callback addresses.
    access_key: bytes
    #: The table of what an action of each type does.
    action_types: Mapping[str, ActionType]
    tags: Mapping[str, Any] = field(default_factory=dict)
    created_at: str = ""
    changed_at: str = ""
    #: What the values of parameters may refer to.
    app_settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    _facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def edition(self) -> tuple[Any, ...]:
        """What tells this from what is saved later, as the store does."""
        return self.id, self.version, self.state, self.tags, self.changed_at

    @property
    def secrets(self) -> secrecy.Secrets:
        """Which actions hold secrets in their inputs and outputs."""
        found = self._facts.get("secrets")
        if found is None:
            found = self._facts["secrets"] = secrecy.find(
                self.definition,
                parameters.settled(self.definition, self.parameters, self.app_settings),
                self.action_types,
            )
        return found

    @property
    def has_response(self) -> bool:
        """Whether the definition holds a Response action, so that a caller waits for it."""
        found = self._facts.get("has_response")
        if found is None:
            found = self._facts["has_response"] = bool(self._responses())
        return bool(found)

    @property
    def responds_later(self) -> bool:
        """Whether a Response action is Asynchronous, so that a caller is told where to look for what it will say."""
        found = self._facts.get("responds_later")
        if found is None:
            options = (action.operation_options for action in self._responses())
            found = self._facts["responds_later"] = any("asynchronous" in each for each in options)
        return bool(found)

    def _responses(self) -> list[Action]:
        responding = {name for name, action_type in self.action_types.items() if action_type.responds}
        return [action for action in self.definition.actions.values() if action.type in responding]

    @property
    def read_from_outside(self) -> Mapping[str, int]:
        """Actions inside loops that an expression outside of their loop asks for, as `references.from_outside` says."""
        found: Mapping[str, int] | None = self._facts.get("read_from_outside")
        if found is None:
            found = self._facts["read_from_outside"] = references.from_outside(self.definition)
        return found

    @property
    def gathered(self) -> frozenset[str]:
        """Names of actions inside loops of which an expression asks for all iterations."""
        found: frozenset[str] | None = self._facts.get("gathered")
        if found is None:
            found = self._facts["gathered"] = references.gathered(self.definition)
        return found

    @property
    def shown(self) -> dict[str, Any]:
        """What `workflow()` answers of the workflow itself."""
        return {
            "id": self.resource_id,
            "name": self.name,
            "type": "Microsoft.Logic/workflows",
            "location": self.location,
            "tags": dict(self.tags),
        }

    def parameter(self, name: str) -> Any:
        """Answer a parameter's value.

        Raises KeyError when it is not declared or has no value, EvaluationError when its value cannot be evaluated.
        """
        known = self._facts.setdefault("parameters", {})
        if name not in known:
            known[name] = parameters.value(self.definition, self.parameters, self.app_settings, name)
        return known[name]

    def connection(self, connection_id: str) -> Connection:
        """Answer the connection with an id, or with a key for definitions that name it directly.

        Raises ConnectionMissing.
        """
        folded = connection_id.casefold()
        for connection in self.connections.values():
            if folded in (connection.connection_id.casefold(), connection.key.casefold(), connection.name.casefold()):
                return connection
        known = ", ".join(sorted(self.connections)) or "none"
        raise ConnectionMissing(f"The workflow holds no connection '{connection_id}'. Its connections: {known}.")

    def action(self, name: str) -> Action:
        """Answer an action by name, in any letter case; KeyError when there is none."""
        return self.definition.action(name)


def connections_of(entries: Mapping[str, Any]) -> dict[str, Connection]:
    """Answer the connections that a `$connections` value lists."""
    return {key: _connection(key, entry) for key, entry in entries.items() if isinstance(entry, dict)}


def _connection(key: str, entry: Mapping[str, Any]) -> Connection:
    # Whatever was stored is read: a workflow that cannot be read would keep every other from being listed.
    inner, properties = entry.get("api"), entry.get("connectionProperties")
    api = str(entry.get("id") or (inner.get("id") if isinstance(inner, dict) else "") or key)
    name = api.rstrip("/").rsplit("/", 1)[-1].casefold().removeprefix("shared_")
    return Connection(
        key=key,
        connection_id=str(entry.get("connectionId") or key),
        name=str(entry.get("connectionName") or key),
        api=name,
        properties=properties if isinstance(properties, dict) else {},
    )
