"""What administrators see and do about notifications: everybody's subscriptions, dead letters, delivery again.

Deviation: this part of the surface, `/notifications`, is our own; Azure shows none of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Connection
from starlette.responses import Response

from sallyport import errors
from sallyport.graph import notification_rules, subscriptions
from sallyport.graph.call import Call, answer, empty
from sallyport.odata import instants
from sallyport.store import audit, deliveries
from sallyport.store import subscriptions as stored
from sallyport.store.audit import AuditEvent
from sallyport.store.deliveries import Letter

_PAGE = 100
_REMOVED = "subscriptionRemoved"


class LetterNotFound(errors.NotFound):
    """Raised when there is no dead letter of an id."""

    def __init__(self, key: str) -> None:
        super().__init__(f"There is no dead letter '{key[:80]}'.")
        self.key = key


async def listed(call: Call) -> Response:
    """Answer everybody's subscriptions that have not expired."""
    now = call.at()
    found = await call.deps.database.read(lambda connection: stored.active(connection, now))
    return answer({"value": [subscriptions.drawn(each) for each in found]})


async def remove(call: Call) -> Response:
    """Delete anybody's subscription, and tell its owner where an address for that was given."""
    subscription_id, at, caller = call.names["id"], call.at(), call.principal
    actor = caller.app_id if caller.user_id is None else caller.name

    def work(connection: Connection) -> bool:
        gone = stored.remove(connection, subscription_id, at)
        if gone is None:
            return False
        deliveries.tell(connection, (), notification_rules.lifecycle_parcels([gone], _REMOVED), at)
        whose = {"application": gone.app_id}
        audit.append(connection, AuditEvent(at, actor, "subscription.removed", gone.id, "success", detail=whose))
        return True

    if not await call.deps.database.write(work):
        raise subscriptions.SubscriptionNotFound(subscription_id)
    return empty()


async def dead(call: Call) -> Response:
    """Answer the dead letters, oldest first, page by page."""
    given = next((text for name, text in call.options if name.lower().lstrip("$") == "skiptoken"), "0")
    after = _number(given)
    if after is None:
        raise errors.BadRequest("Invalid skiptoken clause: this is not a token that was given out.")
    found = await call.deps.database.read(lambda connection: deliveries.dead(connection, after, _PAGE + 1))
    body: dict[str, Any] = {"value": [_shown(each) for each in found[:_PAGE]]}
    if len(found) > _PAGE:
        body["@odata.nextLink"] = f"{call.base_url}/notifications/dead?$skiptoken={found[_PAGE - 1].delivery.id}"
    return answer(body)


async def redeliver(call: Call) -> Response:
    """Let one dead letter be delivered again, with the ids that it had."""
    key, at = call.names["id"], call.at()
    number = _number(key)
    if number is None or not await call.deps.database.write(
        lambda connection: deliveries.revive(connection, number, at)
    ):
        raise LetterNotFound(key)
    return answer({"redelivered": 1}, 202)


async def redeliver_all(call: Call) -> Response:
    """Let every dead letter be delivered again."""
    at = call.at()
    number = await call.deps.database.write(lambda connection: deliveries.revive(connection, None, at))
    return answer({"redelivered": number}, 202)


def _shown(letter: Letter) -> dict[str, Any]:
    return {
        "id": str(letter.delivery.id),
        "url": letter.url,
        "createdDateTime": instants.wire(letter.delivery.created_at),
        "deadDateTime": instants.wire(letter.dead_at),
        "reason": letter.reason,
        "notifications": letter.delivery.count,
        "subscriptionIds": sorted(letter.delivery.wanted),
    }


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
