"""The operations of this provider of resources, as roles and audits name them: worked out from the table of routes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sallyport.management.call import READ, Call, Deps, ResourceRoute, answer, route

PROVIDER = "Microsoft.Logic"
_KINDS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "action"}


async def listed(routes: Iterable[BaseRoute], _call: Call) -> Response:
    """Answer the operations that there are, under the names that roles give them."""
    found = [_operation(each) for each in routes if isinstance(each, ResourceRoute)]
    named = {each["name"]: each for each in found if each["display"]["provider"] == PROVIDER}
    return answer({"value": list(named.values())})


def routes(deps: Deps, others: Iterable[BaseRoute]) -> list[Route]:
    """Answer the route of the list, which tells of the others."""
    return [route(deps, "GET", f"/providers/{PROVIDER}/operations", READ, partial(listed, others))]


def _operation(of: ResourceRoute) -> dict[str, Any]:
    """Answer an operation: its name is the path without what stands for a name, and what it does there."""
    parts = of.path.rpartition("/providers/")[2].split("/")
    provider, *kinds = [part for part in parts if not part.startswith("{")]
    (method,) = (of.methods or set()) - {"HEAD"}
    about = (of.handler.__doc__ or "").partition("\n")[0]
    return {
        "name": "/".join([provider, *kinds, _KINDS[method]]),
        "display": {"provider": provider, "resource": "/".join(kinds), "operation": about},
    }
