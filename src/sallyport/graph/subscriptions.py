"""Subscriptions: `/subscriptions`, create with its handshake, list, read, renew, reauthorize, delete.

The rule: nothing is stored before the endpoint has shown that it wants the notifications; a caller sees only its own.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import envelope, shapes, subscription_rules
from sallyport.graph.call import Call, answer, empty
from sallyport.graph.errors import InvalidRequest
from sallyport.http_messages import ConnectionFailed, EgressDenied, InboundResponse, OutboundRequest
from sallyport.odata import instants
from sallyport.odata.entity_subscription import SUBSCRIPTION
from sallyport.store import subscriptions
from sallyport.store.subscriptions import Owner, Subscription

CONTEXT = "subscriptions"
#: How long an endpoint may take to answer the handshake.
HANDSHAKE_SECONDS = 10.0
_PAGE = 100
#: Where a whole token fits in: an endpoint that answers more has not answered the token.
_ANSWER_BYTES = 4_096
_REFUSED = "Subscription validation request failed. Must respond with 200 OK to this request."
_TIMED_OUT = "Subscription validation request timed out."


class SubscriptionNotFound(errors.NotFound):
    """Raised when there is no subscription of an id, it has expired, or it is somebody else's."""

    def __init__(self, subscription_id: str) -> None:
        super().__init__(f"The subscription '{subscription_id}' was not found.")
        self.subscription_id = subscription_id


async def create(call: Call) -> Response:
    """Ask the endpoint whether it wants notifications, then store the subscription; it shows its `clientState` once."""
    document, _ = subscription_rules.creation(await call.json(), call.deps.clock.now())
    await asyncio.gather(*(_handshake(call, url) for url in _endpoints(document)))
    subscription = _new(call, document)
    most = call.deps.limits.subscriptions_per_tenant

    def store(connection: Connection) -> None:
        if subscriptions.count(connection, subscription.tenant_id, subscription.created_at) >= most:
            raise subscription_rules.TooManySubscriptions(most)
        subscriptions.insert(connection, subscription)

    await call.change(store)
    return envelope.entity(call, CONTEXT, shapes.shown(subscription.document, SUBSCRIPTION), 201)


async def listed(call: Call) -> Response:
    """Answer the caller's own subscriptions that have not expired, page by page."""
    after = _cursor(next((text for name, text in call.options if name.lower().lstrip("$") == "skiptoken"), ""))
    owner, now = _owner(call), call.at()
    found = await call.deps.database.read(
        lambda connection: subscriptions.listed(connection, owner, now, after, _PAGE + 1)
    )
    body: dict[str, Any] = {"@odata.context": envelope.context_url(call, CONTEXT)}
    if len(found) > _PAGE:
        body["@odata.nextLink"] = f"{envelope.here(call)}?{urlencode({'$skiptoken': _token(found[_PAGE - 1])})}"
    body["value"] = [drawn(each) for each in found[:_PAGE]]
    return answer(body)


async def get(call: Call) -> Response:
    """Answer one of the caller's subscriptions."""
    subscription = await call.deps.database.read(lambda connection: _existing(connection, call))
    return envelope.entity(call, CONTEXT, drawn(subscription))


async def update(call: Call) -> Response:
    """Renew one of the caller's subscriptions."""
    change = subscription_rules.renewal(await call.json(), call.deps.clock.now())

    def renew(connection: Connection) -> Subscription:
        found = _existing(connection, call)
        document = subscription_rules.renewed(found.document, change)
        expires_at = instants.sortable(document["expirationDateTime"]) or found.expires_at
        return subscriptions.update(connection, found, expires_at, document, call.at())

    return envelope.entity(call, CONTEXT, drawn(await call.change(renew)))


async def delete(call: Call) -> Response:
    """Delete one of the caller's subscriptions."""
    owner, subscription_id, at = _owner(call), call.names["id"], call.at()
    if not await call.deps.database.write(
        lambda connection: subscriptions.delete(connection, owner, subscription_id, at)
    ):
        raise SubscriptionNotFound(subscription_id)
    return empty()


async def reauthorize(call: Call) -> Response:
    """Confirm one of the caller's subscriptions with the token of this call.

    Deviation: a subscription lives until its own expiry whatever becomes of the token that made it, so that there is
    nothing to extend; the call only checks that the subscription is the caller's.
    """
    await call.deps.database.read(lambda connection: _existing(connection, call))
    return empty()


def drawn(subscription: Subscription) -> dict[str, Any]:
    """Answer a subscription as it is shown after its creation: without `clientState`."""
    return shapes.shown({**subscription.document, "clientState": None}, SUBSCRIPTION)


def _new(call: Call, document: dict[str, Any]) -> Subscription:
    caller, subscription_id = call.principal, str(uuid.uuid4())
    stamped = {
        "id": subscription_id,
        "applicationId": caller.app_id,
        "creatorId": caller.user_id or caller.app_id,
    }
    return Subscription(
        id=subscription_id,
        app_id=caller.app_id,
        user_id=caller.user_id,
        tenant_id=caller.tenant_id,
        created_at=call.at(),
        expires_at=instants.sortable(document["expirationDateTime"]) or "",
        document={**document, **stamped},
    )


def _owner(call: Call) -> Owner:
    return Owner(call.principal.app_id, call.principal.user_id)


def _existing(connection: Connection, call: Call) -> Subscription:
    found = subscriptions.get(connection, _owner(call), call.names["id"], call.at())
    if found is None:
        raise SubscriptionNotFound(call.names["id"])
    return found


def _endpoints(document: dict[str, Any]) -> list[str]:
    """Answer whom to ask: each address gets its own request, even when both are the same."""
    return [document[name] for name in ("notificationUrl", "lifecycleNotificationUrl") if document.get(name)]


async def _handshake(call: Call, url: str) -> None:
    """Raise InvalidRequest unless the endpoint echoes the token with 200 in time."""
    token = f"Validation: Testing client application reachability for subscription Request-Id: {uuid.uuid4()}"
    asked = url.partition("#")[0]  # what follows is never sent to anybody
    address = f"{asked}{'&' if '?' in asked else '?'}validationToken={quote(token, safe='')}"
    request = OutboundRequest(
        "POST",
        address,
        {"content-type": "text/plain; charset=utf-8"},
        timeout_seconds=HANDSHAKE_SECONDS,
        follow_redirects=False,
        answer_bytes=_ANSWER_BYTES,
    )
    response = await _sent(call, request)
    if response.status != 200 or response.body.decode(errors="replace").strip() != token:
        raise InvalidRequest(_REFUSED)


async def _sent(call: Call, request: OutboundRequest) -> InboundResponse:
    try:
        return await call.deps.http.send(request)
    except ConnectionFailed as error:
        raise InvalidRequest(_TIMED_OUT if error.kind == "timeout" else _REFUSED) from error
    except (EgressDenied, errors.BadRequest) as error:
        raise InvalidRequest(_REFUSED) from error


def _token(last: Subscription) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([last.created_at, last.id])).decode().rstrip("=")


def _cursor(token: str) -> tuple[str, str] | None:
    if not token:
        return None
    try:
        created_at, subscription_id = orjson.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, TypeError, binascii.Error) as error:
        raise errors.BadRequest("Invalid skiptoken clause: this is not a token that was given out.") from error
    return str(created_at), str(subscription_id)
