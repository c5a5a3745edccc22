"""Tokens of a client that speaks for itself; one is used until shortly before it ends.

The rule: of many calls at once, one asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from sallyport import client_credentials
from sallyport.clock import Clock
from sallyport.connectors.outside import HttpPort
from sallyport.http_messages import DEFAULT_TIMEOUT_SECONDS

#: For so long before its end a token is not used any more: a call takes time to arrive.
_EARLIER = timedelta(seconds=60)


class ClientTokens:
    """The tokens of one client at one token endpoint."""

    def __init__(self, http: HttpPort, clock: Clock, url: str, form: Mapping[str, str]) -> None:
        self._http = http
        self._clock = clock
        self._url = url
        self._form = form
        self._asking = asyncio.Lock()
        self._token = ""
        self._good_until: datetime | None = None

    async def token(self) -> str:
        """Answer a token that holds now.

        Raises AuthenticationFailed, EgressDenied or ConnectionFailed.
        """
        async with self._asking:
            now = self._clock.now()
            if self._good_until is None or now >= self._good_until:
                request = client_credentials.asking(self._url, self._form, DEFAULT_TIMEOUT_SECONDS)
                found = client_credentials.answered(self._url, await self._http.send(request))
                self._token = found.text
                self._good_until = now + timedelta(seconds=found.lifetime_seconds) - _EARLIER
            return self._token
