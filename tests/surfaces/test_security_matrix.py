"""Every route, called by everybody: what each caller may do follows from the tables of routes, and from nothing else.

The callers are real tokens; the server is the composed application. A route that asks for no permission must stand in
`OPEN`, with what decides in its place: a new one that does not is found.
"""

from __future__ import annotations

import asyncio
import functools
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.routing import Route, Router

from drawing import http
from sallyport import app, settings
from sallyport.auth.permissions import PERMISSIONS
from sallyport.auth.roles import ADMINISTRATOR, ROLES
from sallyport.auth.tokens import Person, Subject
from sallyport.clock import ManualClock
from sallyport.graph import routes as graph_routes
from sallyport.graph import threat_routes
from sallyport.graph.endpoint import Access
from sallyport.graph.routes import GraphRoute

#: What decides where no permission is asked for, by the beginning of the path.
OPEN = {
    "/healthz": "whether the process lives is no secret",
    "/readyz": "whether it can work is no secret",
    "/metrics": "a token with Sallyport.Metrics, or being on the same machine",
    "/workflows/": "the signature in the address",
    "/approvals/": "the signature of the link",
    "/common/discovery/instance": "where tokens are issued is no secret",
    "/devicelogin": "a page that asks for the code of a device, and then who somebody is",
    "/identity/": "the ticket of the page, the browser that it was given to, and its session",
    "/oidc/userinfo": "a token in a user's name, whatever it allows",
    "/{tenant}/": "the protocols of identity, which issue the tokens",
}
#: What is sent with POST and changes nothing.
HARMLESS: tuple[str, ...] = ("validate", "listSwagger", "queryIndicators", "query")
EVERYTHING = tuple(PERMISSIONS)
ALONE = [(name,) for name in PERMISSIONS]


@dataclass(frozen=True)
class Operation:
    """One method of one path, and who may call it."""

    method: str
    path: str
    permissions: tuple[str, ...]
    access: Access = Access.PERMISSION

    def __str__(self) -> str:
        return f"{self.method} {http.short(self.path)}"

    @property
    def addresses(self) -> list[str]:
        """Answer the addresses to call."""
        named = re.sub(r"{(?!version)\w+}", "nothing", self.path)
        roots = ("v1.0", "beta") if "{version}" in named else ("",)
        return [named.replace("{version}", root) for root in roots]


def managed(found: list[http.Operation]) -> list[Operation]:
    """Answer operations that are documented."""
    return [Operation(each.method, each.path, each.permissions) for each in found]


GRAPH = [Operation(each.method, each.path, each.permissions, each.access) for each in graph_routes.DESCRIBED]
MANAGEMENT = managed(http.managed(signed=False))
GUARDED = [each for each in (*GRAPH, *MANAGEMENT) if each.access is not Access.PUBLIC]


class House:
    """The composed application, and the tokens of its callers."""

    def __init__(self, made: app.House) -> None:
        self.made = made
        self.clock = made.clock

    def token(self, *roles: str, **claims: Any) -> str:
        """Answer a token with application permissions; `claims` that differ, `key` that signs in place of ours."""
        ring = self.made.authority.ring
        minted = self.made.authority.tokens.mint(Subject("caller", "Caller", roles))
        good = jwt.decode(minted, ring.private).claims
        key = claims.pop("key", ring.private)
        return jwt.encode({"alg": "RS256", "kid": ring.kid, "typ": "JWT"}, {**good, **claims}, key)

    def delegated(self, wids: tuple[str, ...], scopes: tuple[str, ...]) -> str:
        """Answer a token with which an application acts for a user who has some roles."""
        person = Person("user", "a@contoso.com", "A", wids, scopes, "family")
        return self.made.authority.tokens.mint(Subject("caller", "Caller", (), person))

    def answers(self, operation: Operation, tokens: list[str | None]) -> list[httpx.Response]:
        """Call an operation with each token, under each of its addresses."""

        async def call() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.made.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
                return [
                    await client.request(operation.method, address, headers=bearing(token), **body(operation))
                    for token in tokens
                    for address in operation.addresses
                ]

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, call()).result()


def bearing(token: str | None) -> dict[str, str]:
    """Answer the headers of a request with a token."""
    return {} if token is None else {"authorization": f"Bearer {token}"}


def body(operation: Operation) -> dict[str, Any]:
    """Answer a body that no operation can use."""
    return {} if operation.method in ("GET", "DELETE") else {"content": b"{"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One server for all."""
    folder = tmp_path_factory.mktemp("house")
    chosen = settings.load({"SALLYPORT_DATA": str(folder), "SALLYPORT_SMTP_HOST": "mail.example"})
    made = app.build(chosen, clock=ManualClock())
    yield House(made)
    made.database.close()


@functools.cache
def foreign_key() -> RSAKey:
    """Answer a key that is not ours."""
    return RSAKey.generate_key(2048)


def refusal(answered: httpx.Response) -> str:
    """Answer the code of a refusal in the shape of its surface; that of the STIX upload has none but the status."""
    media, said = answered.headers["content-type"], answered.json()
    if threat_routes.takes(answered.request.url.path):
        if media.startswith("application/taxii+json"):
            return str(said["error_code"])
        assert said["statusCode"] == answered.status_code
        return {401: "InvalidAuthenticationToken", 403: "Forbidden"}[answered.status_code]
    assert media.startswith("application/json"), answered.text
    return str(said["error"]["code"])


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_whoever_brings_no_token_that_holds_is_not_let_in(house: House, operation: Operation) -> None:
    other = str(uuid.uuid4())
    now = int(house.clock.now().timestamp())
    faulty: dict[str, str | None] = {
        "none": None,
        "empty": "",
        "expired": house.token(*EVERYTHING, nbf=now - 7200, exp=now - 3600),
        "of tomorrow": house.token(*EVERYTHING, nbf=now + 3600, exp=now + 7200),
        "of another tenant": house.token(*EVERYTHING, tid=other),
        "of another issuer": house.token(*EVERYTHING, iss=f"urn:sallyport:{other}", tid=other),
        "for another resource": house.token(*EVERYTHING, aud="https://vault.azure.net"),
        "of another key": house.token(*EVERYTHING, key=foreign_key()),
    }
    for answered in house.answers(operation, list(faulty.values())):
        assert answered.status_code == 401, (answered.request.headers, answered.text)
        assert refusal(answered) == "InvalidAuthenticationToken"
        assert answered.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_each_permission_alone_opens_what_the_table_says(house: House, operation: Operation) -> None:
    for granted in [(), ("Everything.ReadWrite.All",), *ALONE, EVERYTHING]:
        may = operation.access is Access.TOKEN or not set(granted).isdisjoint(operation.permissions)
        for answered in house.answers(operation, [house.token(*granted)]):
            if may:
                assert answered.status_code not in (401, 403), (granted, answered.text)
            else:
                assert answered.status_code == 403, (granted, answered.text)
                assert refusal(answered) == "Forbidden"


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_a_user_may_do_what_the_roles_allow_however_much_was_granted(house: House, operation: Operation) -> None:
    own = {name: ((role.id,), role.allows) for name, role in ROLES.items()}
    none: frozenset[str] = frozenset()
    for role, (wids, allowed) in {**own, "none": ((), none), "of nobody": ((str(uuid.uuid4()),), none)}.items():
        may = operation.access is Access.TOKEN or not allowed.isdisjoint(operation.permissions)
        token = house.delegated(wids, EVERYTHING)
        for answered in house.answers(operation, [token]):
            assert (answered.status_code not in (401, 403)) is may, (role, answered.text)
            assert may or refusal(answered) == "Forbidden"


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_a_user_may_do_what_was_granted_however_much_the_roles_allow(house: House, operation: Operation) -> None:
    for granted in [("openid",), *ALONE, EVERYTHING]:
        implied = {*granted, *(name.replace(".ReadWrite.All", ".Read.All") for name in granted)}
        may = operation.access is Access.TOKEN or not implied.isdisjoint(operation.permissions)
        token = house.delegated((ROLES[ADMINISTRATOR].id,), granted)
        for answered in house.answers(operation, [token]):
            assert (answered.status_code not in (401, 403)) is may, (granted, answered.text)
            assert may or refusal(answered) == "Forbidden"


def test_who_only_reads_changes_nothing() -> None:
    reads = ROLES["Security Reader"].allows
    opened = [each for each in GUARDED if each.method != "GET" and not reads.isdisjoint(each.permissions)]
    assert [str(each) for each in opened if each.path.rpartition("/")[2] not in HARMLESS] == []


@pytest.mark.parametrize("operation", [each for each in GRAPH if each.access is Access.PUBLIC], ids=str)
def test_what_is_public_is_shown_to_anybody(house: House, operation: Operation) -> None:
    for answered in house.answers(operation, [None, "no token"]):
        assert answered.status_code == 200


def test_every_permission_that_a_route_names_can_be_granted() -> None:
    named = {each for operation in GUARDED for each in operation.permissions}
    assert named - set(PERMISSIONS) == set()


def test_a_route_asks_for_a_permission_or_says_what_decides_instead(house: House) -> None:
    assert [str(each) for each in GRAPH if each.access is Access.PERMISSION and not each.permissions] == []
    others = [each for each in innermost(house.made.app).routes if not isinstance(each, GraphRoute)]
    assert [each for each in others if not isinstance(each, Route)] == [], "a kind of route that nobody guards"
    found = managed(http.operations(others))
    silent = {each.path for each in found if not each.permissions}
    assert [path for path in silent if not path.startswith(tuple(OPEN))] == []
    assert {each for each in found if each.permissions} == set(MANAGEMENT)


def test_reading_never_needs_more_than_writing() -> None:
    for each in GUARDED:
        writes = [other for other in GUARDED if other.path == each.path and other.method in ("PATCH", "DELETE")]
        if each.method == "GET" and writes:
            assert {name for other in writes for name in other.permissions} <= set(each.permissions), str(each)


def innermost(application: Any) -> Router:
    """Answer the router inside all that is wrapped around it."""
    while not isinstance(application, Router):
        application = vars(application)["app" if "app" in vars(application) else "_app"]
    return application
