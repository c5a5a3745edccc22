"""Sends one body to an address, and keeps in mind how each endpoint answers.

The rule: whatever the endpoint says, or does not say, within ten seconds is an answer that counts; a redirect is a
refusal, because nobody was asked whether the other address wants to be told.
"""

from __future__ import annotations

from datetime import timedelta

from sallyport.clock import Clock
from sallyport.engine.ports import HttpPort
from sallyport.errors import SallyportError
from sallyport.graph import endpoint_health
from sallyport.graph.addresses import Address
from sallyport.graph.endpoint_health import Health
from sallyport.http_messages import OutboundRequest
from sallyport.odata import instants
from sallyport.recorder import Recorder
from sallyport.store import lanes
from sallyport.store.database import Database

#: What is said of a body that is to be made smaller, and sent again at once.
SMALLER = "smaller"
#: Above so many endpoints, those that nothing is known of any more are forgotten.
_ENDPOINTS = 1_000
_HEADERS = {"content-type": "application/json; charset=utf-8"}
_TOO_LARGE = 413
#: Only the status counts; what is short is read, so that the connection can be used again.
_ANSWER_BYTES = 16_384


class Sender:
    """The way out of one process."""

    def __init__(self, database: Database, clock: Clock, http: HttpPort, recorder: Recorder) -> None:
        self._database = database
        self._clock = clock
        self._http = http
        self._recorder = recorder
        self._health: dict[str, Health] = {}

    def health(self, endpoint: str) -> Health:
        """Answer how an endpoint is doing."""
        if len(self._health) > _ENDPOINTS:
            self._health = {key: each for key, each in self._health.items() if not each.is_idle}
        return self._health.setdefault(endpoint, Health(self._clock.monotonic))

    async def send(self, address: Address, body: bytes, count: int) -> str | None:
        """Send a body of so many notifications; answers why it was not taken, None when it was."""
        seconds = endpoint_health.SLOW_SECONDS
        request = OutboundRequest(
            "POST",
            address.lane.url,
            _HEADERS,
            body,
            timeout_seconds=seconds,
            follow_redirects=False,
            answer_bytes=_ANSWER_BYTES,
        )
        began = self._clock.monotonic()
        try:
            status = (await self._http.send(request)).status
            why = None if 200 <= status < 300 else f"the endpoint answered {status}"
        except SallyportError as error:
            status, why = 0, error.message
        await self._note(address.lane.endpoint, self._clock.monotonic() - began)
        if why is None:
            self._recorder.count("notifications_total", "delivered", amount=count)
        elif status == _TOO_LARGE and count > 1:
            address.too_large(count)
            return SMALLER
        return why

    async def _note(self, endpoint: str, seconds: float) -> None:
        health = self.health(endpoint)
        spared = health.is_dropping
        health.note(seconds)
        if health.is_dropping and not spared:
            # Whoever holds changes against subscriptions, perhaps another process, is to know.
            until = instants.of_datetime(self._clock.now() + timedelta(seconds=health.dropping_seconds))
            await self._database.write(lambda connection: lanes.spare(connection, endpoint, until))
