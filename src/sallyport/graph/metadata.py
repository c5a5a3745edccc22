"""`GET /{version}/$metadata`: what the service serves, as OData's schema language says it, drawn from the field tables.

The rule: only what a route serves or an endpoint is told is in it; the names and types are those of Microsoft's own
schema.
http://docs.oasis-open.org/odata/odata-csdl-xml/v4.01/odata-csdl-xml-v4.01.html
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import cast

from lxml import etree
from starlette.responses import Response

from sallyport.graph.call import Call
from sallyport.graph.description import XML
from sallyport.graph.endpoint import Endpoint
from sallyport.odata.entity_alert_v2 import NAMESPACE
from sallyport.odata.entity_notification import ERROR, NOTIFICATIONS
from sallyport.odata.fields import Enumeration, Field, Structure, Type
from sallyport.odata.incident_actions import REASONS, RESPONSE

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"
#: lxml takes None for the namespace without a prefix; its types do not know.
_NAMESPACES = cast("dict[str, str]", {"edmx": _EDMX, None: _EDM})
_GRAPH = "microsoft.graph"
_ENTITY = f"{_GRAPH}.entity"
_PRIMITIVES: Mapping[Type, str] = MappingProxyType(
    {
        Type.STRING: "Edm.String",
        Type.GUID: "Edm.Guid",
        Type.BOOLEAN: "Edm.Boolean",
        Type.INT32: "Edm.Int32",
        Type.INT64: "Edm.Int64",
        Type.DOUBLE: "Edm.Double",
        Type.DATETIME: "Edm.DateTimeOffset",
    }
)
_TEXTS = "Collection(Edm.String)"
_RESULTS = "Collection(microsoft.graph.resultInfo)"
_REASON = f"{NAMESPACE}.{REASONS.name}"
_RESULT_INFO = {"code": "Edm.Int32", "message": "Edm.String", "subcode": "Edm.Int32"}
#: Actions by the last segment of their paths: what they are bound to, what they take, what they answer.
_ACTIONS: Mapping[str, tuple[str, Mapping[str, str], str]] = MappingProxyType(
    {
        "updateAlerts": (
            "Collection(microsoft.graph.alert)",
            {"value": "Collection(microsoft.graph.alert)"},
            "Collection(microsoft.graph.alert)",
        ),
        "submitTiIndicators": (
            "Collection(microsoft.graph.tiIndicator)",
            {"value": "Collection(microsoft.graph.tiIndicator)"},
            "Collection(microsoft.graph.tiIndicator)",
        ),
        "updateTiIndicators": (
            "Collection(microsoft.graph.tiIndicator)",
            {"value": "Collection(microsoft.graph.tiIndicator)"},
            "Collection(microsoft.graph.tiIndicator)",
        ),
        "deleteTiIndicators": ("Collection(microsoft.graph.tiIndicator)", {"value": _TEXTS}, _RESULTS),
        "deleteTiIndicatorsByExternalId": ("Collection(microsoft.graph.tiIndicator)", {"value": _TEXTS}, _RESULTS),
        "reauthorize": ("microsoft.graph.subscription", {}, ""),
        "mergeIncidents": (
            "Collection(microsoft.graph.security.incident)",
            {"incidentIds": _TEXTS, "incidentComment": "Edm.String", "mergeReasons": _REASON},
            RESPONSE.name,
        ),
        "moveAlerts": (
            "Collection(microsoft.graph.security.alert)",
            {
                "alertIds": _TEXTS,
                "incidentId": "Edm.String",
                "alertComment": "Edm.String",
                "newCorrelationReasons": _REASON,
            },
            RESPONSE.name,
        ),
    }
)


async def show(call: Call) -> Response:
    """Answer the schema of what is served."""
    return Response(drawn(call.surface.endpoints), media_type=XML)


@functools.cache
def drawn(endpoints: tuple[Endpoint, ...]) -> bytes:
    """Answer the schema of a table of routes as XML."""
    from sallyport.graph.descriptions import DESCRIPTIONS

    sets = {
        each.segments[1:]: DESCRIPTIONS[each.handler].structures[0]
        for each in endpoints
        if each.method == "GET" and each.segments[0] == "{version}" and _is_collection(each)
    }
    return _Document(sets, {each.segments[-1] for each in endpoints}).text()


def _is_collection(endpoint: Endpoint) -> bool:
    behind = endpoint.segments[1:]
    if behind[-1].startswith("$"):
        return False
    return len(behind) == 1 or (len(behind) == 2 and behind[0] == "security")


class _Document:
    """One schema document while it is drawn."""

    def __init__(self, sets: Mapping[tuple[str, ...], Structure], actions: Iterable[str]) -> None:
        self._root = etree.Element(f"{{{_EDMX}}}Edmx", {"Version": "4.0"}, nsmap=_NAMESPACES)
        self._services = etree.SubElement(self._root, f"{{{_EDMX}}}DataServices")
        self._schemas: dict[str, etree._Element] = {}
        self._known: set[str] = set()
        self._entities = {entity.name for entity in sets.values()}
        schema = self._schema(_GRAPH)
        self._entity_root(schema)
        for entity in sets.values():
            self._structure(entity)
        for told in (NOTIFICATIONS, ERROR):
            self._structure(told)
        self._actions(schema, actions)
        self._security(schema, {path[1]: entity for path, entity in sets.items() if path[0] == "security"})
        self._container(schema, {path[0]: entity for path, entity in sets.items() if len(path) == 1})

    def text(self) -> bytes:
        """Answer the document."""
        return etree.tostring(self._root, encoding="utf-8", xml_declaration=True, pretty_print=True)

    def _schema(self, namespace: str) -> etree._Element:
        if namespace not in self._schemas:
            self._schemas[namespace] = _below(self._services, "Schema", Namespace=namespace)
        return self._schemas[namespace]

    def _entity_root(self, schema: etree._Element) -> None:
        root = _below(schema, "EntityType", Name="entity", Abstract="true")
        _below(_below(root, "Key"), "PropertyRef", Name="id")
        _below(root, "Property", Name="id", Type="Edm.String", Nullable="false")

    def _structure(self, structure: Structure) -> None:
        if structure.name in self._known:
            return
        self._known.add(structure.name)
        namespace, _, name = structure.name.rpartition(".")
        is_entity = structure.name in self._entities
        facts = {"Name": name}
        base = _ENTITY if is_entity else structure.based_on.name if structure.based_on is not None else ""
        if base:
            facts["BaseType"] = base
        if structure.open:
            facts["OpenType"] = "true"
        drawn_type = _below(self._schema(namespace), "EntityType" if is_entity else "ComplexType", **facts)
        for field in structure.own():
            if not (is_entity and field.name == "id"):
                _below(drawn_type, "Property", Name=field.name, Type=self._type(field, namespace))
        for navigation, target in structure.navigation.items():
            if target.name in self._entities:
                _below(drawn_type, "NavigationProperty", Name=navigation, Type=f"Collection({target.name})")
        for related in (*([structure.based_on] if structure.based_on is not None else []), *structure.derivations()):
            self._structure(related)

    def _type(self, field: Field, namespace: str) -> str:
        if field.structure is not None:
            self._structure(field.structure)
            named = field.structure.name
        elif field.enum is not None:
            named = f"{namespace}.{field.enum.name}"
            self._enumeration(field.enum, namespace)
        else:
            named = _PRIMITIVES[field.type]
        return f"Collection({named})" if field.collection else named

    def _enumeration(self, enum: Enumeration, namespace: str) -> None:
        if (name := f"{namespace}.{enum.name}") in self._known:
            return
        self._known.add(name)
        drawn_type = _below(self._schema(namespace), "EnumType", Name=enum.name)
        for member, number in enum.members.items():
            _below(drawn_type, "Member", Name=member, Value=str(number))

    def _actions(self, schema: etree._Element, names: Iterable[str]) -> None:
        served = [name for name in _ACTIONS if name in set(names)]
        for name in served:
            bound, parameters, answered = _ACTIONS[name]
            namespace = bound.removeprefix("Collection(").rpartition(".")[0]
            action = _below(self._schema(namespace), "Action", Name=name, IsBound="true")
            _below(action, "Parameter", Name="bindingParameter", Type=bound)
            for parameter, typed in parameters.items():
                _below(action, "Parameter", Name=parameter, Type=typed)
            if answered:
                _below(action, "ReturnType", Type=answered)
        if any(_ACTIONS[name][2] == RESPONSE.name for name in served):
            self._structure(RESPONSE)
            self._enumeration(REASONS, NAMESPACE)
        if any(_ACTIONS[name][2] == _RESULTS for name in served):
            result = _below(schema, "ComplexType", Name="resultInfo")
            for name, typed in _RESULT_INFO.items():
                _below(result, "Property", Name=name, Type=typed)

    def _security(self, schema: etree._Element, sets: Mapping[str, Structure]) -> None:
        security = _below(schema, "EntityType", Name="security")
        for name, entity in sets.items():
            facts = {"Name": name, "Type": f"Collection({entity.name})", "ContainsTarget": "true"}
            _below(security, "NavigationProperty", **facts)

    def _container(self, schema: etree._Element, sets: Mapping[str, Structure]) -> None:
        container = _below(schema, "EntityContainer", Name="GraphService")
        for name, entity in sets.items():
            _below(container, "EntitySet", Name=name, EntityType=entity.name)
        _below(container, "Singleton", Name="security", Type=f"{_GRAPH}.security")


def _below(parent: etree._Element, name: str, **facts: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{_EDM}}}{name}", facts)
