"""The upload of STIX objects, by the contract of Microsoft Sentinel's upload API, and of the form before it.

The rule: every well-formed object is stored, whatever the others are; 200 without a body says that all were.
Deviation: where every object is bad, the answer is 200 with an error for each; Azure does not say.
https://learn.microsoft.com/azure/sentinel/stix-objects-api
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from sallyport import errors
from sallyport.graph import stix_storing
from sallyport.graph.call import Call, answer
from sallyport.security import stix

#: Documented.
MOST = 100
_LONGEST_SOURCE = 256
_RESERVED = "microsoft sentinel"


class UnknownWorkspace(errors.NotFound):
    """Raised when an upload names a workspace that this server does not stand for."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"The workspace '{workspace[:80]}' was not found.")
        self.workspace = workspace


class InvalidUpload(errors.BadRequest):
    """Raised when an upload is not `sourcesystem` and a list of objects."""


async def upload(call: Call) -> Response:
    """Store the STIX objects under `stixobjects`; answer what was wrong with which."""
    return await _upload(call, "stixobjects")


async def upload_indicators(call: Call) -> Response:
    """Store the STIX objects under `value`, as the form before it had them."""
    return await _upload(call, "value")


async def _upload(call: Call, name: str) -> Response:
    allowed = call.deps.workspaces
    if allowed and call.names["workspace"].lower() not in allowed:
        raise UnknownWorkspace(call.names["workspace"])
    source, given = _read(await call.json(), name)
    wrong = [(index, faults) for index, each in enumerate(given) if (faults := stix.faults(each))]
    bad = {index for index, _ in wrong}
    good = [stix_storing.brought(each) for index, each in enumerate(given) if index not in bad]
    if good:
        await call.change(lambda connection: stix_storing.put(connection, call, good, call.at(), source))
        call.deps.recorder.count("indicators_stored_total", "stix", amount=len(good))
        call.deps.indicators_stored()
    if not wrong:
        return Response(status_code=200)
    return answer({"errors": [{"recordIndex": index, "errorMessages": faults} for index, faults in wrong]})


def _read(body: Any, name: str) -> tuple[str, list[Any]]:
    """Answer who says that objects come from them, and the objects."""
    members = {key.lower(): value for key, value in body.items()} if isinstance(body, dict) else {}
    source, objects = members.get("sourcesystem"), members.get(name)
    if not isinstance(source, str) or not source.strip():
        raise InvalidUpload("The property 'sourcesystem' is required.")
    if source.strip().lower() == _RESERVED:
        raise InvalidUpload("The property 'sourcesystem' must not be 'Microsoft Sentinel'.")
    if not isinstance(objects, list):
        raise InvalidUpload(f"The property '{name}' must be a list of STIX objects.")
    if len(objects) > MOST:
        raise InvalidUpload(f"The request holds {len(objects)} objects; at most {MOST} are accepted.")
    return source.strip().replace("\0", "")[:_LONGEST_SOURCE], objects
