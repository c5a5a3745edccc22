"""azure-identity and msal from PyPI, unmodified, over https: how they find the server and read its answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential, DefaultAzureCredential, EnvironmentCredential
from azure.identity.aio import ClientSecretCredential as AsyncClientSecretCredential

from acceptance import sdk
from acceptance.sdk import Sdk

GRAPH = "https://graph.microsoft.com/.default"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sdk]:
    """A server, and an application."""
    with sdk.running(tmp_path_factory.mktemp("identity")) as started:
        yield started


@pytest.fixture
def around(app: Sdk, monkeypatch: pytest.MonkeyPatch) -> Sdk:
    """The environment variables that a guide for Azure names."""
    for name, value in {
        "AZURE_AUTHORITY_HOST": app.host,
        "AZURE_TENANT_ID": app.tenant,
        "AZURE_CLIENT_ID": app.client_id,
        "AZURE_CLIENT_SECRET": app.client_secret,
        "REQUESTS_CA_BUNDLE": str(app.server.authority_file),
    }.items():
        monkeypatch.setenv(name, value)
    return app


def works(app: Sdk, token: str) -> bool:
    """Answer whether the server takes a token."""
    asked = requests.get(
        f"{app.host}/v1.0/security/alerts",
        headers={"Authorization": f"Bearer {token}"},
        verify=str(app.server.authority_file),
        timeout=20,
    )
    return asked.status_code == 200


def confidential(app: Sdk, **more: Any) -> Any:
    """A confidential application of msal; told by `authority`, unless something else is said."""
    told = more or {"authority": f"{app.host}/{app.tenant}", "instance_discovery": False}
    return msal.ConfidentialClientApplication(
        app.client_id, client_credential=app.client_secret, verify=str(app.server.authority_file), **told
    )


def test_a_credential_gets_a_token_that_the_server_takes(app: Sdk) -> None:
    with app.credential as credential:
        first = credential.get_token(GRAPH)
        assert works(app, first.token)
        # Kept until it is about to end.
        assert credential.get_token(GRAPH).token == first.token


@pytest.mark.parametrize("tenant", ["contoso.example", "6a3b1f0e-5c1d-4f2e-9b7a-0d1c2e3f4a5b"])
@pytest.mark.parametrize("scope", [GRAPH, "https://management.azure.com/.default", "http://127.0.0.1/.default"])
def test_the_tenant_and_the_resource_that_a_program_names_are_kept(app: Sdk, tenant: str, scope: str) -> None:
    named = Sdk(app.server, app.client_id, app.client_secret, tenant)
    with named.credential as credential:
        assert credential.get_token(scope).token


async def test_the_asynchronous_credential_works_as_well(around: Sdk) -> None:
    credential = AsyncClientSecretCredential(
        around.tenant,
        around.client_id,
        around.client_secret,
        authority=around.host,
        disable_instance_discovery=True,
        connection_verify=str(around.server.authority_file),
    )
    async with credential:
        assert works(around, (await credential.get_token(GRAPH)).token)


@pytest.mark.parametrize("kind", [EnvironmentCredential, DefaultAzureCredential])
def test_a_program_that_names_nothing_is_moved_by_its_environment(around: Sdk, kind: Any) -> None:
    with kind(disable_instance_discovery=True) as credential:
        assert works(around, credential.get_token(GRAPH).token)


def test_a_wrong_secret_is_told_in_the_words_that_people_search_for(app: Sdk) -> None:
    wrong = Sdk(app.server, app.client_id, "wrong")
    with wrong.credential as credential, pytest.raises(ClientAuthenticationError, match="AADSTS7000215"):
        credential.get_token(GRAPH)
    told = confidential(wrong).acquire_token_for_client([GRAPH])
    assert told["error"] == "invalid_client"
    assert told["error_codes"] == [7000215]
    assert told["correlation_id"]


def test_an_unknown_application_is_told_as_one(app: Sdk) -> None:
    unknown = ClientSecretCredential(
        app.tenant,
        "11111111-2222-3333-4444-555555555555",
        "x",
        authority=app.host,
        disable_instance_discovery=True,
        connection_verify=str(app.server.authority_file),
    )
    with unknown, pytest.raises(ClientAuthenticationError, match="AADSTS700016"):
        unknown.get_token(GRAPH)


def test_msal_finds_the_endpoints_by_an_authority(app: Sdk) -> None:
    client = confidential(app)
    token = client.acquire_token_for_client([GRAPH])
    assert (token["token_type"], token["expires_in"], token["token_source"]) == ("Bearer", 3599, "identity_provider")
    assert works(app, token["access_token"])
    assert client.acquire_token_for_client([GRAPH])["token_source"] == "cache"


def test_msal_finds_the_endpoints_by_openid_discovery(app: Sdk) -> None:
    tenant = (
        requests.get(
            f"{app.host}/common/v2.0/.well-known/openid-configuration",
            verify=str(app.server.authority_file),
            timeout=20,
        )
        .json()["issuer"]
        .split("/")[-2]
    )
    client = confidential(app, oidc_authority=f"{app.host}/{tenant}/v2.0")
    assert works(app, client.acquire_token_for_client([GRAPH])["access_token"])
