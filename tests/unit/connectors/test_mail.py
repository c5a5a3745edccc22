"""What a playbook states becomes a mail, or is refused with a sentence."""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import effort
from connector_outside import Post, a_call, message_of, outside
from sallyport.connectors import Connectors, html_text, mail_addresses
from sallyport.connectors.answers import InvalidCall
from sallyport.connectors.outside import MailFailure, MailNotSent
from sallyport.http_messages import InboundResponse

PDF = base64.b64encode(b"%PDF-1.7").decode()


async def _send(body: Any, path: str = "/v2/Mail", api: str = "office365", **more: Any) -> tuple[InboundResponse, Post]:
    post = more.pop("post", None) or Post()
    response = await Connectors(outside(mail=post)).call(a_call(api, "post", path, body, **more))
    return response, post


async def _sent(body: Any, path: str = "/v2/Mail", api: str = "office365", **more: Any) -> EmailMessage:
    """Answer the one mail that a body makes, as it arrives at the other end."""
    response, post = await _send(body, path, api, **more)
    assert response.status == 200, response.body
    ((message, _),) = post.sent
    arrived = BytesParser(policy=policy.default).parsebytes(message.as_bytes())
    assert isinstance(arrived, EmailMessage)
    return arrived


def _text(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert isinstance(part, EmailMessage)
    content: str = part.get_content()
    return content


async def test_a_mail_has_html_and_a_plain_text_beside_it() -> None:
    message = await _sent({"To": "soc@contoso.com", "Subject": "Alert: Ünïcode", "Body": "<p>Alert <b>42</b></p>"})
    assert message["Subject"] == "Alert: Ünïcode"
    assert message["To"] == "soc@contoso.com"
    assert message["From"] == "Playbooks <playbooks@contoso.com>"
    assert message["Date"] == "Mon, 05 Jan 2026 09:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    assert _text(message, "html").strip() == "<p>Alert <b>42</b></p>"
    assert _text(message, "plain").strip() == "Alert 42"


async def test_copies_reach_everybody_and_hidden_ones_stay_hidden() -> None:
    body = {
        "To": "a@contoso.com; b@contoso.com", "Cc": "c@contoso.com,a@contoso.com", "Bcc": "d@contoso.com",
        "ReplyTo": "r@contoso.com", "Subject": "s", "Body": "b", "Importance": "High", "Sensitivity": "Private",
    }  # fmt: skip
    response, post = await _send(body)
    ((message, recipients),) = post.sent
    assert response.status == 200
    assert recipients == ("a@contoso.com", "b@contoso.com", "c@contoso.com", "d@contoso.com")
    assert b"d@contoso.com" not in message.as_bytes()
    shown = {name: str(message[name]) for name in ("Cc", "Reply-To", "Importance", "X-Priority", "Sensitivity")}
    assert shown == {
        "Cc": "c@contoso.com, a@contoso.com",
        "Reply-To": "r@contoso.com",
        "Importance": "High",
        "X-Priority": "1",
        "Sensitivity": "Private",
    }


async def test_whoever_it_is_sent_as_is_shown_and_whoever_really_sent_it_too() -> None:
    message = await _sent({"To": "a@contoso.com", "From": "soc@contoso.com", "Subject": "s", "Body": "b"})
    assert (message["From"], message["Sender"]) == ("soc@contoso.com", "Playbooks <playbooks@contoso.com>")


async def test_a_shared_mailbox_sends_in_its_own_name() -> None:
    body = {"MailboxAddress": "desk@contoso.com", "To": "a@contoso.com", "Subject": "s", "Body": "b"}
    assert (await _sent(body, "/v2/SharedMailbox/Mail"))["From"] == "desk@contoso.com"
    response, _ = await _send({"To": "a@contoso.com"}, "/v2/SharedMailbox/Mail")
    assert (response.status, "'MailboxAddress'" in message_of(response)) == (400, True)


async def test_attachments_travel_byte_for_byte() -> None:
    envelope = {"$content-type": "image/png", "$content": base64.b64encode(b"\x89PNG").decode()}
    attachments = [
        {"Name": "report.pdf", "ContentBytes": PDF},
        {"Name": "Bild ü.png", "ContentBytes": envelope},
        {"name": "mail.eml", "contentBytes": base64.b64encode(b"Subject: x\r\n\r\ny").decode()},
    ]
    message = await _sent({"To": "a@contoso.com", "Subject": "s", "Body": "b", "Attachments": attachments})
    found = {part.get_filename(): part.get_payload(decode=True) for part in message.iter_attachments()}
    assert found == {"report.pdf": b"%PDF-1.7", "Bild ü.png": b"\x89PNG", "mail.eml": b"Subject: x\r\n\r\ny"}
    types = [part.get_content_type() for part in message.iter_attachments()]
    assert types == ["application/pdf", "image/png", "application/octet-stream"]


async def test_an_image_within_the_text_belongs_to_the_html() -> None:
    picture = {"FileName": "logo.png", "ContentData": PDF, "ContentType": "image/png", "ContentId": "logo"}
    body = {"To": "a@contoso.com", "Subject": "s", "Body": "<img src='cid:logo'>", "Attachments": [picture]}
    message = await _sent(body, "/SendEmailV3", "smtp")
    html = message.get_body(("related",))
    assert html is not None
    assert [part["Content-ID"] for part in html.walk() if part["Content-ID"]] == ["<logo>"]


@pytest.mark.parametrize(
    ("path", "api", "body", "kind"),
    [
        ("/Mail", "office365", "plain", "text/plain"),
        ("/Mail", "office365", "<p>x</p>", "multipart/alternative"),
        ("/v2/Mail", "office365", "plain", "multipart/alternative"),
        ("/v2/mail/", "OFFICE365", "plain", "multipart/alternative"),
        ("/v2/Mail", "outlook", "plain", "multipart/alternative"),
        ("/SendEmail", "smtp", "plain", "text/plain"),
        ("/SendEmailV3", "smtp", "plain", "multipart/alternative"),
    ],
)
async def test_each_version_takes_its_body_as_the_real_one_does(path: str, api: str, body: str, kind: str) -> None:
    message = await _sent({"To": "a@contoso.com", "Subject": "s", "Body": body}, path, api)
    assert message.get_content_type() == kind


@pytest.mark.parametrize(("path", "api"), [("/Mail", "office365"), ("/SendEmail", "smtp")])
@pytest.mark.parametrize(
    ("body", "stated"),
    [
        ("<p>not <b>HTML</b></p>", {"IsHtml": False}),
        ("Bob <bob@contoso.com> signed in at <web01>", {}),
        ("<bob@contoso.com> signed in", {}),
        ("Title: <a href='https://evil.example'>Sign in</a>", {}),
    ],
)
async def test_a_plain_text_is_no_html_because_of_what_stands_in_it(
    path: str, api: str, body: str, stated: dict[str, Any]
) -> None:
    message = await _sent({"To": "a@contoso.com", "Subject": "s", "Body": body, **stated}, path, api)
    assert (message.get_content_type(), message.get_content().strip()) == ("text/plain", body)


async def test_a_repeat_of_a_call_carries_the_same_message_id_and_another_call_another() -> None:
    body = {"To": "a@contoso.com", "Subject": "s", "Body": "b"}
    ids = [(await _sent(body, tracking_id=tracking))["Message-ID"] for tracking in ("t-1", "t-1", "t-2", "", "")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(each.startswith("<") and each.endswith("@soc.contoso.com>") for each in ids)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (None, "must be an object"),
        ("To: a@contoso.com", "must be an object"),
        ({"Subject": "s", "Body": "b"}, "needs 'To' in its body"),
        ({"To": "  "}, "needs 'To' in its body"),
        ({"To": " ; "}, "'To' holds no mail address."),
        ({"To": [], "Cc": "a@contoso.com"}, "'To' holds no mail address."),
        ({"To": "<Recipient_Email_Address>"}, "'To' holds '<Recipient_Email_Address>', which is not a mail address."),
        ({"To": 7}, "'To' must be text"),
        ({"To": "a@contoso.com\r\nBcc: evil@example.com"}, "'To' holds"),
        ({"To": "a@contoso.com", "Cc": "x\nSubject: y <b@contoso.com>"}, "line break"),
        ({"To": "a@contoso.com", "From": "a@contoso.com; b@contoso.com"}, "'From' must be one mail address"),
        ({"To": "a@contoso.com", "Importance": "urgent"}, "must be Low, Normal or High, not 'urgent'"),
        ({"To": "a@contoso.com", "Attachments": ["x"]}, "'Attachments/0' must be an object"),
        ({"To": "a@contoso.com", "Attachments": [{"Name": "x.txt"}]}, "The attachment 'x.txt' has no 'ContentBytes'"),
        ({"To": "a@contoso.com", "Attachments": [{"Name": "x", "ContentBytes": "ä!"}]}, "'x' is not base64"),
        ({"To": ";".join(f"a{number}@contoso.com" for number in range(501))}, "holds 501 addresses; the limit is 500"),
    ],
)
async def test_what_makes_no_mail_is_answered_with_400_and_a_sentence(body: Any, says: str) -> None:
    response, post = await _send(body)
    assert response.status == 400
    assert says in message_of(response)
    assert post.sent == []


async def test_a_smtp_mail_needs_somebody_to_go_to() -> None:
    response, _ = await _send({"Subject": "Twitter: x", "Body": "b"}, "/SendEmail", "smtp")
    assert (response.status, "no recipient" in message_of(response)) == (400, True)


@pytest.mark.parametrize(
    "name",
    [
        "victim@example.com, Security Operations Center (Level 2) of Contoso Corporation GmbH",
        "Contoso; Security Operations: level 2 (on call), and whoever else is awake at this hour of the night",
        "x" * 100 + ", y",
        "Sicherheit, 日本語の名前がとても長い場合でも正しく折り返されるべきです、セキュリティ, victim@example.com",
        "Müller, Hans",
    ],
)
async def test_a_name_stays_a_name_however_long_it_is(name: str) -> None:
    named = f'"{name}" <a@contoso.com>'
    _, post = await _send({"To": f"{named}; b@contoso.com", "ReplyTo": named, "Subject": "s", "Body": "b"})
    content = post.sent[0][0].as_bytes()
    # Not read by what wrote it: that puts blanks between the pieces of an encoded name.
    arrived = message_from_bytes(content)
    for field, others in (("To", [("", "b@contoso.com")]), ("Reply-To", [])):
        (shown, address), *rest = getaddresses([arrived[field]])
        assert (str(make_header(decode_header(shown))), address, rest) == (name, "a@contoso.com", others)
    assert max(map(len, content.split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    "subject", ["Ö" * 200, "Anmeldung  von  Jörg  Müller  " * 12 + ".", "異常な  サインイン " * 30 + "."]
)
async def test_a_long_subject_keeps_every_character(subject: str) -> None:
    assert (await _sent({"To": "a@contoso.com", "Subject": subject, "Body": "b"}))["Subject"] == subject


async def test_no_line_break_of_a_subject_begins_a_header() -> None:
    subject = "Alert\r\nBcc: evil@example.com\n\nbody\x00\u2028x"
    message = await _sent({"To": "a@contoso.com", "Subject": subject, "Body": "b"})
    assert message["Bcc"] is None
    assert message["Subject"] == "Alert Bcc: evil@example.com body x"


@pytest.mark.parametrize(
    "text",
    [
        "=?utf-8?q?foo=0D=0ABcc=3A_evil=40example.com=0D=0A=0D=0Abody?=",
        "Alert =?utf-8?b?Zm9vDQpCY2M6IGV2aWxAZXhhbXBsZS5jb20=?= on host",
        "=?utf-8*en?Q?foo=0ABcc:_x=40y?= =?us-ascii?q?=0ABcc:_x=40y?=",
    ],
)
async def test_no_line_break_that_is_encoded_begins_a_header_and_nothing_is_decoded(text: str) -> None:
    named = {"To": f"{text} <a@contoso.com>", "CC": f'"{text}" <b@contoso.com>'}
    attached = [{"Name": text, "ContentBytes": PDF, "ContentType": text, "ContentId": text}]
    message = await _sent({**named, "Subject": text, "Body": "b", "Sensitivity": text, "Attachments": attached})
    assert message["Bcc"] is None
    said = text.replace("=?", "= ?")
    assert (message["Subject"], message["Sensitivity"]) == (said, said)
    assert [each.display_name for each in (*message["To"].addresses, *message["Cc"].addresses)] == [said, said]
    assert message["To"].addresses[0].addr_spec == "a@contoso.com"
    (file,) = message.iter_attachments()
    assert (file.get_filename(), file.get_content_type()) == (said, "application/octet-stream")


@pytest.mark.parametrize(
    "stated", ["multipart/mixed", "message/rfc822", "te xt/plain", "image/png x: y", "ü/ö", "a/b/c"]
)
async def test_a_type_that_no_attachment_can_have_is_not_claimed(stated: str) -> None:
    file = {"Name": "a.bin", "ContentBytes": PDF, "ContentType": stated}
    message = await _sent({"To": "a@contoso.com", "Subject": "s", "Body": "b", "Attachments": [file]})
    (arrived,) = message.iter_attachments()
    assert arrived.get_content_type() == "application/octet-stream"
    assert arrived.get_content() == base64.b64decode(PDF)


@given(
    st.fixed_dictionaries(
        {"Subject": st.text(max_size=200), "Body": st.text(max_size=200), "Sensitivity": st.text(max_size=9)}
    )
)
async def test_any_text_makes_a_mail_with_our_headers_alone(stated: dict[str, str]) -> None:
    message = await _sent(
        {"To": "a@contoso.com", **stated, "Attachments": [{"Name": stated["Subject"], "ContentBytes": PDF}]}
    )
    ours = {
        "Message-ID",
        "Date",
        "From",
        "To",
        "Subject",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
        "Sensitivity",
    }
    assert set(message.keys()) <= ours
    message.as_bytes().decode("ascii")


async def test_a_lone_surrogate_is_replaced_not_fatal() -> None:
    message = await _sent({"To": "a@contoso.com", "Subject": "x\ud83d", "Body": "y\ude00"})
    assert message["Subject"] == "x\ufffd"


async def test_an_image_is_found_by_its_identifier_however_long_that_is() -> None:
    identifier = "0123456789abcdef" * 6 + "@contoso.com"
    file = {"Name": "a.png", "ContentBytes": PDF, "ContentType": "image/png", "ContentId": identifier}
    mail = {"To": "a@contoso.com", "Subject": "s", "Body": f"<img src='cid:{identifier}'>", "Attachments": [file]}
    _, post = await _send(mail)
    assert f"\r\nContent-ID: <{identifier}>\r\n".encode() in post.sent[0][0].as_bytes()


@pytest.mark.parametrize(("path", "api"), [("/v2/Mail", "office365"), ("/SendEmail", "smtp")])
async def test_no_mail_holds_a_nul(path: str, api: str) -> None:
    _, post = await _send({"To": "a@contoso.com", "Subject": "a\x00b", "Body": "a\x00b"}, path, api)
    assert b"\x00" not in post.sent[0][0].as_bytes()
    assert _text(post.sent[0][0], "plain").strip() == "a\ufffdb"


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("recipient", 400),
        ("message", 400),
        ("sign_in", 401),
        ("temporary", 503),
        ("unreachable", 502),
        ("timeout", 504),
    ],
)
async def test_what_the_mail_server_says_is_answered_as_http_would(kind: MailFailure, status: int) -> None:
    post = Post(failing=lambda _recipients: MailNotSent(kind, "550 no such user"))
    response, _ = await _send({"To": "a@contoso.com", "Subject": "s", "Body": "b"}, post=post)
    assert response.status == status
    assert "550 no such user" in message_of(response)
    assert ("retry-after" in response.headers) is (status == 503)


async def test_a_mail_that_reached_somebody_is_sent() -> None:
    post = Post(refused={"b@contoso.com": "550 unknown"})
    response, _ = await _send({"To": "a@contoso.com;b@contoso.com", "Subject": "s", "Body": "b"}, post=post)
    assert response.status == 200


async def test_a_mail_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sallyport.connectors.mail.LIMIT_BYTES", 10)
    response, _ = await _send({"To": "a@contoso.com", "Subject": "s", "Body": "b" * 11})
    assert (response.status, "larger than" in message_of(response)) == (400, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a@contoso.com", ["a@contoso.com"]),
        ("a@contoso.com;b@contoso.com; ", ["a@contoso.com", "b@contoso.com"]),
        ("a@contoso.com, B@contoso.com ,b@contoso.com", ["a@contoso.com", "B@contoso.com"]),
        ("Jane Doe <jane@contoso.com>", ["jane@contoso.com"]),
        ('"Doe, Jane" <jane@contoso.com>, x@contoso.com', ["jane@contoso.com", "x@contoso.com"]),
        ("Doe, Jane <jane@contoso.com>; x@contoso.com", ["jane@contoso.com", "x@contoso.com"]),
        ("a@contoso.com;\n b@contoso.com\n", ["a@contoso.com", "b@contoso.com"]),
        ("o'hara+soc@sub.contoso.com", ["o'hara+soc@sub.contoso.com"]),
        ("a@bücher.example", ["a@xn--bcher-kva.example"]),
        ("a@localhost", ["a@localhost"]),
        ("a@[192.0.2.1]", ["a@[192.0.2.1]"]),
        ("", []),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, expected: list[str]) -> None:
    assert [each.addr_spec for each in mail_addresses.read(text, "To")] == expected


@pytest.mark.parametrize(
    "text",
    ["a", "@contoso.com", "a@", "a b@contoso.com", "a@b@contoso.com", "a@-x.com", "a@x..com", "a@x.com>", "<a@x.com",
     "a@x.com b@x.com", "a\x00@x.com", ".a@x.com", "jürgen@x.com", f"{'a' * 65}@x.com", "a@" + "x." * 130 + "com"],
)  # fmt: skip
def test_what_is_no_address_is_refused_and_named(text: str) -> None:
    with pytest.raises(InvalidCall, match="'Cc'"):
        mail_addresses.read(text, "Cc")


def test_a_name_goes_with_its_address() -> None:
    assert mail_addresses.read('"Doe, Jane" <jane@contoso.com>', "To") == (Address("Doe, Jane", "jane", "contoso.com"),)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree\n"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n\n- b\n"),
        ("<a href='https://x.example/1'>open</a>", "open <https://x.example/1>\n"),
        ("<a href='https://x.example/'>https://x.example/</a>", "https://x.example/\n"),
        ("<style>p{}</style><script>x()</script><title>t</title>shown", "shown\n"),
        ("<html><head><title>t</title><style>p{}</style><body><p>shown</p></html>", "shown\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\n\nc\n"),
        ("a &amp; b &lt;c&gt;&nbsp;d", "a & b <c> d\n"),
        ("just\ntext", "just text\n"),
        ("<p>broken <b>html", "broken html\n"),
        ("<p title=it's class='a>b'>kept</p> Don't <i>go</I>", "kept\n\nDon't go\n"),
        ("a <!-- <b>not this</b> --> b<!DOCTYPE html><?xml x?>, 1 < 2, <3", "a b, 1 < 2, <3\n"),
        ("<p>a</p><!-- never closed", "a\n\n<!-- never closed\n"),
        ("<SCRIPT>if (a<b) '</p>'</SCRIPT>shown", "shown\n"),
        (
            "<a class=x href=https://x.example/1?a=1&amp;b=2>one<a href='https://x.example/2'>two</a>",
            "one <https://x.example/1?a=1&b=2>two <https://x.example/2>\n",
        ),
        ("&#" + "9" * 5000 + ";", "&#" + "9" * 5000 + ";\n"),
    ],
)
def test_html_reads_as_text(html: str, text: str) -> None:
    assert html_text.plain(html) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<a ",
        "<a href='",
        '<a href="',
        "<!--",
        "<![CDATA[",
        "</",
        "<?",
        "<p>",
        "<a href=x>y",
        "<script>",
        "<p a=",
        "&",
        "<",
    ],
)
def test_a_text_of_an_attacker_takes_no_longer_to_read_than_another(piece: str) -> None:
    with effort.at_most(5):
        html_text.plain(piece * 40_000 + "</a>" * 40_000)


async def test_names_of_an_attacker_take_no_longer_to_write_than_others() -> None:
    long = "é " * 20_000
    attached = [{"Name": f"{long}.txt", "ContentBytes": "aGVsbG8="}]
    with effort.at_most(5):
        _, post = await _send(
            {
                "To": f'"{long}" <a@contoso.com>',
                "Subject": long,
                "Body": "b",
                "Sensitivity": long,
                "Attachments": attached,
            }
        )
        message = post.sent[0][0]
        assert len(message.as_bytes()) < 20_000
    [file] = message.iter_attachments()
    assert str(file.get_filename()).endswith(".txt")
