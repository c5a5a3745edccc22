"""The tenant in the path of an endpoint."""

from __future__ import annotations

import re

from starlette.requests import Request

from sallyport.auth import refusals

_TENANT = re.compile(r"[0-9A-Za-z][0-9A-Za-z.-]{0,252}\Z")


def check_tenant(request: Request) -> None:
    """Raise `TenantNotFound` when the path's tenant cannot be a tenant's name.

    Deviation: every tenant id and domain name means the one tenant of this installation, so that scripts keep theirs.
    """
    tenant = str(request.path_params["tenant"])
    if not _TENANT.match(tenant):
        raise refusals.TenantNotFound(tenant[:64])
