"""An application that is called with a user's token gets another one for the same user, and no more than it may."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from identity import Installation
from sallyport.auth import consents as granting
from sallyport.auth import registrations, users
from sallyport.auth.registrations import Registered
from sallyport.auth.tokens import TokenInvalid
from sallyport.store import audit, consents
from sallyport.store.consents import Consent
from stage import ASSERTION, READ, Key, Stage, claims, fields, sign_in

WRITE = "https://graph.microsoft.com/SecurityEvents.ReadWrite.All"
EVERYTHING = "https://graph.microsoft.com/.default"


class Tiers(Stage):
    """A front that people sign in to, and an application behind it that calls Graph for them."""

    def prepare(self) -> None:
        self.middle = self.register("Middle", exposes=("access_as_user",))
        self.scope = f"api://{self.middle.client.client_id}/access_as_user"
        self.front = self.register("Front", scopes=(self.scope,))
        self.grant(self.front, self.scope)
        self.grant(self.middle, "SecurityEvents.Read.All")

    def grant(self, app: Registered, *scopes: str) -> None:
        granted = Consent(app.client.client_id, (), scopes, "2026-01-01T00:00:00.0000000Z", "local")
        self.made.db.write_now(lambda it: consents.put(it, granted))

    async def user_token(self, browser: httpx.AsyncClient, scope: str = "", name: str = "ada@contoso.com") -> str:
        wanted = f"openid offline_access {scope or self.scope}"
        page = await browser.get(self.authorize_url(self.front, scope=wanted, prompt="login"))
        answer = await sign_in(browser, page, name)
        redeemed = await self.redeem(browser, self.front, code=fields(answer)["code"])
        assert redeemed.status_code == 200, redeemed.text
        token: str = redeemed.json()["access_token"]
        return token

    async def exchange(self, browser: httpx.AsyncClient, assertion: str, **more: str) -> httpx.Response:
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "client_id": self.middle.client.client_id,
            "client_secret": self.middle.secret,
            "assertion": assertion,
            "scope": READ,
            "requested_token_use": "on_behalf_of",
            **more,
        }
        given = {name: value for name, value in form.items() if value}
        return await browser.post("/contoso/oauth2/v2.0/token", data=given)


@pytest.fixture
def tiers(stored_anywhere: Installation) -> Tiers:
    stage = Tiers(stored_anywhere)
    stage.prepare()
    return stage


def refusal(answer: httpx.Response) -> tuple[str, int]:
    body = answer.json()
    assert answer.status_code in (400, 401), answer.text
    assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: ")
    return body["error"], body["error_codes"][0]


async def test_the_application_behind_acts_for_the_user_who_signed_in_in_front(tiers: Tiers) -> None:
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        said = claims(incoming)
        assert (said["aud"], said["scp"]) == (tiers.middle.client.client_id, "access_as_user openid")
        # It is made for the application behind, and opens nothing here.
        with pytest.raises(TokenInvalid, match="audience"):
            tiers.made.authority.tokens.verify(incoming)
        answer = await tiers.exchange(browser, incoming, scope=f"{READ} offline_access openid")
        assert answer.status_code == 200, answer.text
        principal = tiers.made.authority.tokens.verify(answer.json()["access_token"])
        assert (principal.app_id, principal.name) == (tiers.middle.client.client_id, "ada@contoso.com")
        assert principal.allows("SecurityEvents.Read.All")
        assert not principal.allows("SecurityEvents.ReadWrite.All")
        again = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"]}
        middle = {"client_id": tiers.middle.client.client_id, "client_secret": tiers.middle.secret}
        refreshed = await browser.post("/contoso/oauth2/v2.0/token", data={**again, **middle})
        assert refreshed.status_code == 200, refreshed.text
    noted = tiers.made.db.read_now(lambda it: audit.latest(it, 20))
    issued = [each for each in noted if each.activity == "token.issued" and each.target.endswith("jwt-bearer")]
    assert [(each.actor, each.detail) for each in issued] == [
        (tiers.middle.client.client_id, {"user": "ada@contoso.com"})
    ]


async def test_the_application_behind_checks_its_token_by_what_discovery_says(tiers: Tiers) -> None:
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        found = (await browser.get("/contoso/v2.0/.well-known/openid-configuration")).json()
        published = KeySet.import_key_set((await browser.get(found["jwks_uri"])).json())
    token = jwt.decode(incoming, published, algorithms=["RS256"])
    expected = {"iss": found["issuer"], "aud": tiers.middle.client.client_id, "ver": "2.0"}
    assert {name: token.claims[name] for name in expected} == expected


async def test_the_users_role_bounds_what_was_granted_to_the_application_behind(tiers: Tiers) -> None:
    tiers.grant(tiers.middle, "SecurityEvents.ReadWrite.All")
    async with tiers.browser() as browser:
        answer = await tiers.exchange(browser, await tiers.user_token(browser), scope=EVERYTHING)
        principal = tiers.made.authority.tokens.verify(answer.json()["access_token"])
        assert principal.allows("SecurityEvents.Read.All")
        assert not principal.allows("SecurityEvents.ReadWrite.All")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"scope": WRITE}, ("invalid_grant", 65001)),
        ({"scope": "https://graph.microsoft.com/Mail.Read"}, ("invalid_client", 650053)),
        ({"scope": ""}, ("invalid_request", 900144)),
        ({"requested_token_use": ""}, ("invalid_request", 900144)),
        ({"requested_token_use": "something"}, ("invalid_request", 9002313)),
        ({"assertion": ""}, ("invalid_request", 900144)),
        ({"assertion": "a.b.c"}, ("invalid_grant", 50013)),
        ({"client_secret": "wrong"}, ("invalid_client", 7000215)),
        ({"client_secret": ""}, ("invalid_client", 7000218)),
    ],
    ids=str,
)
async def test_what_it_may_not_have_is_refused_in_microsofts_words(
    tiers: Tiers, more: dict[str, str], expected: tuple[str, int]
) -> None:
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        assert refusal(await tiers.exchange(browser, **{"assertion": incoming, **more})) == expected


async def test_a_token_that_tells_who_a_user_is_gives_no_access(tiers: Tiers) -> None:
    tiers.grant(tiers.middle, "SecurityEvents.Read.All")
    async with tiers.browser() as browser:
        page = await browser.get(tiers.authorize_url(tiers.middle, scope=f"openid {READ}"))
        answer = await sign_in(browser, page, "ada@contoso.com")
        redeemed = (await tiers.redeem(browser, tiers.middle, code=fields(answer)["code"])).json()
        assert claims(redeemed["id_token"])["aud"] == tiers.middle.client.client_id
        assert refusal(await tiers.exchange(browser, redeemed["id_token"])) == ("invalid_grant", 50013)


async def test_a_token_for_somebody_else_is_not_taken(tiers: Tiers) -> None:
    tiers.grant(tiers.front, "SecurityEvents.Read.All")
    async with tiers.browser() as browser:
        for_graph = await tiers.user_token(browser, READ)
        assert refusal(await tiers.exchange(browser, for_graph)) == ("invalid_grant", 500131)
        assert refusal(await tiers.exchange(browser, _changed(for_graph))) == ("invalid_grant", 50013)


async def test_a_token_in_nobodys_name_is_not_taken(tiers: Tiers) -> None:
    async with tiers.browser() as browser:
        own = {
            "grant_type": "client_credentials",
            "client_id": tiers.front.client.client_id,
            "client_secret": tiers.front.secret,
            "scope": f"api://{tiers.middle.client.client_id}/.default",
        }
        token = (await browser.post("/contoso/oauth2/v2.0/token", data=own)).json()["access_token"]
        assert (claims(token)["aud"], claims(token)["roles"]) == (tiers.middle.client.client_id, [])
        assert refusal(await tiers.exchange(browser, token)) == ("invalid_grant", 7000114)


async def test_an_old_token_is_not_taken(tiers: Tiers) -> None:
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        await tiers.made.clock.advance(timedelta(minutes=70))
        assert refusal(await tiers.exchange(browser, incoming)) == ("invalid_grant", 500133)


@pytest.mark.parametrize("reloaded", [False, True])
async def test_a_disabled_user_is_refused_at_once_and_what_was_given_ends(tiers: Tiers, reloaded: bool) -> None:
    authority = tiers.made.authority
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        held = (await tiers.exchange(browser, incoming)).json()["access_token"]
        authority.tokens.verify(held)
        disable = partial(users.set_enabled, clock=tiers.made.clock, name="ada@contoso.com", enabled=False)
        tiers.made.db.write_now(disable)
        if reloaded:
            await authority.reload()
            with pytest.raises(TokenInvalid, match="session"):
                authority.tokens.verify(held)
        expected = ("invalid_grant", 50173 if reloaded else 50057)
        assert refusal(await tiers.exchange(browser, incoming)) == expected


async def test_what_came_of_a_sign_in_ends_with_it(tiers: Tiers) -> None:
    authority, front = tiers.made.authority, tiers.front.client.client_id
    async with tiers.browser() as browser:
        held = (await tiers.exchange(browser, await tiers.user_token(browser))).json()["access_token"]
        tiers.made.db.write_now(lambda it: granting.revoke(it, tiers.made.clock, front))
        await authority.reload()
        with pytest.raises(TokenInvalid, match="session"):
            authority.tokens.verify(held)


async def test_a_disabled_application_behind_is_refused(tiers: Tiers) -> None:
    client_id = tiers.middle.client.client_id
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        tiers.made.db.write_now(lambda it: registrations.set_enabled(it, tiers.made.clock, client_id, enabled=False))
        assert refusal(await tiers.exchange(browser, incoming)) == ("unauthorized_client", 7000112)


async def test_the_application_behind_proves_itself_with_a_certificate(tiers: Tiers) -> None:
    key, stranger = Key(tiers.made, tiers.middle), Key(tiers.made, tiers.middle)
    key.register()
    async with tiers.browser() as browser:
        incoming = await tiers.user_token(browser)
        proof = key.assertion()
        asserted = {"client_secret": "", "client_assertion_type": ASSERTION, "client_assertion": proof}
        answer = await tiers.exchange(browser, incoming, **asserted)
        assert answer.status_code == 200, answer.text
        principal = tiers.made.authority.tokens.verify(answer.json()["access_token"])
        assert (principal.app_id, principal.name) == (tiers.middle.client.client_id, "ada@contoso.com")
        front = Key(tiers.made, tiers.front)
        front.register()
        for wrong in (proof, stranger.assertion(), front.assertion(), key.assertion(aud="https://evil.example")):
            refused = await tiers.exchange(browser, incoming, **{**asserted, "client_assertion": wrong})
            assert refusal(refused) == ("invalid_client", 700027)
        # The user's token proves nothing of the application that brings it.
        refused = await tiers.exchange(browser, incoming, **{**asserted, "client_assertion": incoming})
        assert refusal(refused) == ("invalid_client", 700027)


async def test_what_a_long_sign_in_gave_last_ends_with_it_too(tiers: Tiers) -> None:
    authority = tiers.made.authority
    async with tiers.browser() as browser:
        page = await browser.get(tiers.authorize_url(tiers.front, scope=f"openid offline_access {tiers.scope}"))
        code = fields(await sign_in(browser, page, "ada@contoso.com"))["code"]
        first = (await tiers.redeem(browser, tiers.front, code=code)).json()
        assert (await tiers.exchange(browser, first["access_token"])).status_code == 200
        await tiers.made.clock.advance(timedelta(minutes=110))
        again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        second = (await tiers.redeem(browser, tiers.front, **again)).json()
        held = (await tiers.exchange(browser, second["access_token"])).json()["access_token"]
        await tiers.made.clock.advance(timedelta(minutes=20))
        await authority.tidy()
        authority.tokens.verify(held)
        disable = partial(users.set_enabled, clock=tiers.made.clock, name="ada@contoso.com", enabled=False)
        tiers.made.db.write_now(disable)
        await authority.reload()
        with pytest.raises(TokenInvalid, match="session"):
            authority.tokens.verify(held)


def _changed(token: str) -> str:
    """Answer a token with other claims under its old signature."""
    header, body, signature = token.split(".")
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps({**said, "aud": "somebody"}).encode()).decode().rstrip("=")
    return f"{header}.{forged}.{signature}"
