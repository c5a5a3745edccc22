"""Calls of the SMTP connector: send an email.

Deviation: a connection's own server address and sign-in are not used; mails leave through the server that the settings
name, so that one place says where mail goes.
"""

from __future__ import annotations

from sallyport.connector_call import ConnectorCall
from sallyport.connectors import answers, mail, mail_addresses, mailing
from sallyport.connectors import call as generic
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.catalog import Connector
from sallyport.connectors.mail import Mail
from sallyport.connectors.mailing import Sending
from sallyport.connectors.outside import Outside
from sallyport.http_messages import InboundResponse


async def call(outside: Outside, connector: Connector, call: ConnectorCall) -> InboundResponse:
    """Make a call of the connector.

    Raises UnknownOperation or InvalidCall.
    """
    call = generic.on_path(call, (outside.public_url,))
    found = connector.find(call.method, call.path)
    body = mailing.stated(call)
    sent = Mail(
        to=mail_addresses.read(mail.member(body, "To"), "To"),
        subject=mail.text(body, "Subject"),
        body=mail.text(body, "Body"),
        is_html=found.operation.id == "SendEmailV3" or mail.is_html(body),
        sender=mailing.sender(body, "From"),
        cc=mail_addresses.read(mail.member(body, "CC"), "CC"),
        bcc=mail_addresses.read(mail.member(body, "Bcc"), "Bcc"),
        reply_to=mail_addresses.read(mail.member(body, "ReplyTo"), "ReplyTo"),
        importance=mail.importance(body),
        attachments=mail.attachments(body, "FileName", "ContentData"),
        read_receipt=mail_addresses.read(mail.member(body, "ReadReceipt"), "ReadReceipt"),
    )
    if not sent.recipients:
        raise InvalidCall("The mail has no recipient: 'To', 'CC' or 'Bcc' must hold a mail address.")
    return await Sending(outside, call).send(sent) or answers.answer(200)
