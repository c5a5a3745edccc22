"""An installation with people and applications, and browsers that walk through its pages."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import uuid
from functools import partial
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from identity import Installation
from sallyport.auth import registrations, users
from sallyport.auth.registrations import Registered, Registration
from sallyport.store import audit, clients, consents, credentials, schema
from sallyport.store.clients import SignIns
from sallyport.store.credentials import ClientKey

HERE = "https://sallyport.example"
BACK = "https://app.contoso.com/back"
PASSWORD = "correct horse battery"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
READ = "https://graph.microsoft.com/SecurityEvents.Read.All"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
CONNECTOR = "c4829704-0edc-4c3d-a347-7c4a67586f3c"


class Stage:
    """An installation with two users and an application, and browsers to visit it."""

    def __init__(self, made: Installation) -> None:
        self.made = made
        for name, role in (("root@contoso.com", "Global Administrator"), ("ada@contoso.com", "Security Reader")):
            wanted = users.Wanted(name, PASSWORD, (role,))
            made.db.write_now(partial(users.add, clock=made.clock, wanted=wanted))
        self.app = self.register("Viewer")

    def register(
        self, name: str, *, public: bool = False, scopes: tuple[str, ...] = (), exposes: tuple[str, ...] = ()
    ) -> Registered:
        asked = Registration(self.made.authority.tenant_id, name, ("SecurityEvents.Read.All",))
        registered = self.made.db.write_now(lambda connection: registrations.add(connection, self.made.clock, asked))
        sign_ins = SignIns((BACK, "http://localhost/back"), public, scopes, exposes)
        client_id = registered.client.client_id
        self.made.db.write_now(lambda connection: clients.put_sign_ins(connection, client_id, sign_ins))
        return registered

    def browser(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.made.app(), client=("192.0.2.1", 50000))
        return httpx.AsyncClient(transport=transport, base_url=HERE)

    def authorize_url(self, app: Registered | None = None, **more: str) -> str:
        given = {
            "client_id": (app or self.app).client.client_id,
            "response_type": "code",
            "redirect_uri": BACK,
            "scope": f"openid offline_access {READ}",
            "state": "s-1",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **more,
        }
        return str(httpx.URL("/contoso/oauth2/v2.0/authorize", params={k: v for k, v in given.items() if v}))

    def granted(self, app: Registered | None = None) -> consents.Consent | None:
        client_id = (app or self.app).client.client_id
        return self.made.db.read_now(lambda connection: consents.get(connection, client_id))

    def events(self) -> list[tuple[str, str, str]]:
        found = self.made.db.read_now(lambda connection: audit.latest(connection, 20))
        return [(each.activity, each.actor, each.outcome) for each in found]

    async def code(self, browser: httpx.AsyncClient, app: Registered | None = None, **more: str) -> str:
        """Walk through the pages as the administrator, and answer the code."""
        answer = await browser.get(self.authorize_url(app, **more))
        if answer.status_code == 200 and "password" in answer.text:
            answer = await sign_in(browser, answer, "root@contoso.com")
        if answer.status_code == 200 and "decision" in answer.text:
            answer = await decide(browser, answer, "accept")
        assert answer.status_code == 302, answer.text
        return fields(answer)["code"]

    async def redeem(self, browser: httpx.AsyncClient, app: Registered | None = None, **form: str) -> httpx.Response:
        found = app or self.app
        given = {
            "grant_type": "authorization_code",
            "client_id": found.client.client_id,
            "client_secret": found.secret,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
            **form,
        }
        return await browser.post("/contoso/oauth2/v2.0/token", data={k: v for k, v in given.items() if v})


class Key:
    """A key of an application, registered or not."""

    def __init__(self, made: Installation, app: Registered) -> None:
        self.made = made
        self.client_id = app.client.client_id
        self.private = RSAKey.generate_key(2048)

    def register(self) -> None:
        pem = self.private.as_pem(private=False).decode()
        now = schema.instant(self.made.clock.now())
        key = ClientKey(str(uuid.uuid4()), self.client_id, "t", pem, now)
        self.made.db.write_now(lambda connection: credentials.add_key(connection, key))

    def assertion(self, **changed: Any) -> str:
        now = int(self.made.clock.now().timestamp())
        said = {
            "aud": f"{HERE}/contoso/oauth2/v2.0/token",
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": str(uuid.uuid4()),
            "nbf": now,
            "exp": now + 600,
        }
        return jwt.encode({"alg": "RS256"}, {**said, **changed}, self.private)


def ticket(page: httpx.Response) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', page.text)
    assert found is not None, page.text
    return unescape(found[1])


def fields(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 302, answer.text
    parts = urlsplit(answer.headers["location"])
    return {name: values[0] for name, values in parse_qs(parts.query or parts.fragment).items()}


async def sign_in(
    browser: httpx.AsyncClient, page: httpx.Response, name: str, password: str = PASSWORD, **headers: str
) -> httpx.Response:
    form = {"ticket": ticket(page), "name": name, "password": password}
    return await browser.post("/identity/signin", data=form, headers={"origin": HERE, **headers})


async def decide(browser: httpx.AsyncClient, page: httpx.Response, decision: str, **headers: str) -> httpx.Response:
    form = {"ticket": ticket(page), "decision": decision}
    return await browser.post("/identity/decide", data=form, headers={"origin": HERE, **headers})


def claims(token: str) -> dict[str, Any]:
    body = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found
