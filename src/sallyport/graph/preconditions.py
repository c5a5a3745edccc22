"""`If-Match`: a change that is meant for one version of a resource, RFC 9110, section 13.1.1."""

from __future__ import annotations

from sallyport.graph.errors import PreconditionFailed


def demand(match: str | None, tag: str) -> None:
    """Raise PreconditionFailed when the header names versions, and a resource's entity tag is not among them."""
    if match is not None and match != "*" and tag not in [each.strip() for each in match.split(",")]:
        raise PreconditionFailed
