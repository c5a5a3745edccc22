"""Links that carry a choice: made, read, tampered with, expired; and the mail and pages around them."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import effort
from connector_outside import PUBLIC, Post, a_call, message_of, outside, sign
from sallyport.connectors import Connectors, html_inert, html_text
from sallyport.connectors.office365 import approval, pages
from sallyport.connectors.office365.approval import Choice, ExpiredLink, UnknownLink
from sallyport.connectors.outside import MailNotSent
from sallyport.http_messages import InboundResponse

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
URL = "https://soc.contoso.com/workflows/w/runs/r/actions/a/callback/-?sp=%2Fx&sv=1.0&sig=abc"
CHOICE = Choice("id-1", URL, "Approve", "a@contoso.com", "Isolate host?", NOW + timedelta(days=1))
MESSAGE = {"To": "a@contoso.com", "Subject": "Isolate host?", "Options": "Approve, Reject", "Body": "Line 1\nLine <2>"}


def test_a_token_carries_its_choice() -> None:
    token = CHOICE.token(sign)
    assert approval.read(token, sign, NOW) == CHOICE
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)


def test_a_token_tells_its_holder_nothing() -> None:
    sealed = base64.urlsafe_b64decode(CHOICE.token(sign) + "==")
    assert not any(each.encode() in sealed for each in ("soc.contoso.com", "sig=abc", "Approve", "a@contoso.com"))


def _spliced() -> str:
    """Answer the beginning of one genuine token with the end of another."""
    other = replace(CHOICE, option="Reject!").token(sign)
    return CHOICE.token(sign)[:60] + other[60:]


@pytest.mark.parametrize(
    "token",
    [
        *("", ".", "x", "x.y", "é", "AAAA", "A" * 300, "\ud800"),
        CHOICE.token(sign)[:-1],
        CHOICE.token(sign) + "0",
        CHOICE.token(sign) + "=",
        CHOICE.token(sign) + "\n",
        _spliced(),
        CHOICE.token(lambda data: sign(b"another key" + data)),
    ],
)
def test_a_token_that_was_not_given_out_is_refused(token: str) -> None:
    with pytest.raises(UnknownLink):
        approval.read(token, sign, NOW)


@given(st.data())
def test_no_changed_character_passes(data: st.DataObject) -> None:
    token = CHOICE.token(sign)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(min_codepoint=33, max_codepoint=126).filter(lambda each: each != token[place]))
    with pytest.raises(UnknownLink):
        approval.read(token[:place] + other + token[place + 1 :], sign, NOW)


def test_a_token_holds_until_it_expires() -> None:
    token = CHOICE.token(sign)
    assert approval.read(token, sign, CHOICE.expires_at - timedelta(seconds=1)) == CHOICE
    with pytest.raises(ExpiredLink, match="expired on 06 January 2026 at 09:00 UTC"):
        approval.read(token, sign, CHOICE.expires_at)


class _Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.found += [value or "" for name, value in attrs if name == "href"]


def _html(post: Post, index: int = 0) -> str:
    part = post.sent[index][0].get_body(("html",))
    assert part is not None
    content: str = part.get_content()
    return content


async def _ask(message: Any, path: str = "/approvalmail/$subscriptions", **more: Any) -> tuple[InboundResponse, Post]:
    post = more.pop("post", None) or Post()
    body = {"NotificationUrl": URL, "Message": message}
    response = await Connectors(outside(mail=post)).call(a_call("office365", "POST", path, body, **more))
    return response, post


async def test_a_mail_has_one_signed_link_for_each_option() -> None:
    response, post = await _ask(MESSAGE)
    assert response.status == 201
    links = _Links(_html(post)).found
    choices = [approval.read(each.removeprefix(f"{PUBLIC}/approvals/"), sign, NOW) for each in links]
    assert [(each.option, each.url, each.recipient) for each in choices] == [
        ("Approve", URL, "a@contoso.com"),
        ("Reject", URL, "a@contoso.com"),
    ]
    assert choices[0].expires_at == NOW + timedelta(days=90)
    assert "Line 1<br>" in _html(post)
    assert "Line &lt;2&gt;" in _html(post)


async def test_the_plain_text_has_the_links_too() -> None:
    _, post = await _ask(MESSAGE)
    plain = post.sent[0][0].get_body(("plain",))
    assert plain is not None
    assert plain.get_content().count(f"<{PUBLIC}/approvals/") == 2


async def test_each_recipient_has_links_of_his_own_in_a_mail_that_shows_all() -> None:
    _, post = await _ask({**MESSAGE, "To": "a@contoso.com; b@contoso.com"})
    assert [recipients for _, recipients in post.sent] == [("a@contoso.com",), ("b@contoso.com",)]
    assert {str(message["To"]) for message, _ in post.sent} == {"a@contoso.com, b@contoso.com"}
    assert len({str(message["Message-ID"]) for message, _ in post.sent}) == 2
    tokens = [_Links(_html(post, index)).found[0].removeprefix(f"{PUBLIC}/approvals/") for index in (0, 1)]
    assert [approval.read(each, sign, NOW).recipient for each in tokens] == ["a@contoso.com", "b@contoso.com"]


async def test_a_repeat_sends_the_same_mail_with_the_same_links() -> None:
    first, one = await _ask(MESSAGE)
    second, two = await _ask(MESSAGE)
    assert first.headers["location"] == second.headers["location"]
    assert one.sent[0][0]["Message-ID"] == two.sent[0][0]["Message-ID"]
    assert _Links(_html(one)).found == _Links(_html(two)).found


async def test_the_subscription_can_be_deleted_at_its_location() -> None:
    response, post = await _ask(MESSAGE)
    location = response.headers["location"]
    assert re.fullmatch(r"/approvalmail/\$subscriptions/[0-9a-f]{32}", location)
    gone = await Connectors(outside(mail=post)).call(a_call("office365", "DELETE", location))
    assert gone.status == 200
    assert len(post.sent) == 1


async def test_options_are_asked_for_as_they_stand_in_real_definitions() -> None:
    message = {"To": "a@contoso.com", "Options": "IgnoreThisAlert,I'mUnsure", "Subject": "s", "Importance": "Normal"}
    response, post = await _ask(message, "/mailwithoptions/$subscriptions")
    assert response.status == 201
    assert response.headers["location"].startswith("/mailwithoptions/$subscriptions/")
    shown = re.findall(r">([^<>]+)</a>", _html(post))
    assert [unescape(each) for each in shown] == ["IgnoreThisAlert", "I'mUnsure"]


@pytest.mark.parametrize(
    ("message", "path", "says"),
    [
        (None, "/approvalmail/$subscriptions", "needs an object 'Message'"),
        ({"Subject": "s"}, "/approvalmail/$subscriptions", "needs 'To'"),
        ({"To": "a@contoso.com"}, "/mailwithoptions/$subscriptions", "needs 'Options'"),
        ({"To": "a@contoso.com", "Options": " , "}, "/mailwithoptions/$subscriptions", "needs 'Options'"),
        ({"To": "a@contoso.com", "Options": "x" * 201}, "/approvalmail/$subscriptions", "50 choices of 200 characters"),
        ({"To": "nobody"}, "/approvalmail/$subscriptions", "not a mail address"),
        ({"To": ";"}, "/approvalmail/$subscriptions", "'To' holds no mail address"),
    ],
)
async def test_what_cannot_be_asked_is_answered_with_400(message: Any, path: str, says: str) -> None:
    response, post = await _ask(message, path)
    assert response.status == 400
    assert says in message_of(response)
    assert post.sent == []


async def test_without_a_notification_url_the_callback_of_the_call_is_told() -> None:
    post = Post()
    call = a_call("office365", "POST", "/approvalmail/$subscriptions", {"Message": MESSAGE})
    assert (await Connectors(outside(mail=post)).call(call)).status == 400
    response, post = await _ask_at_callback(post)
    assert response.status == 201
    token = _Links(_html(post)).found[0].removeprefix(f"{PUBLIC}/approvals/")
    assert approval.read(token, sign, NOW).url == URL


async def _ask_at_callback(post: Post) -> tuple[InboundResponse, Post]:
    call = a_call("office365", "POST", "/approvalmail/$subscriptions", {"Message": MESSAGE}, callback_url=URL)
    return await Connectors(outside(mail=post)).call(call), post


async def test_one_bad_recipient_does_not_keep_the_others_from_being_asked() -> None:
    def refuse(recipients: Any) -> MailNotSent | None:
        return MailNotSent("recipient") if recipients == ("a@contoso.com",) else None

    response, post = await _ask({**MESSAGE, "To": "a@contoso.com; b@contoso.com"}, post=Post(failing=refuse))
    assert response.status == 201
    assert [recipients for _, recipients in post.sent] == [("b@contoso.com",)]


@pytest.mark.parametrize(("kind", "status"), [("recipient", 400), ("temporary", 503)])
async def test_a_mail_that_reaches_nobody_fails(kind: Any, status: int) -> None:
    response, _ = await _ask(MESSAGE, post=Post(failing=lambda _: MailNotSent(kind)))
    assert response.status == status


EVIL = Choice("i", URL, "<script>x</script>", "a@b.c", '"><img src=x onerror=y>', NOW)


@pytest.mark.parametrize(
    "page",
    [pages.confirmation, pages.accepted, pages.answered_before, pages.nobody_waits, pages.not_delivered],
)
def test_no_page_lets_a_text_become_markup(page: Any) -> None:
    html = page(EVIL)
    assert _Links(html).tags.isdisjoint({"script", "img"})
    assert "onerror=y&gt;" in html


async def test_no_mail_lets_an_option_become_markup() -> None:
    _, post = await _ask(
        {**MESSAGE, "Options": "<script>x</script>", "HeaderText": "<img src=x>", "SelectionText": "<b>"}
    )
    assert _Links(_html(post)).tags.isdisjoint({"script", "img", "b"})


async def test_a_text_stays_one_whatever_an_alert_that_it_quotes_holds() -> None:
    evil = "<a href='https://evil.example'>Approve</a><img src=x><style>p{display:none}</style><!-- <form> </div>"
    _, post = await _ask({**MESSAGE, "Body": f"Alert: {evil}\nHost: <web01> & more\nSeverity: high"})
    html = _Links(_html(post))
    assert html.tags.isdisjoint({"img", "style", "form", "web01"})
    assert len(html.found) == 2
    for shown in ("Approve &lt;https://evil.example&gt;", "&lt;!-- ", "&lt;web01&gt; &amp; more<br>\nSeverity: high"):
        assert shown in _html(post)
    assert html_text.plain(_html(post)).count("Severity: high") == 1


async def test_a_text_may_be_formatted_a_little_and_a_body_that_is_html_stays_as_it_is() -> None:
    _, post = await _ask({**MESSAGE, "Body": "Alert <b onclick=x>one &lt;2&gt;<br />\nand</i> <I>two</b> more<ul>"})
    assert "Alert <b>one &lt;2&gt;<br>\nand <i>two</i></b> more<ul></ul></div>" in _html(post)
    # Letters that are others' capitals in some alphabet make no element.
    _, post = await _ask({**MESSAGE, "Body": "Alert <\u0130>one</\u0130> <\u017ftrong>two"})
    assert "Alert &lt;\u0130&gt;one&lt;/\u0130&gt; &lt;\u017ftrong&gt;two</div>" in _html(post)
    body = '<p style="color: red">Alert <a href="https://soc.contoso.com/1">one</a></p>'
    _, post = await _ask({**MESSAGE, "Body": body})
    assert body in _html(post)


def test_a_text_is_gone_through_once_however_much_an_attacker_wrote() -> None:
    for piece in ("<b>", "<a href='", "<ul><i></ul>", "<", "</a>", "<b "):
        with effort.at_most(5):
            shown = html_inert.inert(piece * 40_000 + "</a></i>" * 40_000)
        # Nothing of it reaches into the rest of the mail.
        for name in ("b", "i", "ul"):
            assert shown.count(f"<{name}>") == shown.count(f"</{name}>")
        assert "<a" not in shown


@pytest.mark.parametrize(
    ("stated", "shown"),
    [
        ('<span style="font-size: 14px"><strong>Is this account compromised?</strong></span>', "account compromised?<"),
        ("Isolate <web01>?", "Isolate &lt;web01&gt;?<"),
    ],
)
async def test_a_heading_in_html_is_shown_as_what_it_says(stated: str, shown: str) -> None:
    _, post = await _ask({**MESSAGE, "HeaderText": stated, "SelectionText": stated})
    assert _html(post).count(shown) == 2
    assert "&lt;span" not in _html(post)


def test_a_page_needs_nothing_that_its_policy_forbids() -> None:
    html = pages.confirmation(CHOICE)
    assert _Links(html).tags.isdisjoint({"script", "link", "img", "iframe"})
    assert " style=" not in html
    assert "unsafe" not in pages.CONTENT_SECURITY_POLICY
