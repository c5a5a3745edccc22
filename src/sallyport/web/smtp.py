"""Mail on its way out: to the mail server that the settings name, or to the built-in mailbox on loopback.

The rule: whatever goes wrong is a MailNotSent that says whether a repeat may help; a password is sent over an encrypted
connection, or where the administrator chose none, and is in no message.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage

import aiosmtplib
import structlog

from sallyport.connectors.outside import MailFailure, MailNotSent
from sallyport.settings import Settings

#: For a whole mail, however slowly the server answers.
DEADLINE_SECONDS = 120.0
#: For one answer of the server.
_ANSWER_SECONDS = 60.0
_LOOPBACK = "127.0.0.1"
_DETAIL = 500
_log = structlog.stdlib.get_logger(__name__)


class Smtp:
    """The configured mail server; one connection for each mail."""

    def __init__(
        self,
        settings: Settings,
        *,
        mailbox_port: int = 0,
        trust: ssl.SSLContext | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        """Send through the mail server of the settings; without one, to the mailbox on `mailbox_port`.

        `trust` says whose certificates count, by default those that the machine trusts.
        """
        own = settings.smtp_host is None
        self._host = settings.smtp_host or _LOOPBACK
        self._port = (mailbox_port or settings.mailbox_port) if own else settings.smtp_port
        self._tls = "none" if own else settings.smtp_tls
        self._user = None if own else settings.smtp_user
        self._password = settings.smtp_password
        self._trust = trust
        self._deadline_seconds = deadline_seconds

    async def send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, str]:
        """Hand a mail over, and answer who was refused and why; at least one recipient was accepted.

        Raises MailNotSent when nobody was.
        """
        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await self._send(message, recipients)
        except (TimeoutError, aiosmtplib.SMTPTimeoutError) as error:
            raise MailNotSent("timeout") from error
        except aiosmtplib.SMTPException as error:
            raise _failure(error) from error
        except (OSError, ssl.SSLError) as error:
            raise MailNotSent("unreachable", f"({type(error).__name__})") from error

    async def _send(self, message: EmailMessage, recipients: Sequence[str]) -> Mapping[str, str]:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            timeout=min(_ANSWER_SECONDS, self._deadline_seconds),
            use_tls=self._tls == "implicit",
            start_tls=self._tls == "starttls",
            tls_context=self._trust,
        )
        try:
            await client.connect()
            if self._user is not None:
                await client.login(self._user, self._password or "")
            content = await asyncio.to_thread(message.as_bytes)
            refused, _ = await client.sendmail(_sender(message), list(recipients), content)
            return {address: f"{answer.code} {answer.message}"[:_DETAIL] for address, answer in refused.items()}
        finally:
            await _leave(client)


async def _leave(client: aiosmtplib.SMTP) -> None:
    try:
        if client.is_connected:
            await client.quit()
    except (aiosmtplib.SMTPException, OSError) as error:
        # The mail is settled by now; a server that hangs up without a word changes nothing.
        _log.debug("mail.hung_up", reason=type(error).__name__)
    finally:
        client.close()


def _sender(message: EmailMessage) -> str:
    """Answer the envelope's sender, who gets what bounces: `Sender`, else `From`."""
    header = message["Sender"] if message["Sender"] is not None else message["From"]
    addresses: Sequence[Address] = header.addresses
    return addresses[0].addr_spec


def _failure(error: aiosmtplib.SMTPException) -> MailNotSent:
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        codes = [each.code for each in error.recipients]
        detail = "; ".join(f"{each.recipient}: {each.code} {each.message}" for each in error.recipients)
        return MailNotSent("recipient" if any(map(_is_lasting, codes)) else "temporary", _shown(detail))
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return MailNotSent("sign_in" if _is_lasting(error.code) else "temporary", f"({error.code})")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        kind: MailFailure = "message" if _is_lasting(error.code) else "temporary"
        return MailNotSent(kind, _shown(f"{error.code} {error.message}"))
    if isinstance(error, aiosmtplib.SMTPConnectError | aiosmtplib.SMTPServerDisconnected):
        return MailNotSent("unreachable", f"({type(error.__cause__ or error).__name__})")
    # What is not supported, and what no server should say, is told in the library's words.
    return MailNotSent("protocol", f"({' '.join(str(error).split())[:_DETAIL] or type(error).__name__})")


def _is_lasting(code: int) -> bool:
    return code >= 500


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return f"It said: {line[:_DETAIL]}"
