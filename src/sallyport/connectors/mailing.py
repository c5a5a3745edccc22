"""Sending a mail for a call, and the answer that says what became of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.headerregistry import Address
from typing import Any
from urllib.parse import urlsplit

import structlog

from sallyport.connector_call import ConnectorCall
from sallyport.connectors import answers, mail, mail_addresses
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.mail import Mail
from sallyport.connectors.outside import MailNotSent, Outside
from sallyport.http_messages import InboundResponse

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sending:
    """One mail on its way, for one call."""

    outside: Outside
    call: ConnectorCall

    async def send(self, sent: Mail, only: str = "") -> InboundResponse | None:
        """Send a mail; answer None when it is on its way, else the response that says why it is not.

        With `only`, one of several recipients gets it, in a mail of his own. Raises InvalidCall.
        """
        own = self._own()
        host = urlsplit(self.outside.public_url).hostname or own.domain
        identifier = mail.message_id(self.call.tracking_id, host, only)
        # Megabytes take a while: others go on meanwhile.
        message = await asyncio.to_thread(mail.compose, sent, own, identifier, self.outside.clock.now())
        try:
            refused = await self.outside.mail.send(message, (only,) if only else sent.recipients)
        except MailNotSent as error:
            _log.warning("mail.not_sent", kind=error.kind, tracking_id=self.call.tracking_id)
            return answers.refusal(error)
        if refused:
            _log.warning("mail.partly_refused", refused=len(refused), tracking_id=self.call.tracking_id)
        return None

    def _own(self) -> Address:
        return mail_addresses.read(self.outside.from_address, "from_address")[0]


def stated(call: ConnectorCall) -> dict[str, Any]:
    """Answer the body of a call, which must be an object.

    Raises InvalidCall.
    """
    if not isinstance(call.body, dict):
        raise InvalidCall("The body must be an object with 'To', 'Subject' and 'Body'.")
    return call.body


def sender(body: dict[str, Any], *names: str) -> Address | None:
    """Answer the one address that a mail is sent as, None when none is stated.

    Raises InvalidCall.
    """
    found = mail_addresses.read(mail.member(body, *names), names[0])
    if len(found) > 1:
        raise InvalidCall(f"'{names[0]}' must be one mail address.")
    return found[0] if found else None


def demanded(call: ConnectorCall, body: dict[str, Any], *names: str) -> None:
    """Raise InvalidCall, naming what is missing, unless every named member is there and not empty."""
    missing = [name for name in names if not mail.text(body, name).strip()]
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing)
        raise InvalidCall(f"{call.method.upper()} {call.path} needs {shown} in its body.")
