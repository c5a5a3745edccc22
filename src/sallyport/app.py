"""The composition root: settings become a database, the tables of plug-ins, an ASGI application and background loops.

The rule: this is the only place that knows every part of the house; no part knows this place.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta

import structlog
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Scope

from sallyport import settings
from sallyport.actions import ACTIONS
from sallyport.auth import administrator, standing
from sallyport.auth import routes as auth_routes
from sallyport.auth import token as token_endpoint
from sallyport.auth.administrator import FirstSecret
from sallyport.auth.authority import Authority
from sallyport.auth.basic import Basic
from sallyport.auth.bearer import Bearer
from sallyport.auth.connector import ConnectorTokens
from sallyport.auth.watch import Watch
from sallyport.clock import Clock, SystemClock
from sallyport.connectors import Connectors, custom
from sallyport.connectors.outside import MailPort, Outside
from sallyport.engine import entries
from sallyport.engine.engine import Engine, Parts
from sallyport.engine.library import Place
from sallyport.engine.limits import Limits
from sallyport.engine.ports import ConnectorPort, Ports
from sallyport.engine.retention import Kept, Retention
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.errors import SallyportError
from sallyport.graph import routes as graph_routes
from sallyport.graph import throttle
from sallyport.graph.alert_readers import AlertReaders, default_processes
from sallyport.graph.call import Deps as GraphDeps
from sallyport.graph.error_shapes import is_taxii
from sallyport.graph.errors import Exchange as GraphExchange
from sallyport.graph.indicator_search import IndicatorSearch
from sallyport.graph.notifications import Notifications
from sallyport.graph.throttle import Throttle
from sallyport.graph.throttle_sharing import Sharing
from sallyport.management import approvals
from sallyport.management import routes as management_routes
from sallyport.management.call import Deps as ManagementDeps
from sallyport.recorder import Recorder
from sallyport.store import migrations
from sallyport.store.database import Database
from sallyport.store.reserve import Reserve
from sallyport.store.sealing import Sealer
from sallyport.triggers.batch import Batches
from sallyport.triggers.children import Children
from sallyport.triggers.loop import Loop
from sallyport.wdl.findings import Limits as DefinitionLimits
from sallyport.web import errors as web_errors
from sallyport.web import signed_urls, tracing
from sallyport.web.access import Access
from sallyport.web.egress import Egress
from sallyport.web.egress_policy import EgressPolicy
from sallyport.web.health import Health
from sallyport.web.limits import Limits as RequestLimits
from sallyport.web.mailbox import FOLDER as MAIL_FOLDER
from sallyport.web.mailbox import Mailbox
from sallyport.web.metrics import Metrics
from sallyport.web.public_scheme import PublicScheme
from sallyport.web.request_ids import RequestIds
from sallyport.web.scraping import Scraping
from sallyport.web.security_headers import SecurityHeaders
from sallyport.web.smtp import Smtp
from sallyport.web.tracing import Tracing

log = structlog.get_logger(__name__)

#: Where the house reaches its own Graph without leaving the process.
GRAPH_ORIGIN = "http://graph.internal"
RESOURCE_GROUP = "sallyport"
LOCATION = "local"


@dataclass(slots=True)
class House:
    """Everything that runs in one process."""

    settings: settings.Settings
    clock: Clock
    database: Database
    authority: Authority
    engine: Engine
    triggers: Loop
    retention: Retention
    indicator_search: IndicatorSearch
    notifications: Notifications
    readers: AlertReaders
    sharing: Sharing
    egress: Egress
    #: The mailbox on loopback that stands in while no mail server is configured.
    mailbox: Mailbox | None
    app: ASGIApp
    tracing: Tracing
    #: What a first start tells once.
    first: FirstSecret | None
    watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.authority)

    async def open(self) -> None:
        """Begin to work: first the runs that were going on, then the triggers."""
        if self.mailbox is not None:
            await self.mailbox.open()
        await self.engine.open()
        await self.triggers.open()
        await self.watch.open()
        await self.retention.open()
        await self.indicator_search.open()
        await self.notifications.open()
        await self.sharing.open()
        log.info("house.open", url=self.settings.public_url, data=str(self.settings.data))

    async def close(self) -> None:
        """Stop; whatever is not finished goes on after the next start."""
        await self.sharing.close()
        await self.readers.close()
        await self.notifications.close()
        await self.indicator_search.close()
        await self.retention.close()
        await self.watch.close()
        await self.triggers.close()
        await self.engine.close()
        await self.egress.close()
        if self.mailbox is not None:
            await self.mailbox.close()
        await self.tracing.close()
        self.database.close()
        log.info("house.closed")


def build(
    chosen: settings.Settings,
    *,
    clock: Clock | None = None,
    mail: MailPort | None = None,
    connectors: ConnectorPort | None = None,
) -> House:
    """Put the house together over the data folder and the database that the settings name; nothing runs yet.

    `mail` and `connectors` stand in for the mail server and the outside APIs where a test or an offline run says so.
    Raises InvalidSetting, InvalidConnector, and StorageUnavailable or MailboxUnavailable where those cannot be had.
    """
    clock, traces = clock or SystemClock(), tracing.chosen(chosen.otlp_endpoint)
    metrics = Metrics(traces)
    egress = Egress(EgressPolicy.chosen(chosen), clock, recorder=metrics)
    added = custom.read(chosen.custom_connectors, custom.Means(egress, clock, chosen.app_settings))
    database = _database(chosen)
    authority, first = administrator.start(
        database, chosen.data, clock, chosen.tenant_id, chosen.token_lifetime_seconds
    )
    mailbox, mail = (None, mail) if mail is not None else _mail(chosen, clock)
    reached = connectors or Connectors(_outside(chosen, clock, authority, egress, mail), added)
    engine = _engine(chosen, clock, database, authority, egress, reached, metrics)
    triggers = Loop(engine, lambda workflow, name: _trigger_url(chosen, workflow, name))
    search = IndicatorSearch(database, clock, chosen.match_days, chosen.indicator_retention_days)
    asked = _graph_deps(chosen, clock, database, authority, egress, search, metrics)
    graph = _graph(chosen, authority, asked)
    egress.mount(GRAPH_ORIGIN, graph)
    surfaces = _surfaces(chosen, engine, triggers, authority, egress, graph, metrics)
    app = _app(chosen, clock, authority, surfaces, metrics)
    # A link in a mail, or another workflow's address, leads back here: answered in this process, not over loopback.
    egress.mount(chosen.public_url, app)
    return House(
        chosen,
        clock,
        database,
        authority,
        engine,
        triggers,
        _retention(chosen, database, clock, metrics),
        search,
        Notifications(database, clock, egress, authority.tokens.validation, recorder=metrics, rights=standing.rights),
        asked.readers,
        Sharing(database, clock, asked.throttle),
        egress,
        mailbox,
        app,
        traces,
        first,
    )


def _database(chosen: settings.Settings) -> Database:
    chosen.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = Database(chosen.database_url, chosen.read_timeout_seconds)
    migrations.upgrade(database)
    return database


def _mail(chosen: settings.Settings, clock: Clock) -> tuple[Mailbox | None, MailPort]:
    """Answer the mailbox that stands in for a mail server where there is none, and who sends mail."""
    mailbox = None if chosen.smtp_host else Mailbox(chosen.data / MAIL_FOLDER, clock, chosen.mailbox_port)
    return mailbox, Smtp(chosen, mailbox_port=mailbox.port if mailbox is not None else 0)


def _retention(chosen: settings.Settings, database: Database, clock: Clock, metrics: Metrics) -> Retention:
    kept = Kept(
        timedelta(days=chosen.history_retention_days),
        timedelta(days=chosen.alert_retention_days) if chosen.alert_retention_days else None,
        timedelta(days=chosen.audit_retention_days) if chosen.audit_retention_days else None,
    )
    held = None
    if database.file is not None and chosen.reserve_bytes:
        held = Reserve(database.file.parent, chosen.reserve_bytes)
        metrics.read_from("retention_reserve_held", lambda: held.held)
    return Retention(database, clock, kept, held=held, recorder=metrics)


def _outside(chosen: settings.Settings, clock: Clock, authority: Authority, egress: Egress, mail: MailPort) -> Outside:
    return Outside(
        http=egress,
        mail=mail,
        clock=clock,
        graph_token=ConnectorTokens(authority, chosen.public_url).token,
        graph_base_url=chosen.graph_base_url or GRAPH_ORIGIN,
        graph_is_own=chosen.graph_base_url is None,
        public_url=chosen.public_url,
        sign=_sign(authority.sealer),
        from_address=chosen.from_address,
    )


def _engine(
    chosen: settings.Settings,
    clock: Clock,
    database: Database,
    authority: Authority,
    egress: Egress,
    connectors: ConnectorPort,
    recorder: Recorder,
) -> Engine:
    sealer = authority.sealer
    ports = Ports(
        http=egress,
        connectors=connectors,
        children=Children(lambda: engine),
        batches=Batches(lambda: engine),
        app_settings=chosen.app_settings,
    )

    def callback_url(workflow: DeployedWorkflow, run_id: str, action: str, repetition: str) -> str:
        key = engine.library.access_key(workflow)
        return signed_urls.action_url(chosen.public_url, workflow.id, key, run_id, action, repetition)

    engine = Engine(
        Parts(
            database=database,
            clock=clock,
            ports=ports,
            limits=Limits(
                request_timeout_seconds=chosen.request_timeout_seconds,
                run_duration=timedelta(days=chosen.run_duration_days),
            ),
            seal=entries.Seal(lambda plain: sealer.seal(plain, "run"), lambda text: sealer.open(text, "run")),
            place=Place(authority.tenant_id, RESOURCE_GROUP, LOCATION),
            action_types=ACTIONS,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            callback_url=callback_url,
            recorder=recorder,
        )
    )
    engine.dispatch.capacity = chosen.max_concurrent_runs
    return engine


def _trigger_url(chosen: settings.Settings, workflow: DeployedWorkflow, name: str) -> str:
    return signed_urls.trigger_url(chosen.public_url, workflow.id, workflow.access_key, name)


def _graph_deps(
    chosen: settings.Settings,
    clock: Clock,
    database: Database,
    authority: Authority,
    egress: Egress,
    search: IndicatorSearch,
    recorder: Recorder,
) -> GraphDeps:
    processes = default_processes() if chosen.reading_processes is None else chosen.reading_processes
    return GraphDeps(
        database,
        clock,
        egress,
        authority.tenant_id,
        throttle=Throttle(clock, _request_limits(chosen)),
        workspaces=frozenset(each.lower() for each in chosen.workspace_ids),
        strict_indicators=chosen.strict_indicators,
        indicators_stored=search.ring,
        readers=AlertReaders(clock, processes),
        recorder=recorder,
    )


def _graph(chosen: settings.Settings, authority: Authority, deps: GraphDeps) -> ASGIApp:
    checked = Middleware(Bearer, authority=authority, accept_bare=chosen.accept_bare_tokens)
    by_secret = Middleware(Basic, authority=authority, takes=is_taxii)
    return graph_routes.graph_app(deps, [checked, by_secret])


def _surfaces(
    chosen: settings.Settings,
    engine: Engine,
    triggers: Loop,
    authority: Authority,
    egress: Egress,
    graph: ASGIApp,
    metrics: Metrics,
) -> ASGIApp:
    limits = _definition_limits(chosen)
    managed = ManagementDeps(engine, triggers, chosen.public_url, chosen.body_limit_bytes, limits)
    health = Health(engine.database, engine.clock)
    return Router(
        [
            *management_routes.routes(managed),
            graph_routes.GraphRoute(graph),
            *health.routes(),
            *Scraping(metrics, engine.database, engine.clock).routes(),
            *approvals.routes(egress, _sign(authority.sealer), engine.clock),
            *auth_routes.routes(authority),
        ],
        redirect_slashes=False,
    )


def _request_limits(chosen: settings.Settings) -> Mapping[str, throttle.Limit]:
    try:
        return throttle.limits(chosen.throttle, chosen.throttle_limits)
    except throttle.UnknownScope as unknown:
        there = f"there are: {', '.join(throttle.LIKE_GRAPH)}"
        raise settings.InvalidSetting(f"throttle_limits.{unknown.name}", "there is no such scope", there) from None


def _definition_limits(chosen: settings.Settings) -> DefinitionLimits:
    known = [each.name for each in fields(DefinitionLimits)]
    for name in chosen.limits:
        if name not in known:
            raise settings.InvalidSetting(f"limits.{name}", "there is no such limit", f"there are: {', '.join(known)}")
    return DefinitionLimits(**chosen.limits)


#: Which part of the server answers, by the beginning of the path in lower case.
SURFACES = (
    *((pattern, "graph") for pattern in graph_routes.PATTERNS),
    ("/subscriptions/*", "management"),
    ("/workflows/*", "callbacks"),
    ("/approvals/*", "approvals"),
    *((path, "watching") for path in ("/healthz", "/readyz", "/metrics")),
    *((pattern, "identity") for pattern in ("/*/oauth2/*", "/*/discovery/*", "/*/.well-known/*", "/*/adminconsent")),
)


def _app(chosen: settings.Settings, clock: Clock, authority: Authority, surfaces: ASGIApp, metrics: Metrics) -> ASGIApp:
    """Put what every request passes through around the surfaces, innermost first."""
    app: ASGIApp = Bearer(surfaces, authority, chosen.accept_bare_tokens)
    drawings = _drawings(clock)
    app = RequestLimits(app, clock, chosen.body_limit_bytes, drawings)
    app = web_errors.Errors(app, clock, drawings)
    app = SecurityHeaders(PublicScheme(app, chosen.public_url))
    return RequestIds(Access(app, clock, metrics, SURFACES))


def _drawings(clock: Clock) -> web_errors.Drawings:
    """Answer how surfaces draw what fails before they are reached; the others draw as all have in common."""

    def as_graph(scope: Scope, error: SallyportError) -> Response:
        return GraphExchange(scope).drawn(error, clock)

    return [
        *((pattern, as_graph) for pattern in graph_routes.PATTERNS),
        ("/*/oauth2/*token", lambda scope, error: token_endpoint.drawn(clock, scope, error)),
        ("/approvals/*", lambda _scope, error: approvals.drawn(error)),
    ]


def _sign(sealer: Sealer) -> Callable[[bytes], str]:
    key = sealer.derive("approvals")
    return lambda data: hmac.new(key, data, hashlib.sha256).hexdigest()
