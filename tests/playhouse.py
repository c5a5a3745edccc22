"""A whole house for tests of playbooks: the real one, on a database, a clock, a mail server and an outside of its own.

The rule: playbooks are deployed as `sallyport deploy` does it and watched through the surfaces that everybody has; only
what lies outside of the house is the test's.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sallyport import app, settings
from sallyport.auth import administrator, connector, consents
from sallyport.cli import deploy, sources
from sallyport.cli.remote import INGEST, Remote, _refusal
from sallyport.cli.sources import Given
from sallyport.clock import ManualClock
from sallyport.connector_call import ConnectorCall
from sallyport.connectors import Connectors, custom
from sallyport.http_messages import Headers, InboundResponse
from sallyport.statuses import TERMINAL
from sallyport.store import runs, schema, trigger_states

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
PUBLIC_URL = "http://sallyport.test"
#: How long a test waits, in real time, for what must happen.
_PATIENCE_SECONDS = 20.0

#: What the outside answers: status and body.
Reply = tuple[int, Any]


@dataclass
class Mails:
    """The mail server: takes every mail."""

    sent: list[tuple[EmailMessage, tuple[str, ...]]] = field(default_factory=list)

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, str]:
        self.sent.append((message, tuple(recipients)))
        return {}

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message, _ in self.sent]

    def html(self, index: int = -1) -> str:
        """Answer the HTML of a mail."""
        body = self.sent[index][0].get_body(("html",))
        assert body is not None
        text: str = body.get_content()
        return text


@dataclass
class Outside:
    """What answers instead of other companies' services: connectors by `api METHOD path`, the web by `METHOD path`.

    A connector that is not named in `mocked` is the house's own.
    """

    mocked: frozenset[str] = frozenset()
    replies: dict[str, Reply] = field(default_factory=dict)
    #: Every call of a connector, mocked or not.
    calls: list[ConnectorCall] = field(default_factory=list)
    #: Every request over the web: method, URL, headers, body.
    requests: list[tuple[str, str, Mapping[str, str], Any]] = field(default_factory=list)
    own: Connectors | None = None

    async def call(self, call: ConnectorCall) -> InboundResponse:
        self.calls.append(call)
        if call.api not in self.mocked:
            assert self.own is not None
            return await self.own.call(call)
        status, body = self._reply(f"{call.api} {call.method} {call.path}")
        raw = b"" if body is None else json.dumps(body).encode()
        return InboundResponse(status, Headers({"content-type": "application/json"} if raw else {}), raw)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request over the web."""
        request = Request(scope, receive)
        raw = await request.body()
        self.requests.append((request.method, str(request.url), request.headers, json.loads(raw) if raw else None))
        status, body = self._reply(f"{request.method} {request.url.path}")
        await Response(json.dumps(body), status, media_type="application/json")(scope, receive, send)

    def _reply(self, key: str) -> Reply:
        assert key in self.replies, f"nobody expects {key!r}; expected are {sorted(self.replies)}"
        return self.replies[key]

    def of(self, api: str) -> list[tuple[str, str, Any]]:
        """Answer the calls of one connector: method, path and body, or the queries where there is no body."""
        found = [each for each in self.calls if each.api == api]
        return [(each.method, each.path, each.body or dict(each.queries) or None) for each in found]


@dataclass(frozen=True)
class Ended:
    """A run that has ended, as the management API shows it."""

    status: str
    #: The actions outside of loops, by name.
    actions: Mapping[str, Mapping[str, Any]]
    #: The statuses of what is inside of loops, by name and repetition.
    repeated: Mapping[str, Mapping[str, str]]

    def statuses(self) -> dict[str, str]:
        return {name: each["status"] for name, each in self.actions.items()}


class _Bridge(Remote):
    """The server of the command line, whose requests go into the house."""

    def __init__(self, client: httpx.AsyncClient, loop: asyncio.AbstractEventLoop) -> None:
        self.url = PUBLIC_URL
        self._asynchronous = client
        self._loop = loop

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        asked = asyncio.run_coroutine_threadsafe(self._asynchronous.request(method, path, **more), self._loop)
        response = asked.result(_PATIENCE_SECONDS)
        if response.is_error:
            raise _refusal(response)
        return response


class Playhouse:
    """One house, open."""

    def __init__(self, house: app.House, clock: ManualClock, mails: Mails, outside: Outside) -> None:
        self.house = house
        self.clock = clock
        self.mails = mails
        self.outside = outside
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(house.app),
            base_url=PUBLIC_URL,
            auth=_Administrator(house, clock),
            timeout=_PATIENCE_SECONDS,
        )

    async def deploy(self, *paths: Path, **values: str) -> list[deploy.Deployed]:
        """Deploy files as `sallyport deploy PATHS --set name=value` does."""
        found, given = sources.find(paths), Given(settings=values)
        sources.check_settings(found, given)
        server = _Bridge(self.client, asyncio.get_running_loop())
        return await asyncio.to_thread(lambda: list(deploy.deploy(server, found, given)))

    async def ingest(self, *alerts: Mapping[str, Any]) -> None:
        """Bring alerts as a product does."""
        await self.post(INGEST, list(alerts))

    async def get(self, path: str, **query: str) -> Any:
        response = await self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None) -> httpx.Response:
        response = await self.client.post(path, json=body)
        assert response.is_success, response.text
        return response

    async def alert(self, alert_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.get(f"/v1.0/security/alerts/{alert_id}")
        return found

    async def indicators(self) -> list[dict[str, Any]]:
        """Answer every indicator, whoever made it."""
        found: list[dict[str, Any]] = (await self.get("/beta/security/tiIndicators"))["value"]
        return found

    async def later(self, **span: float) -> None:
        """Let time pass, once nothing is left to do now."""
        await self._at_rest()
        await self.clock.advance(timedelta(**span))
        await self._at_rest()

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait, in real time, for what must happen."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while not happened():
                await asyncio.sleep(0.01)

    async def runs(self, workflow: str, count: int) -> list[Ended]:
        """Wait until so many runs of a workflow have ended, and answer them, the oldest first; there are no more."""
        path = f"{_Bridge.workflow(_NOBODY, workflow)}/runs"
        terminal = {each.value for each in TERMINAL}
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                listed = (await self.get(path))["value"]
                if len(listed) >= count and all(each["properties"]["status"] in terminal for each in listed):
                    break
                await asyncio.sleep(0.02)
        assert len(listed) == count, [each["name"] for each in listed]
        return [await self._ended(f"{path}/{each['name']}", each) for each in reversed(listed)]

    async def histories(self, workflow: str, trigger: str) -> list[str]:
        """Answer how a trigger's firings went, the earliest first."""
        path = f"{_Bridge.workflow(_NOBODY, workflow)}/triggers/{trigger}/histories"
        return [each["properties"]["status"] for each in reversed((await self.get(path))["value"])]

    async def _ended(self, path: str, run: Mapping[str, Any]) -> Ended:
        expanded = await self.get(path, **{"$expand": "properties/actions,workflow/properties"})
        actions = expanded["properties"]["actions"]
        definition = expanded["properties"]["workflow"]["properties"]["definition"]
        repeated = {}
        for name in _inside_loops(definition["actions"]):
            found = (await self.get(f"{path}/actions/{name}/repetitions"))["value"]
            repeated[name] = {each["name"]: each["properties"]["status"] for each in found}
        return Ended(run["properties"]["status"], actions, repeated)

    async def _at_rest(self) -> None:
        """Wait, in real time, until nobody looks and nothing is due."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            triggers = self.house.triggers
            # Asked twice: what is taken between may be at work when nothing is due any more.
            while triggers.busy or await self.house.database.read(self._is_due) or triggers.busy:
                await asyncio.sleep(0.01)

    def _is_due(self, connection: Connection) -> bool:
        due = (trigger_states.next_due(connection), runs.next_wake_at(connection))
        now = schema.instant(self.clock.now())
        return any(each is not None and each <= now for each in due)


@dataclass
class _Administrator(httpx.Auth):
    """Signs each request with a token that is valid when it is sent."""

    house: app.House
    clock: ManualClock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = administrator.local_token(self.house.database, self.house.settings.data, self.clock)
        request.headers["Authorization"] = f"Bearer {token}"
        yield request


#: Asked only for paths.
_NOBODY: Any = None


@asynccontextmanager
async def opened(
    folder: Path,
    outside: Outside | None = None,
    *,
    web: Iterable[str] = (),
    now: datetime = NOW,
    consented: bool = True,
    **more: object,
) -> AsyncIterator[Playhouse]:
    """Answer a house that works; `web` are the origins at which the outside answers over the web.

    The connector's application has its consent unless `consented` says otherwise; `more` are further settings.
    """
    given = {"data": folder / "data", "public_url": PUBLIC_URL, "reserve_bytes": 0, **more}
    chosen = settings.load({}, given=given)
    clock, mails, outside = ManualClock(now), Mails(), outside or Outside()
    house = app.build(chosen, clock=clock, mail=mails, connectors=outside)
    added = custom.read(chosen.custom_connectors, custom.Means(house.egress, clock, chosen.app_settings))
    outside.own = Connectors(app._outside(chosen, clock, house.authority, house.egress, mails), added)
    for origin in web:
        house.egress.mount(origin, outside)
    if consented:
        await house.database.write(lambda connection: consents.grant(connection, clock, connector.CLIENT_ID))
    await house.open()
    play = Playhouse(house, clock, mails, outside)
    try:
        yield play
    finally:
        await play.client.aclose()
        await house.close()


def _inside_loops(actions: Mapping[str, Any], *, inside: bool = False) -> list[str]:
    found = []
    for name, action in actions.items():
        found += [name] if inside else []
        blocks = [action, action.get("else") or {}, action.get("default") or {}, *(action.get("cases") or {}).values()]
        looping = inside or action["type"].casefold() in ("foreach", "until")
        for block in blocks:
            found += _inside_loops(block.get("actions") or {}, inside=looping)
    return found
