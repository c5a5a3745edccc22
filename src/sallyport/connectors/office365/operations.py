"""Calls of the Office 365 Outlook connector: send an email, and send one that waits for somebody's choice.

Deviation: mails leave through the configured mail server and are in nobody's Sent Items, because no mailbox stands
behind a connection here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from sallyport.connector_call import ConnectorCall
from sallyport.connectors import answers, mail, mail_addresses, mailing
from sallyport.connectors import call as generic
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.catalog import Connector
from sallyport.connectors.mail import Mail
from sallyport.connectors.mailing import Sending
from sallyport.connectors.office365 import approval
from sallyport.connectors.outside import Outside
from sallyport.connectors.swagger import Found
from sallyport.http_messages import InboundResponse

#: From here on a repeat may help.
_SERVER_FAULT = 500

Operation = Callable[[Outside, Found, ConnectorCall], Awaitable[InboundResponse]]


async def call(outside: Outside, connector: Connector, call: ConnectorCall) -> InboundResponse:
    """Make a call of the connector.

    Raises UnknownOperation or InvalidCall.
    """
    call = generic.on_path(call, (outside.public_url,))
    found = connector.find(call.method, call.path)
    return await OPERATIONS[found.operation.id](outside, found, call)


async def send_mail(outside: Outside, found: Found, call: ConnectorCall) -> InboundResponse:
    """Send a mail; the body is HTML, except in the first version when it does not say so."""
    body = mailing.stated(call)
    mailing.demanded(call, body, "To")
    sender = "MailboxAddress" if found.operation.id == "SharedMailboxSendEmailV2" else "From"
    if sender == "MailboxAddress":
        mailing.demanded(call, body, sender)
    is_html = found.operation.id != "SendEmail" or mail.is_html(body)
    sent = replace(_mail(body, sender), is_html=is_html)
    refused = await Sending(outside, call).send(sent)
    return refused or answers.answer(200)


async def ask(outside: Outside, found: Found, call: ConnectorCall) -> InboundResponse:
    """Send a mail with a link for each choice to each recipient, and answer where the subscription is."""
    body = mailing.stated(call)
    stated = mail.member(body, "Message")
    if not isinstance(stated, dict):
        raise InvalidCall(f"{call.method.upper()} {call.path} needs an object 'Message' in its body.")
    mailing.demanded(call, stated, "To")
    url = mail.text(body, "NotificationUrl").strip() or call.callback_url
    if not url:
        raise InvalidCall("'NotificationUrl' must be the address that the choice is reported to.")
    identifier = approval.identifier(call.tracking_id)
    wording = approval.WORDINGS[found.operation.id]
    request = approval.Request.read(stated, wording, url, identifier, outside.clock.now())
    template = _mail({**stated, "Subject": mail.text(stated, "Subject").strip() or wording.subject}, "From")
    sending = Sending(outside, call)
    refusals = []
    for recipient in template.to:
        links = request.links(recipient.addr_spec, outside.public_url, outside.sign)
        # Everybody sees who else was asked; each has links of his own, which say who answered.
        refused = await sending.send(
            replace(template, body=approval.mail_page(request, links)), only=recipient.addr_spec
        )
        if refused is not None and refused.status >= _SERVER_FAULT:
            return refused
        refusals += [refused] if refused is not None else []
    if len(refusals) == len(template.to):
        return refusals[0]
    return answers.answer(201, {"id": identifier}, {"Location": f"{call.path.rstrip('/')}/{identifier}"})


async def forget(_outside: Outside, _found: Found, _call: ConnectorCall) -> InboundResponse:
    """Answer that a subscription is gone: its links report to an address that waits no more."""
    return answers.answer(200)


#: What each operation of the Swagger file does.
OPERATIONS: Mapping[str, Operation] = {
    "SendEmail": send_mail,
    "SendEmailV2": send_mail,
    "SharedMailboxSendEmailV2": send_mail,
    "SendApprovalMail": ask,
    "DeleteApprovalMailSubscription": forget,
    "SendMailWithOptions": ask,
    "DeleteOptionsMailSubscription": forget,
}


def _mail(body: Mapping[str, Any], sender: str) -> Mail:
    to = mail_addresses.read(mail.member(body, "To"), "To")
    if not to:
        raise InvalidCall("'To' holds no mail address.")
    return Mail(
        to=to,
        subject=mail.text(body, "Subject"),
        body=_body(body),
        is_html=True,
        sender=mailing.sender(dict(body), sender),
        cc=mail_addresses.read(mail.member(body, "Cc"), "Cc"),
        bcc=mail_addresses.read(mail.member(body, "Bcc"), "Bcc"),
        reply_to=mail_addresses.read(mail.member(body, "ReplyTo"), "ReplyTo"),
        importance=mail.importance(body),
        sensitivity=mail.text(body, "Sensitivity"),
        attachments=mail.attachments(body, "Name", "ContentBytes"),
    )


def _body(body: Mapping[str, Any]) -> str:
    return mail.text(body, "Body")
