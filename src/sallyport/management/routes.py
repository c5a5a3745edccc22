"""Every route of the management surface."""

from __future__ import annotations

from starlette.routing import BaseRoute

from sallyport.management import addresses, callbacks, operations, runs, threat_intelligence, triggers, workflows
from sallyport.management.call import Deps


def routes(deps: Deps) -> list[BaseRoute]:
    """Answer the routes: signed addresses first, because they are called most."""
    found: list[BaseRoute] = [
        *callbacks.routes(deps.engine, deps.body_limit_bytes),
        *workflows.routes(deps),
        *triggers.routes(deps),
        *addresses.routes(deps),
        *runs.routes(deps),
        *threat_intelligence.routes(deps),
    ]
    return [*found, *operations.routes(deps, found)]
