"""Signing in, consenting and letting a device in, with a client that keeps cookies as a browser does."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from identity import installation
from sallyport.auth.failures import ADDRESS_LIMIT, LIMIT
from sallyport.auth.registrations import Registered
from sallyport.store import audit, consents
from stage import (
    ASSERTION,
    BACK,
    HERE,
    PASSWORD,
    READ,
    VERIFIER,
    Key,
    Stage,
    claims,
    decide,
    fields,
    sign_in,
    ticket,
)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with installation(tmp_path) as made:
        yield Stage(made)


async def test_a_code_becomes_a_token_in_the_users_name(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(stage.authorize_url())
        assert page.status_code == 200
        assert "script" not in page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        consent = await sign_in(browser, page, "ROOT@contoso.com")
        assert all(text in consent.text for text in ("Viewer", stage.app.client.client_id, "SecurityEvents.Read.All"))
        assert stage.made.authority.tenant_id in consent.text
        answer = await decide(browser, consent, "accept")
        assert answer.headers["location"].startswith(f"{BACK}?")
        told = fields(answer)
        assert told["state"] == "s-1"
        token = (await stage.redeem(browser, code=told["code"])).json()
        assert set(token) >= {"access_token", "refresh_token", "id_token", "client_info", "scope"}
        identity = claims(token["id_token"])
        assert (identity["nonce"], identity["preferred_username"], identity["aud"]) == (
            "n-1",
            "root@contoso.com",
            stage.app.client.client_id,
        )
        principal = stage.made.authority.tokens.verify(token["access_token"])
        assert principal.name == "root@contoso.com"
        assert principal.allows("SecurityEvents.Read.All")
        assert not principal.allows("SecurityEvents.ReadWrite.All")
        info = await browser.get("/oidc/userinfo", headers={"authorization": f"Bearer {token['access_token']}"})
        assert info.status_code in (200, 401)
        cookies = list(page.headers.get_list("set-cookie") + consent.headers.get_list("set-cookie"))
        assert len(cookies) == 2
        assert all("HttpOnly" in each and "SameSite=lax" in each and "Secure" in each for each in cookies)
    activities = [each[0] for each in stage.events()]
    assert {"user.sign_in", "consent.granted", "code.issued", "token.issued"} <= set(activities)


@pytest.mark.parametrize(("version", "ver"), [("/v2.0", "2.0"), ("", "1.0")])
async def test_who_a_user_is_is_told_by_the_issuer_that_the_version_s_configuration_names(
    stage: Stage, version: str, ver: str
) -> None:
    async with stage.browser() as browser:
        told = (await browser.get(f"/contoso{version}/.well-known/openid-configuration")).json()
        code = await stage.code(browser)
        given = {"grant_type": "authorization_code", "client_id": stage.app.client.client_id, "code": code}
        secret = {"client_secret": stage.app.secret, "redirect_uri": BACK, "code_verifier": VERIFIER}
        redeemed = (await browser.post(told["token_endpoint"], data={**given, **secret})).json()
        identity = claims(redeemed["id_token"])
        assert (identity["iss"], identity["ver"]) == (told["issuer"], ver)
        assert stage.made.authority.tokens.verify(redeemed["access_token"]).user_id == identity["oid"]


async def test_a_second_visit_needs_neither_password_nor_consent(stage: Stage) -> None:
    async with stage.browser() as browser:
        await stage.code(browser)
        again = await browser.get(stage.authorize_url())
        assert "code" in fields(again)
        assert (await browser.get(stage.authorize_url(prompt="login"))).status_code == 200
        await stage.made.clock.advance(timedelta(hours=2))
        assert (await browser.get(stage.authorize_url())).status_code == 200


async def test_a_silent_sign_in_shows_no_page_and_says_what_one_is_needed_for(stage: Stage) -> None:
    async with stage.browser() as browser:
        silent = stage.authorize_url(prompt="none")
        nobody = fields(await browser.get(silent))
        assert (nobody["error"], nobody["error_description"][:11]) == ("login_required", "AADSTS50058")
        await sign_in(browser, await browser.get(stage.authorize_url()), "root@contoso.com")
        unconsented = fields(await browser.get(silent))
        assert (unconsented["error"], unconsented["error_description"][:11]) == ("consent_required", "AADSTS65001")
        await stage.code(browser)
        again = fields(await browser.get(silent))
        assert (await stage.redeem(browser, code=again["code"])).status_code == 200
        own = stage.authorize_url(prompt="none", login_hint="Root@contoso.com")
        assert "code" in fields(await browser.get(own))
        other = stage.authorize_url(prompt="none", login_hint="ada@contoso.com")
        assert fields(await browser.get(other))["error"] == "login_required"


async def test_a_token_allows_no_more_than_the_users_role(stage: Stage) -> None:
    async with stage.browser() as browser:
        scope = "https://graph.microsoft.com/SecurityEvents.ReadWrite.All"
        await stage.code(browser, scope=scope)
    async with stage.browser() as other:
        page = await other.get(stage.authorize_url(scope=scope))
        answer = await sign_in(other, page, "ada@contoso.com")
        token = (await stage.redeem(other, code=fields(answer)["code"])).json()["access_token"]
        principal = stage.made.authority.tokens.verify(token)
        assert principal.allows("SecurityEvents.Read.All")
        assert not principal.allows("SecurityEvents.ReadWrite.All")


async def test_only_an_administrator_consents(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(stage.authorize_url())
        told = fields(await sign_in(browser, page, "ada@contoso.com"))
        assert told["error"] == "consent_required"
        assert told["error_description"].startswith("AADSTS90094")
    granted = stage.granted()
    assert granted is not None
    assert granted.scopes == ()


async def test_what_somebody_else_consents_to_while_a_page_is_open_is_kept(stage: Stage) -> None:
    both = {"SecurityEvents.Read.All", "SecurityAlert.Read.All"}
    async with stage.browser() as one, stage.browser() as other:
        pages = [
            (browser, await sign_in(browser, await browser.get(stage.authorize_url(scope=scope)), "root@contoso.com"))
            for browser, scope in ((one, READ), (other, "https://graph.microsoft.com/SecurityAlert.Read.All"))
        ]
        answers = await asyncio.gather(*(decide(browser, page, "accept") for browser, page in pages))
        assert all("code" in fields(answer) for answer in answers)
    granted = stage.granted()
    assert granted is not None
    assert set(granted.scopes) == both


async def test_a_refusal_goes_back_to_the_application(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await sign_in(browser, await browser.get(stage.authorize_url()), "root@contoso.com")
        told = fields(await decide(browser, page, "cancel"))
        assert (told["error"], told["state"]) == ("access_denied", "s-1")


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back",
        f"{BACK}/more",
        f"{BACK}?x=1",
        BACK.upper(),
        "https://app.contoso.com@evil.example/back",
        "http://localhost@evil.example/back",
        "//evil.example",
        "javascript:alert(1)",
        "http://localhost:80;script-src */back",
        "http://localhost:\u4e2d/back",
        "",
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(stage: Stage, address: str) -> None:
    async with stage.browser() as browser:
        for url in (
            stage.authorize_url(redirect_uri=address),
            str(
                httpx.URL(
                    "/contoso/adminconsent", params={"client_id": stage.app.client.client_id, "redirect_uri": address}
                )
            ),
        ):
            if not address and "adminconsent" in url:
                continue
            answer = await browser.get(url)
            assert answer.status_code == 400
            assert "location" not in answer.headers
            assert "AADSTS50011" in answer.text


async def test_a_program_on_a_desktop_listens_on_any_port_of_loopback(stage: Stage) -> None:
    app = stage.register("Desktop", public=True)
    async with stage.browser() as browser:
        code = await stage.code(browser, app, redirect_uri="http://localhost:51234/back")
        token = await stage.redeem(
            browser, app, code=code, redirect_uri="http://localhost:51234/back", client_secret=""
        )
        assert token.status_code == 200, token.text


async def test_a_public_application_needs_pkce(stage: Stage) -> None:
    app = stage.register("Desktop", public=True)
    async with stage.browser() as browser:
        told = fields(await browser.get(stage.authorize_url(app, code_challenge="", code_challenge_method="")))
        assert told["error"] == "invalid_request"
        told = fields(await browser.get(stage.authorize_url(app, code_challenge_method="plain")))
        assert told["error"] == "invalid_request"


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "http://localhost/back"},
        {"client_secret": "wrong"},
        {"code": "made up"},
    ],
    ids=lambda wrong: next(iter(wrong)) + "=" + str(next(iter(wrong.values())))[:8],
)
async def test_a_code_is_redeemed_only_by_who_asked_for_it(stage: Stage, wrong: dict[str, str]) -> None:
    async with stage.browser() as browser:
        code = await stage.code(browser)
        answer = await stage.redeem(browser, None, **{"code": code, **wrong})
        assert answer.status_code in (400, 401)
        assert answer.json()["error"] in ("invalid_grant", "invalid_client")


async def test_a_code_that_comes_twice_ends_what_it_gave(stage: Stage) -> None:
    async with stage.browser() as browser:
        code = await stage.code(browser)
        first = (await stage.redeem(browser, code=code)).json()
        stage.made.authority.tokens.verify(first["access_token"])
        second = await stage.redeem(browser, code=code)
        assert second.json()["error"] == "invalid_grant"
        used = await stage.redeem(browser, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert used.json()["error"] == "invalid_grant"


async def test_a_refresh_token_is_replaced_and_its_second_use_ends_the_family(stage: Stage) -> None:
    async with stage.browser() as browser:
        first = (await stage.redeem(browser, code=await stage.code(browser))).json()
        second = (await stage.redeem(browser, grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
        assert second["refresh_token"] != first["refresh_token"]
        stolen = await stage.redeem(browser, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert stolen.json()["error"] == "invalid_grant"
        ended = await stage.redeem(browser, grant_type="refresh_token", refresh_token=second["refresh_token"])
        assert ended.json()["error"] == "invalid_grant"


async def test_an_expired_code_is_worth_nothing(stage: Stage) -> None:
    async with stage.browser() as browser:
        code = await stage.code(browser)
        await stage.made.clock.advance(timedelta(minutes=11))
        assert (await stage.redeem(browser, code=code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize("mode", ["fragment", "form_post"])
async def test_the_answer_comes_as_the_application_asked(stage: Stage, mode: str) -> None:
    async with stage.browser() as browser:
        await stage.code(browser)
        answer = await browser.get(stage.authorize_url(response_mode=mode, state='"><script>'))
        if mode == "fragment":
            assert urlsplit(answer.headers["location"]).fragment.startswith("code=")
        else:
            assert f'action="{BACK}"' in answer.text
            assert "<script>" not in answer.text
            assert "form-action 'self' https://app.contoso.com;" in answer.headers["content-security-policy"]


async def test_a_wrong_password_says_the_same_as_an_unknown_name(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(stage.authorize_url())
        texts = []
        for name, password in (("root@contoso.com", "wrong"), ("nobody@contoso.com", PASSWORD)):
            page = await sign_in(browser, page, name, password)
            assert page.status_code == 401
            texts.append(re.sub(r'value="[^"]*"', "", page.text))
        assert texts[0] == texts[1]
        for _ in range(10):
            page = await sign_in(browser, page, "root@contoso.com", "wrong")
        page = await sign_in(browser, page, "root@contoso.com")
        assert "too many attempts" in page.text


async def test_whoever_has_said_a_name_types_the_password_next(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(stage.authorize_url())
        assert re.findall(r'name="(\w+)"[^>]* autofocus', page.text) == ["name"]
        again = await sign_in(browser, page, "root@contoso.com", password="wrong")
        assert re.findall(r'name="(\w+)"[^>]* autofocus', again.text) == ["password"]


async def test_guesses_that_come_at_once_are_counted_like_others(stage: Stage) -> None:
    async with stage.browser() as browser:
        pages = [await browser.get(stage.authorize_url(prompt="login")) for _ in range(30)]
        answers = await asyncio.gather(*(sign_in(browser, each, "root@contoso.com", "wrong") for each in pages))
        told = ["too many attempts" in each.text for each in answers]
        assert told.count(False) <= LIMIT + 1
        noted = stage.made.db.read_now(lambda it: audit.latest(it, 99, "user.sign_in"))
        assert len(noted) == told.count(False)


async def test_a_form_counts_once_in_its_own_browser_and_from_our_own_page(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as thief:
        page = await sign_in(browser, await browser.get(stage.authorize_url()), "root@contoso.com")
        victim = await thief.get(stage.authorize_url())
        await sign_in(thief, victim, "root@contoso.com")
        for attempt in (
            await decide(thief, page, "accept"),
            await decide(browser, page, "accept", origin="https://evil.example"),
            await decide(browser, page, "accept", origin="null"),
        ):
            assert attempt.status_code == 400
            assert "no longer valid" in attempt.text
        forged = await browser.post("/identity/decide", data={"decision": "accept", "ticket": "made up"})
        assert forged.status_code == 400
        assert "code" in fields(await decide(browser, page, "accept"))
        assert (await decide(browser, page, "accept")).status_code == 400


async def test_a_ticket_ends_with_its_time(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(stage.authorize_url())
        await stage.made.clock.advance(timedelta(minutes=16))
        assert (await sign_in(browser, page, "root@contoso.com")).status_code == 400


async def test_a_sign_in_of_one_browser_is_no_other_ones(stage: Stage) -> None:
    async with stage.browser() as browser, stage.browser() as other:
        await stage.code(browser)
        other.cookies.set("sallyport_browser", "x" * 43, domain="sallyport.example")
        other.cookies.set("sallyport_session", "y" * 43, domain="sallyport.example")
        assert (await other.get(stage.authorize_url())).status_code == 200
        assert (await browser.get("/contoso/oauth2/v2.0/logout")).status_code == 200
        assert (await browser.get(stage.authorize_url())).status_code == 200


EVERYTHING = "https://graph.microsoft.com/.default"


def consent_url(version: str, **more: str) -> str:
    given = {"redirect_uri": BACK, "state": "s-1", **more}
    return str(httpx.URL(f"/contoso{version}/adminconsent", params={k: v for k, v in given.items() if v}))


@pytest.mark.parametrize("version", ["", "/v2.0"])
async def test_an_administrator_consents_for_the_tenant(stage: Stage, version: str) -> None:
    app = stage.register("Feeder", scopes=("ThreatIndicators.ReadWrite.OwnedBy",))
    client_id = app.client.client_id
    stage.made.db.write_now(lambda connection: consents.remove(connection, client_id))
    refused = await _own_token(stage, app)
    assert stage.made.authority.tokens.verify(refused).roles == frozenset()
    async with stage.browser() as browser:
        await stage.code(browser)
        # Whoever consents signs in anew for it, signed in or not.
        page = await browser.get(consent_url(version, client_id=client_id, scope=EVERYTHING if version else ""))
        assert 'type="password"' in page.text
        page = await sign_in(browser, page, "root@contoso.com")
        for text in ("Feeder", client_id, "SecurityEvents.Read.All", "ThreatIndicators.ReadWrite.OwnedBy"):
            assert text in page.text
        told = fields(await decide(browser, page, "accept"))
    expected = {"tenant": stage.made.authority.tenant_id, "admin_consent": "True", "state": "s-1"}
    assert told == {**expected, **({"scope": EVERYTHING} if version else {})}
    granted = stage.granted(app)
    assert granted is not None
    assert granted.roles == ("SecurityEvents.Read.All",)
    assert "ThreatIndicators.ReadWrite.OwnedBy" in granted.scopes
    assert granted.granted_by == "root@contoso.com"
    noted = stage.made.db.read_now(lambda it: audit.latest(it, 9, "consent.granted"))[0]
    assert (noted.actor, noted.target) == ("root@contoso.com", client_id)
    assert noted.detail == {"permissions": " ".join(granted.roles), "scopes": " ".join(granted.scopes)}
    assert stage.made.authority.tokens.verify(await _own_token(stage, app)).roles == {"SecurityEvents.Read.All"}


@pytest.mark.parametrize("version", ["", "/v2.0"])
async def test_a_consent_for_the_tenant_takes_back_nothing_that_was_granted_in_users_names(
    stage: Stage, version: str
) -> None:
    app = stage.register("Feeder", scopes=("ThreatIndicators.ReadWrite.OwnedBy",))
    async with stage.browser() as browser:
        await stage.code(browser, app)
        scope = "https://graph.microsoft.com/SecurityAlert.Read.All" if version else ""
        page = await browser.get(consent_url(version, client_id=app.client.client_id, scope=scope))
        await decide(browser, await sign_in(browser, page, "root@contoso.com"), "accept")
        added = "SecurityAlert.Read.All" if version else "ThreatIndicators.ReadWrite.OwnedBy"
        granted = stage.granted(app)
        assert granted is not None
        assert granted.scopes == ("SecurityEvents.Read.All", added)
        # Nobody is asked again.
        assert (await browser.get(stage.authorize_url(app, prompt="none"))).headers["location"].count("code=") == 1


async def test_a_consent_to_named_scopes_grants_the_application_nothing_of_its_own(stage: Stage) -> None:
    app = stage.register("Feeder", scopes=("ThreatIndicators.ReadWrite.OwnedBy",))
    client_id = app.client.client_id
    for before in ((), ("SecurityIncident.Read.All",)):
        earlier = consents.Consent(client_id, before, (), app.client.created_at, "local")
        stage.made.db.write_now(partial(consents.put, consent=earlier))
        async with stage.browser() as browser:
            page = await browser.get(consent_url("/v2.0", client_id=client_id, scope=f"openid {READ}"))
            page = await sign_in(browser, page, "root@contoso.com")
            assert "SecurityEvents.Read.All" in page.text
            assert "ThreatIndicators.ReadWrite.OwnedBy" not in page.text
            await decide(browser, page, "accept")
        granted = stage.granted(app)
        assert granted is not None
        assert (granted.roles, granted.scopes) == (before, ("SecurityEvents.Read.All",))
        noted = stage.made.db.read_now(lambda it: audit.latest(it, 9, "consent.granted"))[0]
        assert noted.detail == {"permissions": "", "scopes": "SecurityEvents.Read.All"}


async def test_a_consent_to_sign_ins_alone_grants_nothing_more(stage: Stage) -> None:
    app = stage.register("Feeder", scopes=("ThreatIndicators.ReadWrite.OwnedBy",))
    client_id = app.client.client_id
    stage.made.db.write_now(partial(consents.remove, client_id=client_id))
    async with stage.browser() as browser:
        page = await browser.get(consent_url("/v2.0", client_id=client_id, scope="openid profile User.Read"))
        page = await sign_in(browser, page, "root@contoso.com")
        assert "ThreatIndicators.ReadWrite.OwnedBy" not in page.text
        assert fields(await decide(browser, page, "accept"))["admin_consent"] == "True"
    granted = stage.granted(app)
    assert granted is not None
    assert (granted.roles, granted.scopes) == ((), ())


async def _own_token(stage: Stage, app: Registered) -> str:
    async with stage.browser() as browser:
        form = {"client_id": app.client.client_id, "client_secret": app.secret, "grant_type": "client_credentials"}
        scope = "https://graph.microsoft.com/.default"
        answer = await browser.post("/contoso/oauth2/v2.0/token", data={**form, "scope": scope})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


async def test_a_refused_consent_says_so_the_documented_way(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(consent_url("", client_id=stage.app.client.client_id))
        page = await sign_in(browser, page, "root@contoso.com")
        told = fields(await decide(browser, page, "cancel"))
        assert (told["admin_consent"], told["error"], told["state"]) == ("True", "consent_required", "s-1")
        assert told["error_description"].startswith("AADSTS65004")
        page = await browser.get(consent_url("", client_id=stage.app.client.client_id))
        told = fields(await sign_in(browser, page, "ada@contoso.com"))
        assert told["error"] == "consent_required"
        assert (await browser.get("/consumers/adminconsent?client_id=x")).status_code == 400


async def test_consent_without_an_address_ends_on_a_page(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await browser.get(consent_url("", client_id=stage.app.client.client_id, redirect_uri=""))
        page = await decide(browser, await sign_in(browser, page, "root@contoso.com"), "accept")
        assert page.status_code == 200
        assert "may now do" in page.text


async def test_a_device_is_let_in_by_a_person_elsewhere(stage: Stage) -> None:
    app = stage.register("Device", public=True)
    async with stage.browser() as device, stage.browser() as browser:
        await stage.code(browser, app)
        form = {"client_id": app.client.client_id, "scope": f"{READ} offline_access openid"}
        told = (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).json()
        assert told["user_code"] in told["message"]
        assert told["verification_uri"] == f"{HERE}/devicelogin"

        async def poll() -> httpx.Response:
            grant = "urn:ietf:params:oauth:grant-type:device_code"
            given = {"client_id": app.client.client_id, "grant_type": grant, "device_code": told["device_code"]}
            return await device.post("/contoso/oauth2/v2.0/token", data=given)

        assert (await poll()).json()["error"] == "authorization_pending"
        page = await browser.get("/devicelogin")
        wrong = await browser.post("/identity/device", data={"ticket": ticket(page), "user_code": "BBBBBBBBB"})
        assert "not one that waits" in wrong.text
        typed = {"ticket": ticket(wrong), "user_code": told["user_code"].lower()}
        confirm = await browser.post("/identity/device", data=typed)
        assert "Device" in confirm.text
        done = await decide(browser, confirm, "accept")
        assert "signed in on your device" in done.text
        token = (await poll()).json()
        assert stage.made.authority.tokens.verify(token["access_token"]).name == "root@contoso.com"
        assert (await poll()).json()["error"] == "invalid_grant"
        told = (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).json()
        page = await browser.get("/devicelogin")
        confirm = await browser.post("/identity/device", data={"ticket": ticket(page), "user_code": told["user_code"]})
        await decide(browser, confirm, "cancel")
        assert (await poll()).json()["error"] == "authorization_declined"
        told = (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).json()
        await stage.made.clock.advance(timedelta(minutes=16))
        assert (await poll()).json()["error"] == "expired_token"


async def test_a_device_that_asks_too_often_is_told_to_slow_down(stage: Stage) -> None:
    app = stage.register("Device", public=True)
    async with stage.browser() as device:
        form = {"client_id": app.client.client_id, "scope": READ}
        told = (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).json()
        grant = "urn:ietf:params:oauth:grant-type:device_code"
        given = {"client_id": app.client.client_id, "grant_type": grant, "device_code": told["device_code"]}

        async def after(seconds: float) -> str:
            await stage.made.clock.advance(timedelta(seconds=seconds))
            answer = await device.post("/contoso/oauth2/v2.0/token", data=given)
            assert answer.status_code == 400
            error: str = answer.json()["error"]
            return error

        assert told["interval"] == 5
        assert await after(0) == "authorization_pending"
        assert await after(5) == "authorization_pending"
        assert await after(2) == "slow_down"
        # From now on it is ten seconds.
        assert await after(5) == "slow_down"
        assert await after(15) == "authorization_pending"
        assert await after(10) == "slow_down"


async def test_codes_for_devices_fill_no_disk(stage: Stage) -> None:
    app = stage.register("Device", public=True)
    form = {"client_id": app.client.client_id, "scope": READ}
    async with stage.browser() as device:
        for _ in range(ADDRESS_LIMIT):
            assert (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).status_code == 200
        refused = await device.post("/contoso/oauth2/v2.0/devicecode", data=form)
        assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
        assert 1 <= int(refused.headers["retry-after"]) <= 61
        # Whoever has a secret is not kept from a token.
        assert stage.made.authority.tokens.verify(await _own_token(stage, stage.app)).roles
        await stage.made.clock.advance(timedelta(seconds=int(refused.headers["retry-after"])))
        assert (await device.post("/contoso/oauth2/v2.0/devicecode", data=form)).status_code == 200


async def _asserted(stage: Stage, assertion: str) -> httpx.Response:
    form = {
        "client_id": stage.app.client.client_id,
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
        "client_assertion_type": ASSERTION,
        "client_assertion": assertion,
    }
    async with stage.browser() as browser:
        return await browser.post("/contoso/oauth2/v2.0/token", data=form)


async def test_an_application_proves_itself_with_its_key(stage: Stage) -> None:
    key = Key(stage.made, stage.app)
    assertion = key.assertion()
    assert (await _asserted(stage, assertion)).status_code == 401
    key.register()
    assert (await _asserted(stage, assertion)).status_code == 200
    replayed = await _asserted(stage, assertion)
    assert (replayed.status_code, replayed.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://evil.example/token"},
        {"iss": "somebody"},
        {"sub": "somebody"},
        {"exp": 1},
        {"exp": 2**40},
        {"exp": "soon"},
        {"nbf": 2**40},
        {"jti": ""},
    ],
    ids=str,
)
async def test_an_assertion_that_says_something_else_is_refused(stage: Stage, changed: dict[str, Any]) -> None:
    key = Key(stage.made, stage.app)
    key.register()
    answer = await _asserted(stage, key.assertion(**changed))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"].startswith("AADSTS700027")
