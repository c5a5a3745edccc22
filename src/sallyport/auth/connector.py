"""The application of the Microsoft Graph Security connector: known from the first start, let in by consent alone.

The rule: a call gets a token with the permissions that an administrator granted; before consent it gets none, and is
told where consent is given.
Deviation: whoever starts a workflow sees no consent dialog; the first call fails with the address at which it is given.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from sqlalchemy.engine import Connection

from sallyport import errors
from sallyport.auth import applications, refusals
from sallyport.auth.authority import Authority
from sallyport.auth.tokens import Subject
from sallyport.store import audit, clients
from sallyport.store.audit import AuditEvent
from sallyport.store.clients import Client

#: The application's id and name, as Microsoft publishes them.
CLIENT_ID = "c4829704-0edc-4c3d-a347-7c4a67586f3c"
DISPLAY_NAME = "MicrosoftGraphSecurityConnector"
PERMISSIONS = ("SecurityEvents.ReadWrite.All", "ThreatIndicators.ReadWrite.OwnedBy")
#: How long a consent that was found is believed without asking again.
REMEMBERED_FOR = timedelta(seconds=10)

_log = structlog.stdlib.get_logger(__name__)


class ConsentRequired(errors.SallyportError):
    """Raised when the connector is called before an administrator has consented to its application."""

    code = "ConsentRequired"
    status = 403

    def __init__(self, address: str) -> None:
        super().__init__(
            f"No administrator has consented to the application '{DISPLAY_NAME}' yet. A Global Administrator consents "
            f"at {address}, or whoever has the data folder with: sallyport consent grant {CLIENT_ID}"
        )
        self.address = address


def register(connection: Connection, tenant_id: str, now: str) -> None:
    """Make the application known where it is not; it has no secret, and nothing is granted to it."""
    if clients.get(connection, CLIENT_ID) is not None:
        return
    clients.insert(connection, Client(CLIENT_ID, tenant_id, DISPLAY_NAME, PERMISSIONS, now))
    asked = {"permissions": " ".join(PERMISSIONS)}
    audit.append(connection, AuditEvent(now, "local", "client.added", CLIENT_ID, "success", detail=asked))


class ConnectorTokens:
    """Gives the connector its tokens, as far as it was consented to."""

    def __init__(self, authority: Authority, public_url: str) -> None:
        self._authority = authority
        self._address = f"{public_url}/{authority.tenant_id}/adminconsent?client_id={CLIENT_ID}"
        self._roles: tuple[str, ...] = ()
        self._until: datetime | None = None
        #: Whether the missing consent was logged, since there was one.
        self._told = False

    async def token(self) -> str:
        """Answer a token with what was granted; raises `ConsentRequired` or `ClientDisabled`."""
        now = self._authority.clock.now()
        if self._until is None or now >= self._until:
            self._until = None
            self._roles = await self._granted()
            self._until = now + REMEMBERED_FOR
        return self._authority.tokens.mint(Subject(CLIENT_ID, DISPLAY_NAME, self._roles))

    async def _granted(self) -> tuple[str, ...]:
        found = await self._authority.db.read(lambda connection: applications.read(connection, CLIENT_ID))
        if found is not None and not found.client.enabled:
            raise refusals.ClientDisabled(CLIENT_ID, DISPLAY_NAME)
        if found is None or not found.roles:
            if not self._told:
                _log.warning("connector.consent_required", address=self._address)
                self._told = True
            raise ConsentRequired(self._address)
        self._told = False
        return found.roles
