"""docs/reference/http.md: every route that the server answers, from the tables that it routes by."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

from starlette.routing import BaseRoute, Route

from drawing import markdown
from sallyport.auth import routes as auth_routes
from sallyport.graph import routes as graph_routes
from sallyport.graph import threat_routes
from sallyport.graph.endpoint import Access
from sallyport.management import approvals, threat_intelligence
from sallyport.management import call as management_call
from sallyport.management import errors as management_errors
from sallyport.management import routes as management
from sallyport.web import health, scraping

#: What the paths of the management surface begin with.
LOGIC = "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Logic"


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    #: One of these is needed; empty when something else than a token decides.
    permissions: tuple[str, ...]
    handler: Callable[..., Any]
    #: What is needed instead of a permission, in words.
    instead: str = ""


#: What the Graph surface asks for where it asks for no permission.
_INSTEAD = {Access.PERMISSION: "", Access.TOKEN: "any token", Access.PUBLIC: "none, and no token"}


def page() -> str:
    """Draw the page."""
    return markdown.page(
        "HTTP",
        "Every route that the server answers. Where permissions are named, the request needs a bearer token "
        "with one of them:\n"
        "an application registered by `sallyport client add` gets one at the token endpoint, `sallyport token` "
        "prints that of\n"
        "the local administrator, which may do everything.",
        _part(
            "Microsoft Graph Security and ingest",
            "`{version}` is `v1.0` or `beta`; both serve the same. Segments match whatever their letter case, "
            "with a namespace\n"
            "(`microsoft.graph.security.`) in front or without. Errors have the shape of Microsoft Graph:\n"
            '`{"error": {"code", "message", "innerError": {"date", "request-id"}}}`.',
            graph(),
        ),
        _part(
            "Threat intelligence in STIX",
            "The upload of Microsoft Sentinel, whose `api-version` is not looked at, and a TAXII 2.1 server. Errors "
            'of the upload:\n`{"statusCode", "message"}`; of TAXII: `{"title", "error_code", "http_status"}`.',
            threat(),
        ),
        _part(
            "Management",
            f"The resources of Azure Resource Manager; `{{Logic}}` stands for\n`{LOGIC}`,\n`{{SecurityInsights}}` for\n"
            f"`{threat_intelligence.INSIGHTS}`.\n"
            "Any subscription, resource group and workspace means this installation,\n"
            'and `api-version` is not looked at. Errors: `{"error": {"code", "message"}}`.\n\n'
            "Of what Azure has there is nothing to answer for, and so 404 for: `requestHistories` and\n"
            "`listExpressionTraces` of actions and repetitions, `operations` of runs, `setState` of triggers,\n"
            "`listCallbackUrl` of a version's trigger, `move` and `generateUpgradedDefinition` of workflows, "
            "`integrationAccounts`\nand `integrationServiceEnvironments`.",
            managed(signed=False),
        ),
        _part(
            "Signed addresses",
            "No token: the signature in the query decides. A wrong signature and a missing workflow are "
            "answered alike, with 401.",
            managed(signed=True),
        ),
        _part("Links in mails", "No token: the link itself is signed, and works until somebody has chosen.", links()),
        _part(
            "Identity",
            "`{tenant}` is any tenant id or domain name, or `common`. Errors have the shape of RFC 6749 with "
            "Entra's additions.",
            identity(),
        ),
        _part(
            "Health and metrics",
            "No token for health. The [metrics](metrics.md) are shown to programs on the same machine, and to tokens "
            f"with `{scraping.PERMISSION}`.",
            healthy(),
        ),
    )


def graph() -> list[Operation]:
    """Answer the operations of the Graph surface."""
    return [
        Operation(each.method, each.path, each.permissions, each.handler, _INSTEAD[each.access])
        for each in graph_routes.ENDPOINTS
    ]


def threat() -> list[Operation]:
    """Answer the operations of threat intelligence in STIX."""
    return [
        Operation(each.method, each.path, each.permissions, each.handler, _INSTEAD[each.access])
        for each in threat_routes.ENDPOINTS
    ]


def managed(*, signed: bool) -> list[Operation]:
    """Answer the operations of the management surface: those behind permissions, or those behind signatures."""
    deps = cast("management_call.Deps", SimpleNamespace(engine=None, triggers=None, public_url="", body_limit_bytes=0))
    found = operations(management.routes(deps))
    return [each for each in found if bool(each.permissions) is not signed]


def links() -> list[Operation]:
    """Answer the operations of the links in mails that ask."""
    return operations(approvals.routes(cast("Any", None), cast("Any", None), cast("Any", None)))


def identity() -> list[Operation]:
    """Answer the operations of identity."""
    return operations(auth_routes.routes(cast("Any", None)))


def healthy() -> list[Operation]:
    """Answer the operations of health and metrics."""
    nobody = cast("Any", SimpleNamespace(read_from=lambda *_: None))
    shown = scraping.Scraping(nobody, nobody, nobody).routes()
    return operations([*health.Health(nobody, nobody).routes(), *shown])


def operations(routes: Iterable[BaseRoute]) -> list[Operation]:
    """Answer each method of each route; HEAD goes with GET."""
    return [
        Operation(method, route.path, getattr(route, "permissions", ()), handler(route))
        for route in routes
        if isinstance(route, Route)
        for method in sorted((route.methods or {"GET"}) - {"HEAD"})
    ]


def handler(route: Route) -> Callable[..., Any]:
    """Answer the function that does a route's work, out of what is wrapped around it."""
    found: Any = getattr(route, "handler", route.endpoint)
    while isinstance(found, functools.partial | management_errors.Drawn):
        found = found.func if isinstance(found, functools.partial) else found.handler
    return cast("Callable[..., Any]", found)


def short(path: str) -> str:
    """Answer a path as the page shows it."""
    return path.replace(LOGIC, "{Logic}").replace(threat_intelligence.INSIGHTS, "{SecurityInsights}")


def _part(title: str, about: str, found: list[Operation]) -> str:
    merged: dict[tuple[str, str, Any], list[str]] = {}
    for each in found:
        needed = each.instead or " or ".join(markdown.code(name) for name in each.permissions)
        merged.setdefault((each.path, needed, each.handler), []).append(each.method)
    with_permissions = any(needed for _, needed, _ in merged)
    heads = ("method", "path", *(["permission"] if with_permissions else []), "what it does")
    rows = (
        (
            ", ".join(methods),
            markdown.code(short(path)),
            *([needed] if with_permissions else []),
            markdown.sentence(work),
        )
        for (path, needed, work), methods in merged.items()
    )
    return f"## {title}\n\n{about}\n\n{markdown.table(heads, rows)}"
