"""A mail as a playbook states it, and the message that goes over the wire.

The rule: the same call makes a message with the same Message-ID however often it is repeated, so that a mailbox can
tell a repeat; header fields are made of checked addresses and of text without line breaks.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from sallyport.connectors import html_text, mail_addresses, mail_headers
from sallyport.connectors.answers import InvalidCall
from sallyport.wdl import values

#: As large as Exchange Online lets a message of its connector be.
LIMIT_BYTES = 49 * 1024 * 1024
#: 7 bits pass every server.
_POLICY = mail_headers.MailPolicy(linesep="\r\n", cte_type="7bit", message_factory=EmailMessage)
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: RFC 6838, section 4.2: what a media type may consist of.
_MEDIA = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_PRIORITY: Mapping[str, str] = {"low": "5", "normal": "3", "high": "1"}
_SUBJECT = 998
#: Names of files and other words of headers; of what is longer the end counts, where a file's kind stands.
_NAME = 255


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that goes with a mail."""

    name: str
    content: bytes
    content_type: str
    #: What `cid:` in the body refers to; empty when nothing does.
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail; `to`, `cc` and `bcc` together are who receives it."""

    to: tuple[Address, ...]
    subject: str
    body: str
    is_html: bool
    sender: Address | None = None
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    importance: str = "Normal"
    sensitivity: str = ""
    attachments: tuple[Attachment, ...] = ()
    #: Who wants to be told that it was read.
    read_receipt: tuple[Address, ...] = ()

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everyone who receives it, each once."""
        return tuple(dict.fromkeys(each.addr_spec for each in (*self.to, *self.cc, *self.bcc)))


def member(body: Mapping[str, Any], *names: str) -> Any:
    """Answer the first of the named members that is there, whatever its letter case."""
    folded = {str(key).casefold(): value for key, value in body.items()}
    return next((folded[name.casefold()] for name in names if folded.get(name.casefold()) is not None), None)


def text(body: Mapping[str, Any], *names: str) -> str:
    """Answer a member as text; empty when it is not there."""
    found = member(body, *names)
    return "" if found is None else values.whole(values.to_text(found))


def flag(body: Mapping[str, Any], name: str) -> bool:
    """Answer a member that is true or false, also as text."""
    return text(body, name).strip().casefold() == "true"


def is_html(body: Mapping[str, Any]) -> bool:
    """Answer whether the text is HTML: what `IsHtml` says; where it says nothing, whether the text begins so."""
    stated = bool(text(body, "IsHtml").strip())
    return flag(body, "IsHtml") if stated else html_text.begins(text(body, "Body"))


def importance(body: Mapping[str, Any]) -> str:
    """Answer `Low`, `Normal` or `High`.

    Raises InvalidCall when something else is stated.
    """
    stated = text(body, "Importance").strip() or "Normal"
    # The values of older definitions, where the enumeration was written as numbers.
    named = {"0": "Low", "1": "Normal", "2": "High"}.get(stated, stated).capitalize()
    if named.casefold() not in _PRIORITY:
        raise InvalidCall(f"'Importance' must be Low, Normal or High, not '{stated[:40]}'.")
    return named


def attachments(body: Mapping[str, Any], name: str, content: str) -> tuple[Attachment, ...]:
    """Answer the attachments of a body; `name` and `content` are the members that hold an attachment's name and bytes.

    Raises InvalidCall, naming the attachment that cannot be read.
    """
    stated = member(body, "Attachments")
    if stated is None or stated == "":
        return ()
    listed = stated if isinstance(stated, list) else [stated]
    return tuple(_attachment(each, index, name, content) for index, each in enumerate(listed) if each is not None)


def _attachment(stated: Any, index: int, name: str, content: str) -> Attachment:
    if not isinstance(stated, dict):
        raise InvalidCall(f"'Attachments/{index}' must be an object with '{name}' and '{content}'.")
    shown = _line(text(stated, name))[-_NAME:] or f"attachment-{index + 1}"
    written = member(stated, content)
    guessed = mimetypes.guess_type(shown)[0] or values.OCTETS
    content_type = _line(text(stated, "ContentType")) or guessed
    try:
        if isinstance(written, dict) and values.is_envelope(written):
            data = values.envelope_bytes(written)
        elif isinstance(written, str):
            data = base64.b64decode("".join(written.split()), validate=True)
        else:
            raise InvalidCall(f"The attachment '{shown}' has no '{content}'.")
    except (binascii.Error, ValueError):
        raise InvalidCall(f"The '{content}' of the attachment '{shown}' is not base64.") from None
    content_type = content_type.partition(";")[0].strip().lower()
    if _MEDIA.fullmatch(content_type) is None:
        content_type = guessed
    return Attachment(shown, data, content_type, _line(text(stated, "ContentId")).strip("<>")[-_NAME:])


def message_id(tracking_id: str, host: str, recipient: str = "") -> str:
    """Answer the Message-ID of a call's mail; without a tracking id each mail has its own."""
    seed = f"{tracking_id or uuid.uuid4().hex}\0{recipient}"
    return f"<{hashlib.sha256(seed.encode()).hexdigest()[:40]}@{host}>"


def compose(mail: Mail, own: Address, identifier: str, sent_at: datetime) -> EmailMessage:
    """Answer the message: HTML with a plain text beside it, or plain text alone, and its attachments.

    `own` sends what names no sender, and is named as the one who really sent what does. Raises InvalidCall when the
    message is too large.
    """
    message = EmailMessage(policy=_POLICY)
    message["Message-ID"] = identifier
    message["Date"] = format_datetime(sent_at)
    message["From"] = mail.sender or own
    if mail.sender is not None and mail.sender.addr_spec.casefold() != own.addr_spec.casefold():
        message["Sender"] = own
    shown = {"To": mail.to, "Cc": mail.cc, "Reply-To": mail.reply_to, "Disposition-Notification-To": mail.read_receipt}
    for name, addresses in shown.items():
        if addresses:
            message[name] = addresses
    message["Subject"] = _line(mail.subject)[:_SUBJECT]
    if mail.importance != "Normal":
        message["Importance"] = mail.importance
        message["X-Priority"] = _PRIORITY[mail.importance.casefold()]
    if mail.sensitivity and mail.sensitivity.casefold() != "normal":
        message["Sensitivity"] = _line(mail.sensitivity)[:_NAME]
    # A machine's mail asks for no out-of-office reply, RFC 3834.
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, mail)
    return message


def _fill(message: EmailMessage, mail: Mail) -> None:
    if sum(len(each.content) for each in mail.attachments) + len(mail.body) > LIMIT_BYTES:
        raise InvalidCall(f"The mail is larger than {LIMIT_BYTES // 1024 // 1024} MB.")
    # NUL may be in no mail (RFC 5322, section 3.5), and servers refuse one for it; HTML shows this character for it.
    body = values.whole(mail.body).replace("\x00", "\ufffd")
    if not mail.is_html:
        message.set_content(body)
    else:
        message.set_content(html_text.plain(body))
        message.add_alternative(body, subtype="html")
    for each in mail.attachments:
        maintype, _, subtype = each.content_type.partition("/")
        html = message.get_body(("html",))
        if each.content_id and isinstance(html, EmailMessage) and f"cid:{each.content_id}" in body:
            html.add_related(each.content, maintype, subtype, cid=f"<{each.content_id}>", filename=each.name)
        elif maintype in ("message", "multipart"):
            # Such a part must not be encoded, RFC 2046; its bytes are what counts.
            message.add_attachment(each.content, "application", "octet-stream", filename=each.name)
        else:
            message.add_attachment(each.content, maintype, subtype, filename=each.name)


def _line(value: str) -> str:
    """Answer text on one line: no line break of an author reaches a header, and none that is encoded."""
    return mail_addresses.literal(_BREAKS.sub(" ", value).strip())
