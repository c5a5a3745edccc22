"""The OpenAPI description: valid, complete, and the same wherever it is shown."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft202012Validator
from schemathesis.specs.openapi.definitions import OPENAPI_31

import databases
from graph_surface import Surface, alert, indicator
from sallyport.cli import main
from sallyport.graph import openapi
from sallyport.graph.descriptions import DESCRIPTIONS
from sallyport.graph.endpoint import Access
from sallyport.graph.routes import DESCRIBED
from sallyport.store.database import Database

DOCUMENT = openapi.document(DESCRIBED)
OPERATIONS = [
    (each, DOCUMENT["paths"][each.path][each.method.lower()], f"{each.method} {each.path}") for each in DESCRIBED
]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


def test_the_document_is_valid_openapi() -> None:
    Draft202012Validator.check_schema(OPENAPI_31)
    assert [each.json_path for each in Draft202012Validator(OPENAPI_31).iter_errors(DOCUMENT)] == []
    for schema in schemas(DOCUMENT):
        Draft202012Validator.check_schema(schema)


def test_every_reference_leads_to_a_schema() -> None:
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(re.findall(r'"(#/[^"]+)"', json.dumps(DOCUMENT))) <= names


def test_every_description_belongs_to_a_route() -> None:
    assert set(DESCRIPTIONS) == {each.handler for each in DESCRIBED}


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation["operationId"] for _, operation, _ in OPERATIONS]
    assert len(set(names)) == len(names)
    assert [name for _, operation, name in OPERATIONS if not operation["summary"].endswith(".")] == []


def test_every_operation_says_who_may_call_it() -> None:
    for endpoint, operation, name in OPERATIONS:
        assert operation["x-permissions"] == list(endpoint.permissions), name
        if endpoint.access is Access.PUBLIC:
            assert operation["security"] == []
            assert "401" not in operation["responses"]
        else:
            needed = [each["bearer"] for each in operation["security"]]
            assert needed == ([[each] for each in endpoint.permissions] or [[]]), name
            assert {"401", "403"} <= set(operation["responses"])


async def test_the_server_shows_it_to_anybody(surface: Surface) -> None:
    answered = await surface.calling(None).get("/openapi.json")
    assert answered.status_code == 200
    assert answered.headers["content-type"] == "application/json"
    assert answered.json() == DOCUMENT


def test_the_command_prints_it() -> None:
    runner = CliRunner()
    for arguments in (["openapi"], ["openapi", "--json"]):
        printed = runner.invoke(main, arguments)
        assert printed.exit_code == 0
        assert json.loads(printed.stdout) == DOCUMENT
    assert printed.stdout.count("\n") == 1


async def test_answers_of_the_samples_keep_to_it(surface: Surface) -> None:
    await surface.ingest([alert("a", hostStates=[{"fqdn": "pc1"}], userStates=[{"accountName": "x"}], colour="red")])
    await surface.client.post("/beta/security/tiIndicators", json=indicator(confidence=3))
    for path in ("/{version}/security/alerts", "/{version}/security/tiIndicators", "/{version}/security/alerts/{id}"):
        answered = await surface.client.get(path.replace("{version}", "v1.0").replace("{id}", "a"))
        schema = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]})
        assert [each.message for each in validator.iter_errors(answered.json())] == []


async def test_whatever_says_that_it_heeds_a_version_does(surface: Surface) -> None:
    await surface.ingest([alert("a", incidentIds=["a"])])
    made = await surface.client.post("/beta/security/tiIndicators", json=indicator())
    heeding = [
        each
        for each, operation, _ in OPERATIONS
        if any(given["name"] == "If-Match" for given in operation.get("parameters", ()))
    ]
    assert len(heeding) == 5
    for each in heeding:
        key = made.json()["id"] if "tiIndicators" in each.path else "a"
        path = each.path.replace("{version}", "v1.0").replace("{id}", key)
        body = {"json": {"vendorInformation": {"provider": "ASC", "vendor": "Microsoft"}}}
        content = {} if each.method == "DELETE" else body
        answered = await surface.client.request(each.method, path, headers={"if-match": 'W/"other"'}, **content)  # type: ignore[arg-type]
        assert answered.status_code == 412, path


def schemas(value: Any) -> Iterator[Any]:
    """Answer every schema that a document holds."""
    if isinstance(value, dict):
        yield from (value["schema"],) if "schema" in value else ()
        yield from value.get("schemas", {}).values()
        for each in value.values():
            yield from schemas(each)
    elif isinstance(value, list):
        for each in value:
            yield from schemas(each)
