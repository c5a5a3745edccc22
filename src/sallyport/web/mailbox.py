"""The built-in mailbox: takes every mail on loopback while no mail server is configured, one file for each.

The rule: a mail is acknowledged when it is safely on the disk; when there are too many, the oldest go.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import socket
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from pathlib import Path

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from sallyport import errors
from sallyport.clock import Clock

#: The folder of the mails, within the data folder.
FOLDER = "mail"
#: As many mails as are kept.
MOST = 1_000
_LARGEST_BYTES = 64 * 1024 * 1024
_LOOPBACK = "127.0.0.1"
_ID = re.compile(r"\d{8}T\d{12}-[0-9a-f]{8}\Z")
_log = structlog.stdlib.get_logger(__name__)


class MailboxUnavailable(errors.SallyportError):
    """Raised when the mailbox cannot listen on its port."""

    code = "MailboxUnavailable"
    status = 500

    def __init__(self, port: int, reason: str) -> None:
        super().__init__(f"mailbox_port: the mailbox cannot listen on port {port} of {_LOOPBACK} ({reason}).")
        self.port = port


class NoSuchMail(errors.NotFound):
    """Raised when the mailbox holds no mail with an id."""

    code = "MailNotFound"

    def __init__(self, mail_id: str) -> None:
        super().__init__(f"The mailbox holds no mail '{mail_id}'.")
        self.mail_id = mail_id


class SeveralMails(errors.BadRequest):
    """Raised when the beginning or end of an id is that of several mails."""

    code = "MailNotUnique"

    def __init__(self, mail_id: str, count: int) -> None:
        super().__init__(f"The ids of {count} mails begin or end with '{mail_id}'; give more of it.")
        self.mail_id = mail_id
        self.count = count


@dataclass(frozen=True, slots=True)
class Received:
    """One mail in the mailbox."""

    id: str
    path: Path
    received_at: str
    sender: str
    to: str
    subject: str
    message_id: str
    #: Who the envelope named, hidden recipients included.
    recipients: tuple[str, ...]
    bytes: int


class Mailbox:
    """The SMTP server on loopback, and the folder that it fills."""

    def __init__(self, folder: Path, clock: Clock, port: int = 0, most: int = MOST) -> None:
        """Take a port, a free one for 0; nobody is answered before `open`.

        Raises MailboxUnavailable.
        """
        self._folder = folder
        self._clock = clock
        self._most = most
        self._server: asyncio.Server | None = None
        self._sessions: weakref.WeakSet[SMTP] = weakref.WeakSet()
        try:
            self._socket = socket.create_server((_LOOPBACK, port))
        except OSError as error:
            raise MailboxUnavailable(port, error.strerror or str(error)) from error
        self.port: int = self._socket.getsockname()[1]

    async def open(self) -> None:
        """Begin to take mails."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._server = await asyncio.get_running_loop().create_server(self._session, sock=self._socket)
        _log.info("mailbox.open", port=self.port, folder=str(self._folder))

    async def close(self) -> None:
        """Stop; what was taken stays."""
        if self._server is not None:
            self._server.close()
            for session in list(self._sessions):
                if session.transport is not None:
                    session.transport.close()
            # A transport is closed one round of the loop later.
            await self._clock.sleep(0)
            await self._server.wait_closed()
        self._socket.close()

    def _session(self) -> SMTP:
        session = SMTP(
            self,
            data_size_limit=_LARGEST_BYTES,
            hostname="localhost",
            ident="sallyport mailbox",
            loop=asyncio.get_running_loop(),
        )
        self._sessions.add(session)
        return session

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Store a mail, and answer the server's last word on it."""
        content = envelope.content
        if not isinstance(content, bytes):
            return "554 No content"
        stored = _traced(content, envelope, self._clock.now())
        try:
            await asyncio.to_thread(self._store, stored)
        except OSError as error:
            _log.warning("mailbox.not_stored", reason=error.strerror)
            return "452 Insufficient system storage"
        return "250 OK"

    def _store(self, content: bytes) -> None:
        mail_id = f"{self._clock.now():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        unfinished = self._folder / f".{mail_id}"
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._folder / f"{mail_id}.eml")
        _sync(self._folder)
        for path in sorted(self._folder.glob("*.eml"))[: -self._most]:
            path.unlink(missing_ok=True)


def listed(folder: Path) -> list[Received]:
    """Answer the mails of a mailbox, the oldest first."""
    return [_received(path) for path in _paths(folder)]


def find(folder: Path, mail_id: str) -> Received:
    """Answer one mail, by its id or by the beginning or the end of it.

    Raises NoSuchMail, SeveralMails.
    """
    fitting = [path for path in _paths(folder) if path.stem.startswith(mail_id) or path.stem.endswith(mail_id)]
    if not fitting or not mail_id:
        raise NoSuchMail(mail_id)
    if len(fitting) > 1:
        raise SeveralMails(mail_id, len(fitting))
    return _received(fitting[0])


def read(received: Received) -> EmailMessage:
    """Answer a mail whole."""
    message = BytesParser(policy=policy.default).parsebytes(received.path.read_bytes())
    assert isinstance(message, EmailMessage)
    return message


def clear(folder: Path) -> int:
    """Delete every mail, and answer how many there were."""
    paths = list(_paths(folder))
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


def _paths(folder: Path) -> Iterator[Path]:
    yield from (path for path in sorted(folder.glob("*.eml")) if _ID.match(path.stem))


def _received(path: Path) -> Received:
    with path.open("rb") as file:
        head = BytesHeaderParser(policy=policy.default).parse(file)
    return Received(
        id=path.stem,
        path=path,
        received_at=_moment(path.stem),
        sender=_text(head, "From"),
        to=_text(head, "To"),
        subject=_text(head, "Subject"),
        message_id=_text(head, "Message-ID"),
        recipients=tuple(str(head.get("X-Envelope-To", "")).replace(",", " ").split()),
        bytes=path.stat().st_size,
    )


def _text(head: Message, name: str) -> str:
    """Answer a field of a mail; where it begins on a line of its own, that line's blank is not part of it."""
    return str(head.get(name, "")).strip()


def _moment(mail_id: str) -> str:
    received_at = datetime.strptime(mail_id[:21], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return received_at.isoformat().replace("+00:00", "Z")


def _traced(content: bytes, envelope: Envelope, now: datetime) -> bytes:
    """Answer a mail with the lines on top that every server adds: who it was for, and when it came."""
    recipients = ",\r\n ".join(address for address in envelope.rcpt_tos if address.isascii())
    sender = envelope.mail_from or ""
    lines = f"Return-Path: <{sender}>\r\nX-Envelope-To: {recipients}\r\nX-Received-At: {now.isoformat()}\r\n"
    return lines.encode("ascii", "replace") + content


def _sync(folder: Path) -> None:
    """Make sure that a new name in a folder outlives a crash, where the system can say so of a folder."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
