"""Mails over real SMTP: to the built-in mailbox, and to servers that want encryption and a sign-in or refuse."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector_outside import a_call, message_of, outside
from sallyport.clock import SystemClock
from sallyport.connectors import Connectors
from sallyport.connectors.outside import MailNotSent
from sallyport.settings import Settings
from sallyport.web import mailbox as mailboxes
from sallyport.web.mailbox import Mailbox, MailboxUnavailable, NoSuchMail, SeveralMails
from sallyport.web.smtp import Smtp

MAIL = {"To": "a@contoso.com; b@contoso.com", "Bcc": "c@contoso.com", "Subject": "Ünïcode", "Body": "<p>Hello</p>"}


async def test_an_email_of_a_playbook_is_in_the_mailbox(mailing: Connectors, tmp_path: Path) -> None:
    body = {**MAIL, "Attachments": [{"Name": "a.bin", "ContentBytes": base64.b64encode(bytes(range(256))).decode()}]}
    response = await mailing.call(a_call("office365", "post", "/v2/Mail", body))
    assert response.status == 200
    (found,) = mailboxes.listed(tmp_path / "mailbox")
    assert (found.subject, found.sender) == ("Ünïcode", "Playbooks <playbooks@contoso.com>")
    assert found.recipients == ("a@contoso.com", "b@contoso.com", "c@contoso.com")
    message = mailboxes.read(found)
    (attachment,) = message.iter_attachments()
    assert attachment.get_payload(decode=True) == bytes(range(256))
    assert message["Return-Path"] == "<playbooks@contoso.com>"


async def test_a_repeat_is_recognisable_in_the_mailbox(mailing: Connectors, tmp_path: Path) -> None:
    for _ in range(2):
        await mailing.call(a_call("smtp", "post", "/SendEmailV3", MAIL))
    first, second = mailboxes.listed(tmp_path / "mailbox")
    assert first.message_id == second.message_id != ""


async def test_a_line_with_a_single_dot_arrives(mailing: Connectors, tmp_path: Path) -> None:
    await mailing.call(a_call("smtp", "post", "/SendEmail", {**MAIL, "Body": "one\n.\n..\nlast"}))
    (found,) = mailboxes.listed(tmp_path / "mailbox")
    assert mailboxes.read(found).get_content().splitlines() == ["one", ".", "..", "last"]


async def test_the_mailbox_keeps_the_newest_and_only_so_many(tmp_path: Path) -> None:
    small = Mailbox(tmp_path, SystemClock(), most=3)
    await small.open()
    connectors = Connectors(outside(mail=Smtp(Settings(), mailbox_port=small.port)))
    for number in range(5):
        await connectors.call(a_call("office365", "post", "/v2/Mail", {**MAIL, "Subject": str(number)}))
    await small.close()
    assert [each.subject for each in mailboxes.listed(tmp_path)] == ["2", "3", "4"]


async def test_a_mail_is_found_by_a_part_of_its_id_that_no_other_has(mailing: Connectors, tmp_path: Path) -> None:
    for _ in range(2):
        await mailing.call(a_call("office365", "post", "/v2/Mail", MAIL))
    folder = tmp_path / "mailbox"
    one, _ = mailboxes.listed(folder)
    assert mailboxes.find(folder, one.id[-8:]) == mailboxes.find(folder, one.id) == one
    for unknown in ("", "zzz", "../x"):
        with pytest.raises(NoSuchMail):
            mailboxes.find(folder, unknown)
    with pytest.raises(SeveralMails):
        mailboxes.find(folder, one.id[:4])
    assert mailboxes.clear(folder) == 2
    assert mailboxes.listed(folder) == []


async def test_a_mail_that_cannot_be_stored_is_not_acknowledged(
    mailing: Connectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    response = await mailing.call(a_call("office365", "post", "/v2/Mail", MAIL))
    assert response.status == 503
    assert mailboxes.listed(tmp_path / "mailbox") == []


async def test_a_port_that_is_taken_is_named(mailbox: Mailbox, tmp_path: Path) -> None:
    with pytest.raises(MailboxUnavailable, match=rf"cannot listen on port {mailbox.port} of 127.0.0.1"):
        Mailbox(tmp_path, SystemClock(), mailbox.port)


class Server:
    """A mail server that refuses what it is told to."""

    def __init__(self, **answers: str) -> None:
        self.answers = answers
        self.received: list[Envelope] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        answer = self.answers.get(address.partition("@")[0], "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        self.received.append(envelope)
        return self.answers.get("DATA", "250 OK")


def _signs_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"playbooks", b"s3cret")
    return AuthResult(success=is_known, handled=False)


@asynccontextmanager
async def _listening(server: Server, **options: Any) -> AsyncIterator[int]:
    tls = options.pop("implicit", None)
    loop = asyncio.get_running_loop()
    sessions: list[SMTP] = []

    def session() -> SMTP:
        sessions.append(SMTP(server, hostname="mail.test", loop=loop, **options))
        return sessions[-1]

    listener = await loop.create_server(session, "127.0.0.1", 0, ssl=tls)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        for each in sessions:
            if each.transport is not None:
                each.transport.close()
        await asyncio.sleep(0.05)
        await listener.wait_closed()


def _settings(port: int, **more: Any) -> Settings:
    return Settings(smtp_host="127.0.0.1", smtp_port=port, **more)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that only its own file vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


def _server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_mail_goes_encrypted_and_signed_in(certificate: Path, tls: Any) -> None:
    server = Server()
    context = _server_tls(certificate)
    # Within TLS from the first byte, aiosmtpd does not see that it is, and must not ask for it.
    options = {"implicit": context, "auth_require_tls": False} if tls == "implicit" else {"tls_context": context}
    trust = ssl.create_default_context(cafile=str(certificate))
    async with _listening(server, authenticator=_signs_in, auth_required=True, **options) as port:
        known = _settings(port, smtp_tls=tls, smtp_user="playbooks", smtp_password="s3cret")
        response = await _send(Smtp(known, trust=trust))
        wrong = _settings(port, smtp_tls=tls, smtp_user="playbooks", smtp_password="guess")
        refused = await _send(Smtp(wrong, trust=trust))
    assert response.status == 200
    assert [each.rcpt_tos for each in server.received] == [["a@contoso.com", "b@contoso.com", "c@contoso.com"]]
    assert refused.status == 401
    assert "guess" not in message_of(refused)


async def test_a_server_that_nobody_vouches_for_gets_no_mail(certificate: Path) -> None:
    server = Server()
    async with _listening(server, tls_context=_server_tls(certificate)) as port:
        response = await _send(Smtp(_settings(port, smtp_tls="starttls")))
    assert response.status == 502
    assert server.received == []


async def test_a_server_without_encryption_gets_no_mail_when_it_is_wanted() -> None:
    server = Server()
    async with _listening(server) as port:
        response = await _send(Smtp(_settings(port, smtp_tls="starttls")))
    assert response.status == 502
    assert server.received == []


async def _send(smtp: Smtp, **more: Any) -> Any:
    return await Connectors(outside(mail=smtp)).call(a_call("office365", "post", "/v2/Mail", {**MAIL, **more}))


@pytest.mark.parametrize(
    ("answers", "status", "says"),
    [
        ({"a": "550 5.1.1 Unknown", "b": "550 No", "c": "550 No"}, 400, "a@contoso.com: 550 5.1.1 Unknown"),
        ({"a": "450 4.7.1 Greylisted", "b": "450 later", "c": "450 later"}, 503, "Greylisted"),
        ({"DATA": "552 Message too large"}, 400, "552 Message too large"),
        ({"DATA": "451 Try again"}, 503, "451 Try again"),
    ],
)
async def test_what_a_server_refuses_is_told_in_its_own_words(answers: dict[str, str], status: int, says: str) -> None:
    async with _listening(Server(**answers)) as port:
        response = await _send(Smtp(_settings(port, smtp_tls="none")))
    assert response.status == status
    assert says in message_of(response)


async def test_one_refused_recipient_does_not_fail_the_mail() -> None:
    server = Server(b="550 No such user")
    async with _listening(server) as port:
        response = await _send(Smtp(_settings(port, smtp_tls="none")))
    assert response.status == 200
    assert [each.rcpt_tos for each in server.received] == [["a@contoso.com", "c@contoso.com"]]


async def test_nobody_listening_is_answered_with_502() -> None:
    async with _listening(Server()) as port:
        pass
    assert (await _send(Smtp(_settings(port, smtp_tls="none")))).status == 502


@pytest.mark.parametrize(
    ("greeting", "kind"), [(b"", "timeout"), (b"220-slow\r\n", "timeout"), (b"HTTP/1.1 400 Bad\r\n\r\n", None)]
)
async def test_a_server_that_does_not_behave_ends_in_time(greeting: bytes, kind: str | None) -> None:
    release, done = asyncio.Event(), asyncio.Event()

    async def stall(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await release.wait()
        writer.close()
        done.set()

    listener = await asyncio.start_server(stall, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    smtp = Smtp(_settings(port, smtp_tls="none"), deadline_seconds=0.3)
    with pytest.raises(MailNotSent) as failed:
        await asyncio.wait_for(_raw(smtp), 5)
    release.set()
    await done.wait()
    listener.close()
    await listener.wait_closed()
    assert failed.value.kind == kind if kind else failed.value.kind in ("protocol", "unreachable", "temporary")


async def _raw(smtp: Smtp) -> None:
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"] = "a@contoso.com"
    message.set_content("x")
    await smtp.send(message, ["b@contoso.com"])
