"""`$metadata`: well-formed, whole, and in the names and types of Microsoft's own schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

import databases
from graph_surface import Surface
from sallyport.graph import metadata
from sallyport.graph.routes import ENDPOINTS
from sallyport.store.database import Database
from workplace import SHARED, needs_shared

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
FILES = (
    *("v1_legacy_alert.xml", "beta_tiIndicator.xml", "v1_subscription.xml", "v1_alerts_v2_incident_evidence.xml"),
    "v1_misc.xml",
)
#: What the schema lacks and every real alert carries, or is an extension of our own.
OURS = {
    "microsoft.graph.alert": {"riskScore", "matchedIndicators"},
    # Of the beta schema, and in the documented answers of both versions.
    "microsoft.graph.subscription": {"notificationContentType", "includeProperties"},
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


def types(root: Any) -> dict[str, Any]:
    """Answer the types of a document by their qualified names."""
    return {
        f"{schema.get('Namespace')}.{each.get('Name')}": each
        for schema in root.iter(f"{EDM}Schema")
        for each in schema
        if each.tag in (f"{EDM}EntityType", f"{EDM}ComplexType", f"{EDM}EnumType", f"{EDM}Action")
    }


def members(found: Any, namespace: str) -> Mapping[str, str | None]:
    """Answer what a type is made of: properties with their types, or members with their numbers."""
    return {
        each.get("Name"): each.get("Value") or whole(each.get("Type"), namespace)
        for each in found
        if each.tag in (f"{EDM}Property", f"{EDM}Member", f"{EDM}Parameter")
    }


def whole(name: str | None, namespace: str) -> str | None:
    """Answer a type's name without the aliases of Microsoft's files."""
    if name is None:
        return None
    return name.replace("(graph.", "(microsoft.graph.").replace("self.", f"{namespace}.").removeprefix("#")


def plain(name: str | None) -> str | None:
    """Answer a type's name, an alias at its beginning written out."""
    return f"microsoft.{name}" if name is not None and name.startswith("graph.") else name


OWN = types(etree.fromstring(metadata.drawn(ENDPOINTS)))


@pytest.mark.parametrize("root", ["v1.0", "beta"])
async def test_the_schema_is_shown_to_anybody(surface: Surface, root: str) -> None:
    answered = await surface.calling(None).get(f"/{root}/$metadata")
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/xml"
    document = etree.fromstring(answered.content)
    assert document.tag == "{http://docs.oasis-open.org/odata/ns/edmx}Edmx"


def test_every_type_that_is_named_is_there() -> None:
    root = etree.fromstring(metadata.drawn(ENDPOINTS))
    named = {
        name.removeprefix("Collection(").removesuffix(")")
        for each in root.iter()
        for name in (each.get("Type"), each.get("BaseType"), each.get("EntityType"))
        if name is not None
    }
    assert {name for name in named if not name.startswith("Edm.")} <= set(OWN)


def test_every_collection_that_is_served_is_in_the_schema() -> None:
    served = {each.segments[2] for each in ENDPOINTS if each.path.startswith("/{version}/security/")}
    named = {each.get("Name") for each in OWN["microsoft.graph.security"]}
    assert served == named
    actions = {name.rpartition(".")[2] for name, each in OWN.items() if each.tag == f"{EDM}Action"}
    bulk = {each.segments[-1] for each in ENDPOINTS if each.method == "POST" and "TiIndicators" in each.segments[-1]}
    assert bulk | {"updateAlerts", "reauthorize", "mergeIncidents", "moveAlerts"} <= actions


@needs_shared
def test_every_published_type_of_what_is_served_is_there() -> None:
    files = sorted((SHARED / "reference" / "csdl").glob("*.xml"))
    assert len(files) == 9
    for file in files:
        assert types(etree.parse(file).getroot()).keys() <= OWN.keys(), file.name


@needs_shared
@pytest.mark.parametrize("file", FILES)
def test_names_and_types_are_those_of_the_published_schema(file: str) -> None:
    published = types(etree.parse(SHARED / "reference" / "csdl" / file).getroot())
    compared = 0
    for name in published.keys() & OWN.keys() - {"microsoft.graph.security"}:
        namespace = name.rpartition(".")[0]
        theirs = {key: plain(value) for key, value in members(published[name], namespace).items()}
        ours = members(OWN[name], namespace)
        if published[name].tag == f"{EDM}Action":
            assert list(ours.values()) == list(theirs.values()), name
        else:
            extra = OURS.get(name, set())
            assert {key: value for key, value in ours.items() if key not in extra} == theirs, name
        assert OWN[name].tag == published[name].tag, name
        assert OWN[name].get("OpenType") == published[name].get("OpenType"), name
        compared += 1
    assert compared or file == "v1_alerts_v2_incident_evidence.xml"
