"""Scopes that nobody offers, and resources that are not here: refused by name wherever they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from identity import installation
from sallyport.store import consents
from stage import BACK, READ, Stage, claims, decide, fields, sign_in

GRAPH = "https://graph.microsoft.com"
ABSENT = "f0000000-0000-0000-0000-000000000000"

UNKNOWN = [
    (f"{GRAPH}/Mail.Read", "invalid_client", 650053),
    ("Mail.Read", "invalid_client", 650053),
    (f"{READ} {GRAPH}/Mail.Read", "invalid_client", 650053),
    ("https://unknown.example/SecurityEvents.Read.All", "invalid_resource", 500011),
    ("urn:thing/read", "invalid_resource", 500011),
    (f"api://{ABSENT}/.default", "invalid_resource", 500011),
    (f"{ABSENT}/read", "invalid_resource", 500011),
    (f"{GRAPH}/", "invalid_scope", 70011),
    (f'{GRAPH}/Security"Events', "invalid_scope", 70011),
    (f"{READ} {GRAPH}/.default", "invalid_scope", 70011),
    (f"{READ} https://management.azure.com/user_impersonation", "invalid_scope", 28000),
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with installation(tmp_path) as made:
        yield Stage(made)


@pytest.mark.parametrize(("scope", "error", "number"), UNKNOWN)
async def test_what_is_not_here_is_refused_wherever_it_is_asked_for(
    stage: Stage, scope: str, error: str, number: int
) -> None:
    device = stage.register("Device", public=True)
    client_id = stage.app.client.client_id
    async with stage.browser() as browser:
        told = fields(await browser.get(stage.authorize_url(scope=f"openid {scope}")))
        assert (told["error"], told["state"]) == (error, "s-1")
        assert told["error_description"].startswith(f"AADSTS{number}: ")
        form = {"client_id": device.client.client_id, "scope": f"openid {scope}"}
        refused = await browser.post("/contoso/oauth2/v2.0/devicecode", data=form)
        assert (refused.status_code, refused.json()["error"], refused.json()["error_codes"]) == (400, error, [number])
        asked = {"client_id": client_id, "scope": scope, "redirect_uri": BACK}
        told = fields(await browser.get("/contoso/v2.0/adminconsent", params=asked))
        assert told["error"] == error
        # Without an address to go back to, it is a page.
        page = await browser.get("/contoso/v2.0/adminconsent", params={"client_id": client_id, "scope": scope})
        assert (page.status_code, f"AADSTS{number}" in page.text) == (400, True)
        code = await stage.code(browser)
        redeemed = await stage.redeem(browser, code=code, scope=scope)
        assert (redeemed.json()["error"], redeemed.json()["error_codes"]) == (error, [number])


@pytest.mark.parametrize("scope", [f"api://{ABSENT}/.default", f"{ABSENT}/.default"])
async def test_an_application_gets_no_token_of_its_own_for_what_is_not_here(stage: Stage, scope: str) -> None:
    form = {"grant_type": "client_credentials", "client_id": stage.app.client.client_id, "scope": scope}
    async with stage.browser() as browser:
        given = {**form, "client_secret": stage.app.secret}
        refused = await browser.post("/contoso/oauth2/v2.0/token", data=given)
    assert (refused.json()["error"], refused.json()["error_codes"]) == ("invalid_resource", [500011])


@pytest.mark.parametrize(
    "scope",
    [
        READ,
        "SecurityEvents.Read.All",
        "securityevents.read.all",
        "00000003-0000-0000-c000-000000000000/SecurityEvents.Read.All",
        "https://graph.microsoft.us/SecurityEvents.Read.All",
        "https://sallyport.example/SecurityEvents.Read.All",
        "http://127.0.0.1:8080/SecurityEvents.Read.All",
        f"{READ} User.Read",
        f"{GRAPH}/.default",
        "https://other.example/.default",
    ],
)
async def test_what_is_here_is_found_by_each_of_its_names(stage: Stage, scope: str) -> None:
    async with stage.browser() as browser:
        await stage.code(browser)
        token = (await stage.redeem(browser, code=await stage.code(browser, scope=f"openid {scope}"))).json()
        principal = stage.made.authority.tokens.verify(token["access_token"])
        assert principal.scopes == {"SecurityEvents.Read.All"}
        assert scope.split(maxsplit=1)[0] in token["scope"].split()


async def test_who_only_signs_in_gets_a_token_that_opens_nothing_but_who_it_is(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.code(browser)
        token = (await stage.redeem(browser, code=await stage.code(browser, scope="openid profile"))).json()
        principal = stage.made.authority.tokens.verify(token["access_token"])
        assert (principal.name, principal.scopes) == ("root@contoso.com", frozenset())
        assert claims(token["access_token"])["scp"] == "openid profile"
        info = await browser.get("/oidc/userinfo", headers={"authorization": f"Bearer {token['access_token']}"})
        assert info.status_code in (200, 401)


async def test_a_resource_of_the_older_endpoint_is_a_scope_of_the_newer(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.code(browser)

        def older(resource: str) -> str:
            return stage.authorize_url(scope="openid", resource=resource).replace("/v2.0/", "/")

        answer = await browser.get(older("https://management.azure.com/"))
        token = (await stage.redeem(browser, code=fields(answer)["code"])).json()
        assert claims(token["access_token"])["aud"] == "https://management.azure.com"
        assert fields(await browser.get(older("urn:thing")))["error"] == "invalid_resource"


async def test_only_what_the_page_showed_is_granted_whatever_was_taken_back_since(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await stage.code(other)
        wider = f"{READ} {GRAPH}/SecurityAlert.Read.All"
        page = await sign_in(browser, await browser.get(stage.authorize_url(scope=wider)), "root@contoso.com")
        assert "SecurityAlert.Read.All" in page.text
        assert "SecurityEvents.Read.All" not in page.text
        stage.made.db.write_now(lambda it: consents.remove(it, stage.app.client.client_id))
        await decide(browser, page, "accept")
    granted = stage.granted()
    assert granted is not None
    assert granted.scopes == ("SecurityAlert.Read.All",)
