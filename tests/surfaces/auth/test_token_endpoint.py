from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity import Installation, installation
from sallyport import errors
from sallyport.auth import credentials, failures
from sallyport.store import audit, clients
from sallyport.store import credentials as stored

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.fixture
def house(shared: Installation) -> Installation:
    """Answer an installation where nobody has failed yet; its clock is not to be moved."""
    shared.authority.failures = failures.Failures(shared.clock)
    return shared


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def form(client_id: str, client_secret: str, **more: str) -> dict[str, str]:
    fields = {
        "client_id": client_id,
        "client_secret": client_secret,
        "grant_type": "client_credentials",
        "scope": SCOPE,
    }
    return changed(fields, more)


def changed(fields: dict[str, str], changes: dict[str, str]) -> dict[str, str]:
    """Answer a form with some fields changed, or with a dash left out."""
    return {name: value for name, value in {**fields, **changes}.items() if value != "-"}


def ask(house: Installation, fields: dict[str, str], path: str = "/contoso/oauth2/v2.0/token", **more: Any) -> Any:
    return house.client().post(path, data=fields, **more)


def test_an_application_gets_a_token_with_its_permissions(house: Installation) -> None:
    made = house.register("SecurityEvents.Read.All", "ThreatIndicators.ReadWrite.OwnedBy")
    response = ask(house, form(made.client.client_id, made.secret, client_info="1", claims="{}"))
    answer = response.json()
    assert response.status_code == 200
    assert {name: answer[name] for name in answer if name != "access_token"} == {
        "token_type": "Bearer",
        "expires_in": 3599,
        "ext_expires_in": 3599,
    }
    assert response.headers["Cache-Control"] == "no-store, no-cache"
    caller = house.authority.tokens.verify(answer["access_token"])
    assert caller.app_id == made.client.client_id
    assert caller.user_id is None
    assert caller.roles == {"SecurityEvents.Read.All", "ThreatIndicators.ReadWrite.OwnedBy"}


def test_the_first_secret_of_an_installation_works(house: Installation) -> None:
    response = ask(house, form(house.first.client_id, house.first.client_secret))
    assert "SecurityEvents.ReadWrite.All" in house.authority.tokens.verify(response.json()["access_token"]).roles


def test_the_v1_endpoint_takes_a_resource_and_writes_numbers_as_text(house: Installation) -> None:
    made = house.register()
    fields = form(made.client.client_id, made.secret, scope="-", resource="https://graph.microsoft.com")
    answer = ask(house, fields, "/contoso/oauth2/token").json()
    assert (answer["expires_in"], answer["resource"]) == ("3599", "https://graph.microsoft.com")
    assert int(answer["expires_on"]) - int(answer["not_before"]) == 3599


@pytest.mark.parametrize(
    ("scope", "audience"),
    [
        (SCOPE, "https://graph.microsoft.com"),
        ("http://127.0.0.1/.default", "https://graph.microsoft.com"),
        ("https://management.azure.com/.default", "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com"),
        ("00000003-0000-0000-c000-000000000000/.default", "https://graph.microsoft.com"),
    ],
)
def test_any_resource_may_be_named(house: Installation, scope: str, audience: str) -> None:
    made = house.register()
    token = ask(house, form(made.client.client_id, made.secret, scope=scope)).json()["access_token"]
    assert f'"aud":"{audience}"'.encode() in base64.urlsafe_b64decode(token.split(".")[1] + "==")
    assert house.authority.tokens.verify(token).app_id == made.client.client_id


def test_basic_authentication_names_the_client_too(house: Installation) -> None:
    made = house.register()
    credentials = (made.client.client_id, made.secret)
    response = ask(house, {"grant_type": "client_credentials", "scope": SCOPE}, auth=credentials)
    assert response.status_code == 200
    wrong = ask(house, {"grant_type": "client_credentials", "scope": SCOPE}, auth=(credentials[0], "wrong"))
    assert (wrong.status_code, wrong.headers["WWW-Authenticate"]) == (401, 'Basic realm=""')


REFUSED: dict[str, tuple[dict[str, str], int, str, int]] = {
    "a wrong secret": ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
    "no secret": ({"client_secret": "-"}, 401, "invalid_client", 7000218),
    "an empty secret": ({"client_secret": ""}, 401, "invalid_client", 7000218),
    "an unknown client": ({"client_id": "f0000000-0000-0000-0000-000000000000"}, 400, "unauthorized_client", 700016),
    "a client that is no GUID": ({"client_id": "x' OR '1'='1"}, 400, "unauthorized_client", 700016),
    "no client": ({"client_id": "-"}, 400, "invalid_request", 900144),
    "no grant type": ({"grant_type": "-"}, 400, "invalid_request", 900144),
    "an unknown grant type": ({"grant_type": "magic"}, 400, "unsupported_grant_type", 70003),
    "no scope": ({"scope": "-"}, 400, "invalid_request", 900144),
    "a scope of a user": ({"scope": "User.Read"}, 400, "invalid_scope", 1002012),
}


@pytest.mark.parametrize(("fields", "status", "error", "number"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal_has_the_shape_that_clients_print(
    house: Installation, fields: dict[str, str], status: int, error: str, number: int
) -> None:
    made = house.register()
    response = ask(house, changed(form(made.client.client_id, made.secret), fields))
    answer = response.json()
    assert (response.status_code, answer["error"], answer["error_codes"]) == (status, error, [number])
    assert answer["error_description"].startswith(f"AADSTS{number}: ")
    assert GUID.match(answer["trace_id"])
    assert GUID.match(answer["correlation_id"])
    assert answer["timestamp"] == "2026-01-05 09:00:00Z"
    assert made.secret not in response.text
    assert response.headers["Cache-Control"] == "no-store, no-cache"


def test_the_callers_correlation_id_comes_back(house: Installation) -> None:
    response = ask(house, {}, headers={"client-request-id": "11111111-2222-3333-4444-555555555555"})
    assert response.json()["correlation_id"] == "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("content", "number"),
    [
        (b"grant_type=a&grant_type=b", 90013),
        (b"\xff\xfe=%", 900144),
        (b"a=" + b"b" * 70_000, 900144),
        ("&".join(f"f{i}=1" for i in range(200)).encode(), 900144),
    ],
    ids=["a field twice", "not text", "too large", "too many fields"],
)
def test_a_form_that_is_none_is_refused(house: Installation, content: bytes, number: int) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = house.client().post("/contoso/oauth2/v2.0/token", content=content, headers=headers)
    assert (response.status_code, response.json()["error_codes"]) == (400, [number])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_post_is_answered_and_the_refusal_says_so(house: Installation, method: str) -> None:
    response = house.client().request(method, "/contoso/oauth2/v2.0/token")
    assert (response.status_code, response.headers["Allow"]) == (405, "POST")
    assert response.json()["error_codes"] == [900561]


def test_a_tenant_that_no_tenant_could_be_called_is_not_found(house: Installation) -> None:
    response = ask(house, {}, "/%3Cscript%3E/oauth2/v2.0/token")
    assert (response.status_code, response.json()["error_codes"]) == (400, [90002])
    assert house.client().get("/%3Cscript%3E/v2.0/.well-known/openid-configuration").status_code == 400


def test_a_disabled_application_gets_no_token(house: Installation) -> None:
    made = house.register()
    house.db.write_now(
        lambda connection: (
            connection.execute(
                clients.clients.update()
                .where(clients.clients.c.client_id == made.client.client_id)
                .values(enabled=False)
            ).rowcount
        )
    )
    assert ask(house, form(made.client.client_id, made.secret)).json()["error_codes"] == [7000112]


def test_an_expired_secret_is_told_apart_from_a_wrong_one(fresh: Installation) -> None:
    made = fresh.register()
    fresh.db.write_now(
        lambda connection: (
            connection.execute(
                stored.client_secrets.update().values(expires_at="2026-01-01T00:00:00.0000000Z")
            ).rowcount
        )
    )
    assert ask(fresh, form(made.client.client_id, made.secret)).json()["error_codes"] == [7000222]


def test_a_replaced_secret_no_longer_works(house: Installation) -> None:
    made = house.register()
    again = house.db.write_now(
        lambda connection: credentials.replace_secrets(connection, house.clock, made.client.client_id)
    )
    assert ask(house, form(made.client.client_id, made.secret)).status_code == 401
    assert ask(house, form(made.client.client_id, again.secret)).status_code == 200


async def test_guessing_is_slowed_down_and_waiting_helps(fresh: Installation) -> None:
    made = fresh.register()
    for _ in range(failures.LIMIT):
        assert ask(fresh, form(made.client.client_id, "guess")).status_code == 401
    refused = ask(fresh, form(made.client.client_id, made.secret))
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert 0 < int(refused.headers["Retry-After"]) <= 61
    other = fresh.register(name="Another")
    assert ask(fresh, form(other.client.client_id, other.secret)).status_code == 200
    await fresh.clock.advance(failures.WINDOW_SECONDS + 1)
    assert ask(fresh, form(made.client.client_id, made.secret)).status_code == 200


def test_one_address_may_not_try_every_application(house: Installation) -> None:
    for number in range(failures.ADDRESS_LIMIT):
        house.authority.failures.note(f"app-{number}", "192.0.2.1")
    assert ask(house, form("app-x", "guess")).status_code == 429


def test_every_answer_leaves_its_line_in_the_audit_trail_and_no_secret(house: Installation) -> None:
    made = house.register()
    ask(house, form(made.client.client_id, made.secret))
    ask(house, form(made.client.client_id, "canary-wrong"))
    events = house.db.read_now(lambda connection: audit.latest(connection, 10))
    assert [(event.activity, event.actor, event.outcome) for event in events[:3]] == [
        ("token.refused", made.client.client_id, "failure"),
        ("token.issued", made.client.client_id, "success"),
        ("client.added", "local", "success"),
    ]
    assert events[0].detail == {"code": "AADSTS7000215"}
    assert "canary" not in str(events)
    assert made.secret not in str(events)


async def test_a_flood_of_refusals_is_not_written_down(fresh: Installation) -> None:
    def refused() -> int:
        asked = ask(fresh, {"grant_type": "none", "client_id": "flood"})
        assert asked.status_code == 400
        found = fresh.db.read_now(lambda connection: audit.latest(connection, 1_000, "token.refused"))
        return len(found)

    assert [refused() for _ in range(failures.ADDRESS_LIMIT + 3)][-4:] == [failures.ADDRESS_LIMIT] * 4
    await fresh.clock.advance(failures.WINDOW_SECONDS + 1)
    assert refused() == failures.ADDRESS_LIMIT + 1


def test_no_secret_of_an_installation_is_readable_in_its_database(fresh: Installation) -> None:
    made = fresh.register()
    fresh.db.close()
    stored = b"".join(path.read_bytes() for path in fresh.folder.glob("sallyport.db*"))
    for secret in (made.secret, fresh.first.client_secret, "PRIVATE KEY"):
        assert secret.encode() not in stored


@pytest.mark.parametrize("error", [errors.StorageFull("full"), errors.StorageUnavailable("gone")])
def test_no_token_without_its_line_in_the_audit_trail(
    house: Installation, monkeypatch: pytest.MonkeyPatch, error: errors.SallyportError
) -> None:
    made = house.register()

    async def broken(work: object) -> None:
        raise error

    monkeypatch.setattr(house.db, "write", broken)
    response = ask(house, form(made.client.client_id, made.secret))
    assert (response.status_code, response.json()["error"]) == (error.status, "temporarily_unavailable")
    assert response.headers["Retry-After"] == "5"


@pytest.mark.parametrize(("path", "version"), [("/contoso/v2.0", "/v2.0"), ("/contoso", "")])
def test_discovery_names_endpoints_that_exist(house: Installation, path: str, version: str) -> None:
    client = house.client()
    found = client.get(f"{path}/.well-known/openid-configuration").json()
    assert found["token_endpoint"] == f"https://sallyport.example/contoso/oauth2{version}/token"
    assert found["issuer"].startswith(f"https://sallyport.example/{house.authority.tenant_id}")
    assert client.get(found["jwks_uri"]).json()["keys"]
    assert client.post(found["token_endpoint"]).json()["error_codes"] == [900144]


def test_instance_discovery_answers_for_any_host_that_a_proxy_leads_here(house: Installation) -> None:
    asked = "https://login.microsoftonline.com/contoso/oauth2/v2.0/authorize"
    path = "/common/discovery/instance?api-version=1.1&authorization_endpoint="
    found = house.client().get(path + asked).json()
    assert found["tenant_discovery_endpoint"] == (
        "https://login.microsoftonline.com/contoso/v2.0/.well-known/openid-configuration"
    )
    assert found["metadata"][0]["aliases"] == ["login.microsoftonline.com"]
    for no_host in ("javascript:alert(1)", "https://[x", "https://x]/"):
        assert house.client().get(path + no_host).json()["metadata"][0]["aliases"] == ["sallyport.example"]
