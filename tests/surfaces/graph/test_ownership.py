"""What belongs to one application is nothing to another: every operation that names it answers 404."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import databases
from graph_surface import Surface, assert_error, indicator
from sallyport.graph.endpoint import Endpoint
from sallyport.graph.routes import ENDPOINTS
from sallyport.store.database import Database

SUBSCRIPTION = {
    "changeType": "updated",
    "notificationUrl": "https://hooks.contoso.com/a",
    "resource": "security/alerts?$filter=severity eq 'high'",
    "expirationDateTime": "2026-12-01T00:00:00Z",
    "clientState": "between us",
}
OWNED = [
    each
    for each in ENDPOINTS
    if "{id}" in each.path and each.path.startswith(("/{version}/security/tiIndicators/", "/{version}/subscriptions/"))
]
#: Bodies that would be accepted from the owner.
BODIES = {
    "/{version}/security/tiIndicators/{id}": {"confidence": 5},
    "/{version}/subscriptions/{id}": {"expirationDateTime": "2026-12-02T00:00:00Z"},
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store; nothing here depends on which database it is."""
    with databases.sqlite(tmp_path) as opened:
        yield opened


async def made(surface: Surface, kind: str) -> str:
    """Let the caller `app` make something, and answer its id."""
    body = SUBSCRIPTION if kind == "subscriptions" else indicator()
    answered = await surface.client.post(f"/beta/{kind_path(kind)}", json=body)
    assert answered.status_code == 201, answered.text
    return str(answered.json()["id"])


@pytest.mark.parametrize("endpoint", OWNED, ids=lambda each: f"{each.method} {each.path}")
async def test_what_another_application_made_is_not_found(surface: Surface, endpoint: Endpoint) -> None:
    kind = "subscriptions" if "/subscriptions/" in endpoint.path else "tiIndicators"
    owned = await made(surface, kind)
    for root in ("v1.0", "beta"):
        address = endpoint.path.replace("{version}", root).replace("{id}", owned)
        body = None if endpoint.method in ("GET", "DELETE") else BODIES.get(endpoint.path, {})
        answered = await surface.calling("other").request(endpoint.method, address, json=body)
        message = assert_error(answered, 404, "ResourceNotFound")
        assert "app-1" not in message
    batch = {"requests": [{"id": "1", "method": "GET", "url": f"/{kind_path(kind)}/{owned}"}]}
    answered = await surface.calling("other").post("/beta/$batch", json=batch)
    assert answered.json()["responses"][0]["status"] == 404
    assert (await surface.client.get(f"/beta/{kind_path(kind)}/{owned}")).status_code == 200


@pytest.mark.parametrize("kind", ["subscriptions", "tiIndicators"])
async def test_what_another_application_made_is_in_no_list(surface: Surface, kind: str) -> None:
    owned = await made(surface, kind)
    assert await surface.ids(f"/beta/{kind_path(kind)}") == [owned]
    answered = await surface.calling("other").get(f"/beta/{kind_path(kind)}")
    assert answered.json()["value"] == []
    if kind == "subscriptions":
        # Nor in that of somebody who uses the same application.
        assert (await surface.calling("analyst").get("/beta/subscriptions")).json()["value"] == []
        assert_error(await surface.calling("analyst").get(f"/beta/subscriptions/{owned}"), 404, "ResourceNotFound")


async def test_bulk_actions_reach_no_indicator_of_another_application(surface: Surface) -> None:
    owned = await made(surface, "tiIndicators")
    other = surface.calling("other")
    root = "/beta/security/tiIndicators"
    updated = await other.post(f"{root}/updateTiIndicators", json={"value": [{"id": owned, "confidence": 1}]})
    deleted = await other.post(f"{root}/deleteTiIndicators", json={"value": [owned]})
    assert (updated.status_code, updated.json()["value"][0]["Error"]["code"]) == (206, "ResourceNotFound")
    assert (deleted.status_code, deleted.json()["value"][0]["code"]) == (206, 404)
    assert (await surface.client.get(f"{root}/{owned}")).json()["confidence"] is None


def kind_path(kind: str) -> str:
    """Answer where resources of a kind are."""
    return kind if kind == "subscriptions" else f"security/{kind}"
