"""The asynchronous pattern: a caller hears at once where the response will be, and looks for it there.

The rule: the address shows one run's response and nothing else; while there is none, it says so with 202 again.
https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers#response-action
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sallyport.actions import http_content
from sallyport.engine import responses
from sallyport.engine.engine import Engine
from sallyport.engine.run import Answer
from sallyport.engine.workflow import DeployedWorkflow
from sallyport.triggers.request import NoResponse
from sallyport.web import signed_urls

#: How long a caller is asked to leave between two looks.
_AGAIN_SECONDS = 5
#: What is the connection's own, which playbooks pass on with the headers that they were answered themselves, and what
#: would act in the name of this server's origin.
_LEFT_OUT = frozenset(
    [
        *("connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "date", "set-cookie"),
    ]
)
#: Statuses after which a body would be taken for the next answer.
_WITHOUT_BODY = frozenset({204, 205})


def accepted(request: Request, workflow: DeployedWorkflow, run_id: str, shown: dict[str, str]) -> Response:
    """Answer that there is no response yet, and where it will be."""
    origin = f"{request.url.scheme}://{request.url.netloc}"
    location = signed_urls.response_url(origin, workflow.id, workflow.access_key, run_id)
    return Response(status_code=202, headers={**shown, "Location": location, "Retry-After": str(_AGAIN_SECONDS)})


async def looked_for(request: Request, engine: Engine, workflow: DeployedWorkflow, run_id: str) -> Response:
    """Answer a run's response, or that there is none yet.

    Raises RunNotFound, and NoResponse where there will be none.
    """
    answer, ended = await responses.now(engine, run_id)
    if answer is not None:
        return answered(answer, {})
    if ended:
        raise NoResponse("The workflow ended without a response.")
    return accepted(request, workflow, run_id, {})


def answered(answer: Answer, shown: dict[str, str]) -> Response:
    """Answer what a Response action says, with headers of our own beside its own."""
    own = {name: str(value) for name, value in answer.headers.items() if name.lower() not in _LEFT_OUT}
    headers = {**shown, **own}
    stated = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    body, media = http_content.encode(answer.body, stated)
    if media and not stated:
        headers["Content-Type"] = media
    if answer.status in _WITHOUT_BODY:
        body = b""
    return Response(body, status_code=answer.status, headers=headers)
