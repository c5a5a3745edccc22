"""People sign in to programs of msal and azure-identity from PyPI, unmodified, over https, through the real pages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any

import msal
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DeviceCodeCredential, OnBehalfOfCredential

from acceptance import people
from acceptance.people import CHANGE, DESKTOP, GRAPH, OPERATOR, READ, READER, ROOT, WEB, Tenant
from acceptance.sdk import Sdk

pytestmark = pytest.mark.filterwarnings("ignore:response_mode='form_post' is recommended")

_REFUSED = "Auth token does not contain valid permissions or user does not have valid roles"
_ACCESS, _REFRESH = msal.TokenCache.CredentialType.ACCESS_TOKEN, msal.TokenCache.CredentialType.REFRESH_TOKEN


@pytest.fixture(scope="module")
def tenant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tenant]:
    """A server and its people."""
    with people.tenant(tmp_path_factory.mktemp("people")) as started:
        yield started


@pytest.fixture(scope="module")
def desktop(tenant: Tenant) -> Sdk:
    """A program without a secret, to which the administrator consented."""
    app = tenant.application("Desktop", public=True)
    tenant.consent(app, f"{READ} {CHANGE}")
    return app


def kept(program: Any, kind: str) -> list[Any]:
    """Answer what a program's cache holds of a kind."""
    return list(program.token_cache.search(kind))


@pytest.mark.parametrize(("kind", "address"), [("desktop", f"{DESKTOP}:51234"), ("web", WEB)])
def test_a_code_with_pkce_becomes_a_token_in_a_persons_name(tenant: Tenant, kind: str, address: str) -> None:
    app = tenant.application(kind, public=kind == "desktop")
    tenant.consent(app, READ)
    program = getattr(people, kind)(app)
    token = tenant.sign_in(program, [READ], READER, address)
    assert token.get("token_type") == "Bearer", token
    told = token["id_token_claims"]
    assert (told["preferred_username"], told["aud"]) == (READER, app.client_id)
    assert tenant.ask(token["access_token"]).json()["title"] == "Seen"
    account = program.get_accounts()[0]
    assert account["username"] == READER
    assert account["home_account_id"] == f"{told['oid']}.{told['tid']}"


def test_nobody_gets_a_token_before_an_administrator_consents(tenant: Tenant) -> None:
    app = tenant.application("Early", scopes=("SecurityEvents.Read.All",))
    refused = tenant.sign_in(people.web(app), [READ], READER, WEB)
    assert refused["error"] == "consent_required"
    assert refused["error_description"].startswith("AADSTS90094")
    tenant.consent(app, "https://graph.microsoft.com/.default")
    token = tenant.sign_in(people.web(app), [READ], READER, WEB)
    assert tenant.ask(token["access_token"]).status_code == 200


def test_an_application_has_no_permission_of_its_own_before_an_administrator_consents(tenant: Tenant) -> None:
    app = tenant.application("Daemon")
    tenant.sdk.server.json("consent", "revoke", app.client_id)
    before = people.web(app).acquire_token_for_client([f"{GRAPH}/.default"])
    assert tenant.ask(before["access_token"]).status_code == 403
    tenant.consent(app, f"{GRAPH}/.default")
    after = people.web(app).acquire_token_for_client([f"{GRAPH}/.default"])
    assert tenant.ask(after["access_token"]).status_code == 200


def test_an_administrator_may_consent_on_the_way(tenant: Tenant) -> None:
    app = tenant.application("On the way")
    program = people.web(app)
    flow = program.initiate_auth_code_flow([READ], redirect_uri=WEB, response_mode="form_post")
    with tenant.browser() as window:
        window.open(flow["auth_uri"])
        window.sign_in(ROOT, tenant.passwords[ROOT])
        assert "SecurityEvents.Read.All" in window.page.text
        window.press("Accept")
        window.press("Continue")
        token = program.acquire_token_by_auth_code_flow(flow, window.answer)
    assert tenant.ask(token["access_token"]).status_code == 200
    # What was granted holds for everybody.
    assert "access_token" in tenant.sign_in(people.web(app), [READ], READER, WEB)


@pytest.mark.parametrize("name", [READER, OPERATOR])
def test_a_token_reaches_as_far_as_its_users_role(tenant: Tenant, desktop: Sdk, name: str) -> None:
    token = tenant.sign_in(people.desktop(desktop), [CHANGE], name, DESKTOP)["access_token"]
    assert tenant.ask(token).status_code == 200
    vendor = {"provider": "Tester", "vendor": "Contoso"}
    changed = {"status": "inProgress", "vendorInformation": vendor}
    answer = tenant.ask(token, "PATCH", json=changed)
    if name == READER:
        assert answer.status_code == 403
        assert answer.json()["error"]["message"].startswith(_REFUSED)
    else:
        assert answer.is_success, answer.text


def test_a_token_reaches_no_further_than_what_was_asked_for(tenant: Tenant, desktop: Sdk) -> None:
    token = tenant.sign_in(people.desktop(desktop), [READ], OPERATOR, DESKTOP)["access_token"]
    assert tenant.ask(token).status_code == 200
    refused = tenant.ask(token, "PATCH", json={"status": "resolved"})
    assert refused.status_code == 403
    assert refused.json()["error"]["message"].startswith(_REFUSED)


@pytest.mark.parametrize("scope", [READ, "SecurityEvents.Read.All", "securityevents.read.all", f"{GRAPH}/.default"])
def test_a_program_finds_its_token_again_and_refreshes_it_in_silence(tenant: Tenant, desktop: Sdk, scope: str) -> None:
    program = people.desktop(desktop)
    first = tenant.sign_in(program, [scope], READER, DESKTOP)
    account = program.get_accounts()[0]
    silent = program.acquire_token_silent([scope], account=account)
    assert (silent["token_source"], silent["access_token"]) == ("cache", first["access_token"])
    refresh = kept(program, _REFRESH)[0]["secret"]
    for each in kept(program, _ACCESS):
        program.token_cache.remove_at(each)
    second = program.acquire_token_silent([scope], account=account)
    assert second["token_source"] == "identity_provider"
    assert second["access_token"] != first["access_token"]
    assert tenant.ask(second["access_token"]).status_code == 200
    replaced = kept(program, _REFRESH)
    assert len(replaced) == 1
    assert replaced[0]["secret"] != refresh


def test_the_second_use_of_a_refresh_token_ends_the_sign_in(tenant: Tenant, desktop: Sdk) -> None:
    program = people.desktop(desktop)
    tenant.sign_in(program, [READ], READER, DESKTOP)
    stolen = kept(program, _REFRESH)[0]["secret"]
    used = program.acquire_token_by_refresh_token(stolen, [READ])
    assert tenant.ask(used["access_token"]).status_code == 200
    thief = people.desktop(desktop).acquire_token_by_refresh_token(stolen, [READ])
    assert thief["error"] == "invalid_grant"
    assert tenant.ask(used["access_token"]).status_code == 401


def test_msal_lets_a_device_in(tenant: Tenant, desktop: Sdk) -> None:
    program = people.desktop(desktop)
    flow = program.initiate_device_flow([READ])
    assert flow["user_code"] in flow["message"]
    assert "signed in on your device" in tenant.let_in(flow["verification_uri"], flow["user_code"], READER)
    token = program.acquire_token_by_device_flow(flow)
    assert tenant.ask(token["access_token"]).status_code == 200
    account = program.get_accounts()[0]
    assert account["username"] == READER
    assert program.acquire_token_silent([READ], account=account)["access_token"] == token["access_token"]


@pytest.mark.parametrize("decision", ["Continue", "Cancel"])
def test_azure_identity_lets_a_device_in_that_a_person_answers_for(tenant: Tenant, desktop: Sdk, decision: str) -> None:
    answers: list[Future[str]] = []
    with ThreadPoolExecutor(1) as person:

        def prompt(address: str, code: str, _until: datetime) -> None:
            answers.append(person.submit(tenant.let_in, address, code, READER, decision))

        with DeviceCodeCredential(
            desktop.client_id,
            tenant_id=desktop.tenant,
            authority=desktop.host,
            prompt_callback=prompt,
            timeout=60,
            disable_instance_discovery=True,
            connection_verify=str(desktop.server.authority_file),
        ) as credential:
            if decision == "Cancel":
                with pytest.raises(ClientAuthenticationError, match="AADSTS70018"):
                    credential.get_token(READ)
                assert "Nothing was granted" in answers[0].result()
                return
            token = credential.get_token(READ).token
            assert tenant.ask(token).status_code == 200
            assert credential.get_token(READ).token == token
    assert len(answers) == 1


def test_msal_and_azure_identity_act_on_behalf_of_a_person(tenant: Tenant) -> None:
    middle = tenant.application("Middle", exposes=("access_as_user",))
    tenant.consent(middle, READ)
    scope = f"api://{middle.client_id}/access_as_user"
    front = tenant.application("Front", scopes=(scope,))
    tenant.consent(front, scope)
    incoming = tenant.sign_in(people.web(front), [scope], READER, WEB)["access_token"]
    assert tenant.ask(incoming).status_code == 401
    program = people.web(middle)
    token = program.acquire_token_on_behalf_of(incoming, [READ])
    assert tenant.ask(token["access_token"]).status_code == 200
    # The same token may be brought for as long as it holds.
    assert "access_token" in program.acquire_token_on_behalf_of(incoming, [READ])
    refused = people.web(middle).acquire_token_on_behalf_of(token["access_token"], [READ])
    assert (refused["error"], refused["error_codes"]) == ("invalid_grant", [500131])
    refused = people.web(middle).acquire_token_on_behalf_of(incoming, [CHANGE])
    assert refused["error_description"].startswith("AADSTS65001")
    with OnBehalfOfCredential(
        middle.tenant,
        middle.client_id,
        client_secret=middle.client_secret,
        user_assertion=incoming,
        authority=middle.host,
        disable_instance_discovery=True,
        connection_verify=str(middle.server.authority_file),
    ) as credential:
        assert tenant.ask(credential.get_token(READ).token).status_code == 200
        with pytest.raises(ClientAuthenticationError, match="AADSTS65001"):
            credential.get_token(CHANGE)


def test_a_disabled_application_loses_the_token_that_it_holds(tenant: Tenant) -> None:
    app = tenant.application("Ending")
    token = people.web(app).acquire_token_for_client([f"{GRAPH}/.default"])["access_token"]
    assert tenant.ask(token).status_code == 200
    tenant.sdk.server.json("client", "disable", app.client_id)
    until = time.monotonic() + 60
    while tenant.ask(token).status_code != 401:
        assert time.monotonic() < until
        time.sleep(0.5)
    tenant.sdk.server.json("client", "enable", app.client_id)
    assert tenant.ask(token).status_code == 401
    after = people.web(app).acquire_token_for_client([f"{GRAPH}/.default"])["access_token"]
    assert tenant.ask(after).status_code == 200
