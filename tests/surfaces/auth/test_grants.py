"""Codes and tokens that count once, on both databases: what uses one up, what does not, and what is written down."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
import pytest

from identity import Installation
from sallyport.auth import registrations
from sallyport.auth.registrations import Registered
from sallyport.store import audit
from stage import READ, Stage, decide, fields, sign_in, ticket

WRITE = "https://graph.microsoft.com/SecurityEvents.ReadWrite.All"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@pytest.fixture
def stage(stored_anywhere: Installation) -> Stage:
    return Stage(stored_anywhere)


def written(stage: Stage, *activities: str) -> list[tuple[str, str]]:
    """Answer the lines of the audit trail with these activities, oldest first, each with its detail."""
    found = stage.made.db.read_now(lambda it: audit.latest(it, 200))
    return [(each.activity, " ".join(each.detail.values())) for each in reversed(found) if each.activity in activities]


async def refresh(stage: Stage, browser: httpx.AsyncClient, token: str, **more: str) -> httpx.Response:
    return await stage.redeem(browser, None, grant_type="refresh_token", refresh_token=token, **more)


async def test_what_is_refused_leaves_a_refresh_token_as_it_was(stage: Stage) -> None:
    async with stage.browser() as browser:
        held = (await stage.redeem(browser, code=await stage.code(browser))).json()["refresh_token"]
        for scope, error in ((WRITE, "invalid_grant"), ("https://graph.microsoft.com/Mail.Read", "invalid_client")):
            assert (await refresh(stage, browser, held, scope=scope)).json()["error"] == error
        answer = await refresh(stage, browser, held)
        assert answer.status_code == 200, answer.text
        assert (await refresh(stage, browser, answer.json()["refresh_token"])).status_code == 200
        assert written(stage, "sign_in.ended") == []


async def test_who_cannot_redeem_a_code_does_not_use_it_up(stage: Stage) -> None:
    async with stage.browser() as browser:
        code = await stage.code(browser)
        assert (await stage.redeem(browser, code=code, code_verifier="w" * 43)).status_code == 400
        assert (await stage.redeem(browser, code=code)).status_code == 200


async def test_of_many_who_bring_one_token_at_once_one_is_answered_and_then_nobody(stage: Stage) -> None:
    async with stage.browser() as browser:
        held = (await stage.redeem(browser, code=await stage.code(browser))).json()["refresh_token"]
        answers = await asyncio.gather(*(refresh(stage, browser, held) for _ in range(4)))
        given = [each.json() for each in answers if each.status_code == 200]
        assert len(given) == 1
        assert (await refresh(stage, browser, given[0]["refresh_token"])).json()["error"] == "invalid_grant"
        assert stage.made.authority.revoked
        assert written(stage, "sign_in.ended") == [("sign_in.ended", "")]


async def test_a_form_counts_once(stage: Stage) -> None:
    async with stage.browser() as browser:
        page = await sign_in(browser, await browser.get(stage.authorize_url()), "root@contoso.com")
        assert (await decide(browser, page, "accept")).status_code == 302
        assert (await decide(browser, page, "accept")).status_code == 400


class Waiting:
    """A device that waits for somebody to let it in."""

    def __init__(self, stage: Stage, app: Registered, browser: httpx.AsyncClient) -> None:
        self.stage = stage
        self.browser = browser
        self.form = {"client_id": app.client.client_id, "grant_type": DEVICE}

    async def begin(self) -> None:
        form = {"client_id": self.form["client_id"], "scope": READ}
        told = (await self.browser.post("/contoso/oauth2/v2.0/devicecode", data=form)).json()
        self.form["device_code"], self.user_code = told["device_code"], told["user_code"]

    async def asked(self) -> str:
        await self.stage.made.clock.advance(timedelta(seconds=10))
        answer = (await self.browser.post("/contoso/oauth2/v2.0/token", data=self.form)).json()
        return str(answer.get("error", "given"))

    async def shown(self) -> httpx.Response:
        page = await self.browser.get("/devicelogin")
        return await self.browser.post("/identity/device", data={"ticket": ticket(page), "user_code": self.user_code})


@pytest.fixture
def app(stage: Stage) -> Registered:
    return stage.register("Device", public=True)


async def test_only_what_decides_about_a_device_is_written_down_and_once(stage: Stage, app: Registered) -> None:
    async with stage.browser() as browser:
        await stage.code(browser, app)
        device = Waiting(stage, app, browser)
        told = ("token.refused", "token.issued", "device.signed_in", "device.refused", "sign_in.ended")
        before = len(written(stage, *told))
        await device.begin()
        assert [await device.asked() for _ in range(3)] == ["authorization_pending"] * 3
        assert written(stage, *told)[before:] == []
        await decide(browser, await device.shown(), "accept")
        assert [await device.asked() for _ in range(3)] == ["given", "invalid_grant", "invalid_grant"]
        await device.begin()
        await decide(browser, await device.shown(), "cancel")
        assert [await device.asked() for _ in range(2)] == ["authorization_declined"] * 2
        await device.begin()
        await stage.made.clock.advance(timedelta(minutes=16))
        assert [await device.asked() for _ in range(2)] == ["expired_token"] * 2
        assert written(stage, *told)[before:] == [
            ("device.signed_in", ""),
            ("token.issued", "root@contoso.com"),
            ("sign_in.ended", ""),
            ("token.refused", "AADSTS70008"),
            ("device.refused", ""),
            ("token.refused", "AADSTS70018"),
            ("token.refused", "AADSTS70020"),
        ]


async def test_a_device_that_nobody_answered_in_time_is_not_let_in(stage: Stage, app: Registered) -> None:
    async with stage.browser() as browser:
        await stage.code(browser, app)
        device = Waiting(stage, app, browser)
        await device.begin()
        await stage.made.clock.advance(timedelta(minutes=14))
        page = await device.shown()
        await stage.made.clock.advance(timedelta(minutes=2))
        answer = await decide(browser, page, "accept")
        assert (answer.status_code, "not one that waits" in answer.text) == (400, True)
        assert written(stage, "device.signed_in") == []
        assert await device.asked() == "expired_token"


async def test_what_no_database_can_hold_is_refused_in_the_endpoints_own_words(stage: Stage) -> None:
    async with stage.browser() as browser:
        for given in ({"state": "\0"}, {"nonce": "\0"}, {"client_id": "\0"}):
            page = await browser.get(stage.authorize_url(None, **given))
            assert (page.status_code, "AADSTS900144" in page.text) == (400, True)
        page = await sign_in(browser, await browser.get(stage.authorize_url()), "root\0")
        assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
        for form in ({"client_id": "\0"}, {"code": "\0"}, {"grant_type": "\0"}):
            answer = await stage.redeem(browser, None, **{"code": "none", **form})
            assert (answer.status_code, answer.json()["error_codes"]) == (400, [900144])


async def test_an_application_that_ends_on_the_way_is_said_on_a_page(stage: Stage) -> None:
    made, client_id = stage.made, stage.app.client.client_id
    async with stage.browser() as browser:
        first = await browser.get(stage.authorize_url())
        consent = await sign_in(browser, await browser.get(stage.authorize_url()), "root@contoso.com")
        made.db.write_now(lambda it: registrations.set_enabled(it, made.clock, client_id, enabled=False))
        for page in (await sign_in(browser, first, "root@contoso.com"), await decide(browser, consent, "accept")):
            assert (page.status_code, "AADSTS7000112" in page.text) == (400, True)
            assert page.headers["content-type"].startswith("text/html")


async def test_everything_on_a_resource_is_asked_for_when_nothing_of_it_is_granted(stage: Stage) -> None:
    app = stage.register("Console", scopes=("SecurityEvents.Read.All",))
    async with stage.browser() as browser:
        everything = stage.authorize_url(app, scope="https://graph.microsoft.com/.default")
        refused = fields(await sign_in(browser, await browser.get(everything), "ada@contoso.com"))
        assert refused["error_description"].startswith("AADSTS90094")
        page = await sign_in(browser, await browser.get(f"{everything}&prompt=login"), "root@contoso.com")
        assert "SecurityEvents.Read.All" in page.text
        code = fields(await decide(browser, page, "accept"))["code"]
        token = (await stage.redeem(browser, app, code=code)).json()["access_token"]
        assert stage.made.authority.tokens.verify(token).allows("SecurityEvents.Read.All")
        # From now on nobody is asked again.
        assert "code" in fields(await browser.get(everything))
