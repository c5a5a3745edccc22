"""A mail that asks somebody to choose: its links, sealed with what they mean, and the mail itself.

The rule: nothing is stored for a link. Whoever holds it may choose, until it expires or the run has its answer; without
the server's key its meaning can neither be changed nor read, so nobody learns the address that the choice is reported
to, where he could report anything.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from sallyport import errors
from sallyport.connectors import html_inert, html_text, mail
from sallyport.connectors.answers import InvalidCall

#: As long as a run may take by default.
LIFETIME = timedelta(days=90)
_MOST_OPTIONS = 50
_LONGEST_OPTION = 200
#: Nothing else is derived from the server's key by this name.
_PURPOSE = b"sallyport approval link\0"
_SUBJECT = 200


class UnknownLink(errors.NotFound):
    """Raised when a link is not one that this server gave out, or was changed on the way."""

    code = "LinkUnknown"

    def __init__(self) -> None:
        super().__init__("This link was not given out by this server, or was changed on its way.")


class ExpiredLink(errors.SallyportError):
    """Raised when a link was given out, but too long ago."""

    code = "LinkExpired"
    status = 410

    def __init__(self, expired_at: datetime) -> None:
        super().__init__(f"This link expired on {expired_at:%d %B %Y} at {expired_at:%H:%M} UTC.")
        self.expired_at = expired_at


@dataclass(frozen=True, slots=True)
class Wording:
    """What a mail says when its author leaves it open."""

    subject: str
    header: str
    selection: str
    #: Empty when the author must state them.
    options: tuple[str, ...]


#: By the operation that asks.
WORDINGS: Mapping[str, Wording] = {
    "SendApprovalMail": Wording("Approval request", "Approval request", "Please choose:", ("Approve", "Reject")),
    "SendMailWithOptions": Wording("Your input is wanted", "Your input is wanted", "Please choose:", ()),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """What one link means."""

    #: The same for every link of one call.
    id: str
    url: str
    option: str
    recipient: str
    subject: str
    expires_at: datetime

    def token(self, sign: Callable[[bytes], str]) -> str:
        """Answer the choice as text for a URL, sealed; the same choice is always the same text."""
        facts = [self.id, self.url, self.option, self.recipient, self.subject, int(self.expires_at.timestamp())]
        return _written(_cipher(sign).encrypt(orjson.dumps(facts), [_PURPOSE]))


def read(token: str, sign: Callable[[bytes], str], now: datetime) -> Choice:
    """Answer the choice that a token carries.

    Raises UnknownLink or ExpiredLink.
    """
    try:
        sealed = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
        # One text for each choice: what decodes to the same bytes otherwise is none of ours.
        facts = _cipher(sign).decrypt(sealed, [_PURPOSE]) if _written(sealed) == token else b""
        identifier, url, option, recipient, subject, expires = orjson.loads(facts)
    except (InvalidTag, binascii.Error, ValueError):
        raise UnknownLink from None
    choice = Choice(identifier, url, option, recipient, subject, datetime.fromtimestamp(expires, UTC))
    if choice.expires_at <= now:
        raise ExpiredLink(choice.expires_at)
    return choice


def _cipher(sign: Callable[[bytes], str]) -> AESSIV:
    """Answer what seals deterministically and detects every change, RFC 5297, under a key of its own."""
    return AESSIV(hashlib.sha512(sign(_PURPOSE).encode()).digest())


def _written(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def identifier(tracking_id: str) -> str:
    """Answer the id of a call's subscription, the same for a repeat of the call."""
    seed = f"approval\0{tracking_id or uuid.uuid4().hex}"
    return hashlib.sha256(seed.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody is asked, and the choices there are."""

    id: str
    url: str
    subject: str
    header: str
    selection: str
    #: HTML, or plain text.
    body: str
    options: tuple[str, ...]
    expires_at: datetime

    @classmethod
    def read(cls, stated: Mapping[str, Any], wording: Wording, url: str, identifier: str, now: datetime) -> Request:
        """Answer what a `Message` asks.

        Raises InvalidCall when there is nothing to choose from.
        """
        return cls(
            id=identifier,
            url=url,
            subject=" ".join(mail.text(stated, "Subject").split())[:_SUBJECT] or wording.subject,
            header=_sentence(mail.text(stated, "HeaderText")) or wording.header,
            selection=_sentence(mail.text(stated, "SelectionText")) or wording.selection,
            body=mail.text(stated, "Body"),
            options=_options(mail.member(stated, "Options"), wording),
            expires_at=now + LIFETIME,
        )

    def links(self, recipient: str, public_url: str, sign: Callable[[bytes], str]) -> list[tuple[str, str]]:
        """Answer each option with the address behind it, for one recipient."""
        choices = [Choice(self.id, self.url, each, recipient, self.subject, self.expires_at) for each in self.options]
        return [(choice.option, f"{public_url}/approvals/{choice.token(sign)}") for choice in choices]


def mail_page(request: Request, links: Sequence[tuple[str, str]]) -> str:
    """Answer the mail as HTML; mail programs know no style sheets, so each element carries its own."""
    buttons = " &nbsp; ".join(f'<a href="{escape(url)}" style="{_BUTTON}">{escape(each)}</a>' for each, url in links)
    # HTML is its author's, as in Azure; a text stays one, whatever the alerts hold that it quotes.
    body = request.body if html_text.begins(request.body) else html_inert.inert(request.body)
    return (
        f'<div style="{_PROSE}">\n<h2 style="margin:0 0 16px">{escape(request.header)}</h2>\n'
        f"<div>{body}</div>\n"
        f'<p style="margin:24px 0 12px"><strong>{escape(request.selection)}</strong></p>\n'
        f'<p style="line-height:44px">{buttons}</p>\n'
        f'<p style="color:#666666;font-size:12px">You will be asked to confirm. The links are for you alone; '
        f"do not forward this mail.</p>\n</div>\n"
    )


def _sentence(text: str) -> str:
    """Answer a line of text; of one that an author wrote as HTML, what it says."""
    # A start alone may be anything in angle brackets, such as the name of a host.
    return (html_text.plain(text) if "</" in text else text).strip()


def _options(stated: Any, wording: Wording) -> tuple[str, ...]:
    listed = stated if isinstance(stated, list) else str(stated or "").split(",")
    options = tuple(dict.fromkeys(" ".join(str(each).split()) for each in listed if str(each).strip()))
    if not options and not wording.options:
        raise InvalidCall("'Message' needs 'Options' to choose from, separated by commas.")
    if len(options) > _MOST_OPTIONS or any(len(each) > _LONGEST_OPTION for each in options):
        raise InvalidCall(f"'Options' may hold {_MOST_OPTIONS} choices of {_LONGEST_OPTION} characters each.")
    return options or wording.options


_PROSE = "font-family:Segoe UI,Helvetica,Arial,sans-serif;font-size:14px;color:#222222"
_BUTTON = (
    "display:inline-block;line-height:20px;padding:8px 20px;border-radius:4px;background:#0f6cbd;color:#ffffff;"
    "text-decoration:none;font-weight:600"
)
