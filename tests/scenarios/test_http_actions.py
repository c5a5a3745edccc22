"""The Http action on a real engine: what it sends, and what it makes of what comes back."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sallyport.actions import pages
from sallyport.clock import ManualClock
from sallyport.engine.limits import Limits
from sallyport.engine.records import Record
from sallyport.http_messages import ConnectionFailed, EgressDenied, Headers, InboundResponse, OutboundRequest
from sallyport.statuses import Status
from scenarios.stage import Reply, Stage

URL = "https://api.test/things"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    opened = await Stage(tmp_path, clock=ManualClock()).open()
    yield opened
    await opened.close()


async def call(stage: Stage, inputs: dict[str, Any], *replies: Reply, **action: Any) -> Record:
    """Run one Http action against replies to its own address, in order."""
    stated = {"method": "GET", "uri": URL, "retryPolicy": {"type": "none"}, **inputs}
    if replies:
        stage.outside.replies[f"{stated['method'].upper()} {stated['uri'].split('?')[0]}"] = list(replies)
    outcome = await stage.run({"triggers": {}, "actions": {"Call": {"type": "Http", "inputs": stated, **action}}})
    return outcome["Call"]


def sent(stage: Stage, index: int = -1) -> tuple[OutboundRequest, Headers]:
    request = stage.outside.requests[index]
    return request, Headers(request.headers)


async def test_a_request_carries_what_its_author_stated_and_who_is_calling(stage: Stage) -> None:
    inputs = {
        "method": "post",
        "uri": f"{URL}?a=1",
        "queries": {"$filter": "x eq 'ö'", "n": 2, "b": True, "none": None},
        "headers": {"X-Own": "1", "X-None": None},
        "cookie": "c=1",
        "body": {"text": "ä", "n": 1.5},
    }
    record = await call(stage, inputs)
    request, headers = sent(stage)
    assert request.method == "POST"
    assert request.url == f"{URL}?a=1&$filter=x%20eq%20%27%C3%B6%27&n=2&b=true"
    assert request.body == '{"text":"ä","n":1.5}'.encode()
    assert headers["content-type"] == "application/json"
    assert (headers["x-own"], headers["cookie"]) == ("1", "c=1")
    assert "x-none" not in headers
    assert headers["idempotency-key"] == record.tracking_id
    assert {"x-ms-client-tracking-id", "x-ms-workflow-run-id", "x-ms-workflow-name"} <= {
        name.lower() for name in headers
    }
    assert record.outputs == {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": {"ok": True}}
    assert (record.status, record.code) == ("Succeeded", "OK")


async def test_workflow_headers_can_be_left_out_but_not_the_idempotency_key(stage: Stage) -> None:
    await call(stage, {}, operationOptions="SuppressWorkflowHeaders")
    _, headers = sent(stage)
    assert {"idempotency-key", "x-ms-client-tracking-id"} == {name.lower() for name in headers}


@pytest.mark.parametrize(
    ("body", "headers", "content", "content_type"),
    [
        ("plain", {}, b"plain", "text/plain; charset=utf-8"),
        ("a=b", {"content-type": "application/x-www-form-urlencoded"}, b"a=b", "application/x-www-form-urlencoded"),
        ({"$content-type": "image/png", "$content": "AAE="}, {}, b"\x00\x01", "image/png"),
        ([1, None], {"Content-Type": "application/vnd.x+json"}, b"[1,null]", "application/vnd.x+json"),
        (None, {}, b"", None),
    ],
)
async def test_a_body_is_sent_as_what_it_is(
    stage: Stage, body: Any, headers: dict[str, str], content: bytes, content_type: str | None
) -> None:
    await call(stage, {"method": "PUT", "body": body, "headers": headers})
    request, fields = sent(stage)
    assert request.body == content
    assert fields.get("content-type") == content_type


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        ((204, {}, None), "Succeeded", "NoContent"),
        ((201, {}, {"id": 1}), "Succeeded", "Created"),
        ((404, {}, {"error": {"code": "x", "message": "no such thing"}}), "Failed", "NotFound"),
        ((401, {}, None), "Failed", "Unauthorized"),
        ((304, {}, None), "Failed", "NotModified"),
        ((500, {}, None), "Failed", "InternalServerError"),
        ((429, {}, None), "Failed", "TooManyRequests"),
        ((599, {}, None), "Failed", "599"),
    ],
)
async def test_only_a_2xx_answer_is_a_success(stage: Stage, reply: Reply, status: str, code: str) -> None:
    record = await call(stage, {}, reply)
    assert (record.status, record.code, record.outputs["statusCode"]) == (status, code, reply[0])
    assert ("body" in record.outputs) is (reply[2] is not None)
    if status == "Failed":
        assert record.error is not None
        assert record.error["code"] == code
        assert str(reply[0]) in record.error["message"]


@pytest.mark.parametrize(
    ("content_type", "content", "shown"),
    [
        ("application/json; charset=utf-8", b'{"a":1}', {"a": 1}),
        ("application/json", b"oops", "oops"),
        ("text/plain; charset=iso-8859-1", b"\xe4", "ä"),
        ("text/html", b"<p>", {"$content-type": "text/html", "$content": "PHA+"}),
        ("", b"\x00", {"$content-type": "application/octet-stream", "$content": "AA=="}),
    ],
)
async def test_an_answer_is_shown_as_what_it_is(stage: Stage, content_type: str, content: bytes, shown: Any) -> None:
    record = await call(stage, {}, (200, {"Content-Type": content_type} if content_type else {}, content))
    assert record.outputs["body"] == shown


async def test_a_failed_call_is_repeated_with_the_same_key_and_its_history_kept(stage: Stage) -> None:
    policy = {"type": "fixed", "count": 3, "interval": "PT5S"}
    replies: list[Reply] = [
        (503, {"Retry-After": "20", "X-Ms-Request-Id": "theirs"}, None),
        (408, {}, None),
        (200, {}, {}),
    ]
    began_at = stage.clock.now()
    record = await call(stage, {"method": "POST", "retryPolicy": policy}, *replies)
    assert record.status == "Succeeded"
    assert [entry["code"] for entry in record.retry_history or []] == ["ServiceUnavailable", "RequestTimeout"]
    first, second = record.retry_history or []
    assert first["startTime"] <= first["endTime"] < second["startTime"] <= second["endTime"]
    assert (first["serviceRequestId"], "serviceRequestId" in second) == ("theirs", False)
    assert len({Headers(request.headers)["idempotency-key"] for request in stage.outside.requests}) == 1
    assert len(stage.outside.requests) == 3
    assert stage.clock.now() - began_at >= timedelta(seconds=25)


@pytest.mark.parametrize(
    "told", ["Mon, 01 Jan 2026 00:00:00 +99999999999999999999", "99999999999999 Jan 2026 1:1:1", "x"]
)
async def test_a_moment_that_cannot_be_is_not_waited_for(stage: Stage, told: str) -> None:
    policy = {"type": "fixed", "count": 3, "interval": "PT5S"}
    record = await call(stage, {"retryPolicy": policy}, (429, {"Retry-After": told}, None), (200, {}, {}))
    assert (record.status, len(stage.outside.requests)) == ("Succeeded", 2)


async def test_a_refusal_is_not_repeated(stage: Stage) -> None:
    record = await call(stage, {"retryPolicy": {"type": "fixed", "count": 3, "interval": "PT5S"}}, (400, {}, None))
    assert (record.code, len(stage.outside.requests)) == ("BadRequest", 1)


@pytest.mark.parametrize(
    ("error", "code", "tries"),
    [
        (ConnectionFailed("refused", "api.test"), "ConnectionFailed", 2),
        (ConnectionFailed("timeout", "api.test"), "GatewayTimeout", 2),
        (ConnectionFailed("too_large", "api.test"), "ConnectionFailed", 1),
        (EgressDenied(), "EgressDenied", 1),
    ],
)
async def test_no_answer_fails_with_its_reason(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str, tries: int
) -> None:
    asked = []

    async def send(request: OutboundRequest) -> InboundResponse:
        asked.append(request)
        raise error

    monkeypatch.setattr(stage.outside, "send", send)
    record = await call(stage, {"retryPolicy": {"type": "fixed", "count": 1, "interval": "PT5S"}})
    assert (record.status, record.code, len(asked)) == ("Failed", code, tries)
    assert (record.error or {})["message"] == str(error)


async def test_an_accepted_call_is_looked_after_until_its_result_is_there(stage: Stage) -> None:
    stage.outside.replies["GET https://api.test/jobs/7"] = [
        (202, {"Retry-After": "10"}, None),
        (503, {}, None),
        (200, {}, {"done": 1}),
    ]
    accepted = (202, {"Location": "/jobs/7"}, None)
    inputs = {"method": "POST", "body": {"x": 1}, "headers": {"X-Key": "k"}, "retryPolicy": {"type": "default"}}
    record = await call(stage, inputs, accepted)
    assert (record.status, record.outputs["body"]) == ("Succeeded", {"done": 1})
    assert [request.method for request in stage.outside.requests] == ["POST", "GET", "GET", "GET"]
    request, headers = sent(stage)
    assert (request.body, headers["x-key"], "content-type" in headers) == (b"", "k", False)


async def test_a_result_elsewhere_is_fetched_without_credentials(stage: Stage) -> None:
    stage.outside.replies["GET https://elsewhere.test/7"] = (200, {}, {"done": 1})
    inputs = {
        "method": "POST",
        "headers": {"X-Api-Key": "secret"},
        "authentication": {"type": "Raw", "value": "Bearer secret"},
    }
    record = await call(stage, inputs, (202, {"Location": "https://elsewhere.test/7"}, None))
    assert record.outputs["body"] == {"done": 1}
    _, headers = sent(stage)
    assert "secret" not in "".join(headers.values())


async def test_the_202_itself_can_be_the_result(stage: Stage) -> None:
    record = await call(stage, {}, (202, {"Location": "/jobs/7"}, None), operationOptions="DisableAsyncPattern")
    assert (record.code, len(stage.outside.requests)) == ("Accepted", 1)


async def test_pages_are_gathered_until_there_are_enough_items(stage: Stage) -> None:
    first: Reply = (200, {}, {"value": [1, 2], "@odata.nextLink": f"{URL}/p2?$skip=2", "count": 9})
    stage.outside.replies["GET https://api.test/things/p2"] = (200, {}, {"value": [3, 4], "nextLink": f"{URL}/p3"})
    policy = {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 3}}}
    record = await call(stage, {"queries": {"q": 1}}, first, **policy)
    assert record.outputs["body"] == {"value": [1, 2, 3, 4], "count": 9}
    assert [request.url for request in stage.outside.requests] == [f"{URL}?q=1", f"{URL}/p2?$skip=2"]
    alone = await call(stage, {}, first)
    assert alone.outputs["body"]["value"] == [1, 2]


async def test_a_page_that_points_to_itself_ends_the_search(stage: Stage) -> None:
    page: Reply = (200, {}, {"value": [1], "nextLink": URL})
    policy = {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 100}}}
    record = await call(stage, {}, page, **policy)
    assert record.outputs["body"] == {"value": [1, 1]}


async def test_pages_without_an_end_end_the_action(stage: Stage) -> None:
    first: Reply = (200, {}, {"value": [1], "nextLink": f"{URL}/p?n=0"})
    stage.outside.replies[f"GET {URL}/p"] = [
        (200, {}, {"value": [], "nextLink": f"{URL}/p?n={number}"}) for number in range(1, 1_000)
    ]
    policy = {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 100}}}
    record = await call(stage, {}, first, **policy)
    assert (record.status, record.code) == (Status.FAILED, "PaginationLimitExceeded")
    assert len(stage.outside.requests) == 1 + pages.MOST_EMPTY


async def test_pages_are_gathered_up_to_the_size_of_a_message(tmp_path: Path) -> None:
    stage = await Stage(tmp_path, clock=ManualClock(), limits=Limits(message_bytes=10_000)).open()
    first: Reply = (200, {}, {"value": [1], "nextLink": f"{URL}/p?n=0"})
    stage.outside.replies[f"GET {URL}/p"] = [
        (200, {}, {"value": ["x" * 1_000], "nextLink": f"{URL}/p?n={number}"}) for number in range(1, 1_000)
    ]
    policy = {"runtimeConfiguration": {"paginationPolicy": {"minimumItemCount": 1_000}}}
    record = await call(stage, {}, first, **policy)
    assert (record.status, record.code) == (Status.FAILED, "ActionResultsSizeLimitExceeded")
    assert len(stage.outside.requests) < 20
    await stage.close()


async def test_a_large_body_is_sent_in_pieces_when_asked_for(stage: Stage) -> None:
    announced = (200, {"Location": "/upload/1", "x-ms-chunk-size": "4"}, None)
    stage.outside.replies["PATCH https://api.test/upload/1"] = [
        (200, {"Range": "bytes=0-3", "x-ms-chunk-size": "4"}, None),
        (200, {"Range": "bytes=4-7", "x-ms-chunk-size": "4"}, None),
        (200, {}, {"stored": True}),
    ]
    chunked = {"runtimeConfiguration": {"contentTransfer": {"transferMode": "Chunked"}}}
    record = await call(stage, {"method": "PUT", "body": "0123456789"}, announced, **chunked)
    assert record.outputs["body"] == {"stored": True}
    pieces = [(Headers(each.headers)["content-range"], each.body) for each in stage.outside.requests[1:]]
    assert pieces == [("bytes=0-3/10", b"0123"), ("bytes=4-7/10", b"4567"), ("bytes=8-9/10", b"89")]
    # A peer that knows a key takes the request for a repeat.
    assert len({Headers(each.headers)["Idempotency-Key"] for each in stage.outside.requests}) == 4
    first = Headers(stage.outside.requests[0].headers)
    assert (first["x-ms-transfer-mode"], first["x-ms-content-length"]) == ("chunked", "10")


async def test_a_partial_answer_is_completed_when_asked_for(stage: Stage) -> None:
    replies = [
        (206, {"Content-Range": "bytes 0-3/10", "Content-Type": "text/plain"}, b"0123"),
        (206, {"Content-Range": "bytes 4-9/10", "Content-Type": "text/plain"}, b"456789"),
    ]
    chunked = {"runtimeConfiguration": {"contentTransfer": {"transferMode": "chunked"}}}
    record = await call(stage, {}, *replies, **chunked)
    assert record.outputs["body"] == "0123456789"
    assert sent(stage)[1]["range"] == "bytes=4-"


async def test_a_server_that_answers_with_all_of_it_after_a_part_is_taken_by_its_word(stage: Stage) -> None:
    replies = [
        (206, {"Content-Range": "bytes 0-3/10", "Content-Type": "text/plain"}, b"0123"),
        (200, {"Content-Type": "text/plain"}, b"0123456789"),
    ]
    chunked = {"runtimeConfiguration": {"contentTransfer": {"transferMode": "chunked"}}}
    record = await call(stage, {}, *replies, **chunked)
    assert (record.outputs["statusCode"], record.outputs["body"]) == (200, "0123456789")


@pytest.mark.parametrize(
    ("authentication", "expected"),
    [
        ({"type": "Basic", "username": "ü", "password": "p:w"}, "Basic " + base64.b64encode("ü:p:w".encode()).decode()),
        ({"type": "raw", "value": "Token 1"}, "Token 1"),
        ("Bearer abc", "Bearer abc"),
        ({"type": "None"}, "mine"),
    ],
)
async def test_credentials_go_into_the_authorization_header(stage: Stage, authentication: Any, expected: str) -> None:
    await call(stage, {"headers": {"authorization": "mine"}, "authentication": authentication})
    assert sent(stage)[1].all("authorization") == [expected]


async def test_a_client_of_entra_id_gets_a_token_first(stage: Stage) -> None:
    token = "POST https://login.test/contoso.com/oauth2/token"
    stage.outside.replies[token] = (200, {}, {"access_token": "abc", "token_type": "Bearer"})
    authentication = {
        "type": "ActiveDirectoryOAuth",
        "authority": "https://login.test/",
        "tenant": "contoso.com",
        "audience": "https://graph.test",
        "clientId": "id",
        "secret": "s&cret",
    }
    await call(stage, {"authentication": authentication})
    assert stage.outside.requests[0].body == (
        b"grant_type=client_credentials&client_id=id&resource=https%3A%2F%2Fgraph.test&client_secret=s%26cret"
    )
    assert sent(stage)[1]["authorization"] == "Bearer abc"
    stage.outside.replies[token] = [(503, {}, None), (429, {}, None), (200, {}, {"access_token": "abc"})]
    record = await call(stage, {"authentication": authentication, "retryPolicy": {"type": "default"}})
    assert (record.status, len(record.retry_history or [])) == ("Succeeded", 2)
    stage.outside.replies[token] = (401, {}, {"error": "invalid_client", "error_description": "wrong secret"})
    record = await call(stage, {"authentication": authentication})
    assert record.code == "AuthorizationFailed"
    assert "wrong secret" in (record.error or {})["message"]
    assert "s&cret" not in str(record.error)


class Identities:
    async def token(self, audience: str, identity: str) -> str:
        return f"{identity or 'own'}@{audience}"


async def test_a_managed_identity_is_one_that_is_configured_here(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = {"authentication": {"type": "ManagedServiceIdentity", "audience": "https://vault.test"}}
    record = await call(stage, inputs)
    assert record.code == "AuthorizationFailed"
    assert "none is configured" in (record.error or {})["message"]
    stage.outside.requests.clear()
    object.__setattr__(stage.engine.around, "ports", replace(stage.ports, identities=Identities()))
    await call(stage, inputs)
    assert sent(stage)[1]["authorization"] == "Bearer own@https://vault.test"


@pytest.mark.parametrize(
    "inputs",
    [
        {"authentication": {"type": "ClientCertificate", "pfx": "x"}},
        {"authentication": {"type": "Magic"}},
        {"authentication": {"type": "Basic"}},
        {
            "authentication": {
                "type": "ActiveDirectoryOAuth",
                "tenant": "t",
                "audience": "a",
                "clientId": "i",
                "pfx": "!",
            }
        },
        {"uri": None},
        {"headers": ["x"]},
        {"body": {"$content-type": "image/png", "$content": "!"}},
    ],
)
async def test_what_cannot_be_sent_fails_with_a_sentence(stage: Stage, inputs: dict[str, Any]) -> None:
    stated = {"method": "POST", "uri": URL, **inputs}
    outcome = await stage.run({"triggers": {}, "actions": {"Call": {"type": "Http", "inputs": stated}}})
    record = outcome["Call"]
    assert record.status == "Failed"
    assert record.code in ("BadRequest", "AuthorizationFailed")
    assert (record.error or {})["message"].endswith(".")
    assert stage.outside.requests == []


async def test_a_retry_policy_that_is_none_fails_the_action_before_it_calls_and_the_run_goes_on(stage: Stage) -> None:
    policy = {"type": "fixed", "count": "@length('')", "interval": "PT5S"}
    call = {"type": "Http", "inputs": {"method": "GET", "uri": URL, "retryPolicy": policy}}
    caught = {"type": "Compose", "inputs": "caught", "runAfter": {"Call": ["Failed"]}}
    outcome = await stage.run({"triggers": {}, "actions": {"Call": call, "Caught": caught}})
    assert (outcome.status, outcome["Caught"].outputs) == ("Succeeded", "caught")
    assert outcome["Call"].error == {
        "code": "InvalidTemplate",
        "message": "The retry policy's 'count' is '0': 1 to 90 is allowed.",
    }
    assert stage.outside.requests == []


def bound(name: str) -> dict[str, Any]:
    configuration = {"staticResult": {"name": name, "staticResultOptions": "Enabled"}}
    return {"type": "Http", "inputs": {"method": "GET", "uri": URL}, "runtimeConfiguration": configuration}


@pytest.mark.parametrize(
    ("stated", "status", "code", "run"),
    [
        (
            {"status": "Cancelled", "outputs": {"errors": [{"code": "Mine", "message": "m"}]}},
            "Cancelled",
            "Mine",
            "Succeeded",
        ),
        ({"status": "Failed", "outputs": {"errors": ["no object"]}}, "Failed", "StaticResult", "Failed"),
        ({"status": "Failed", "outputs": {"errors": []}, "error": {"code": "Mine"}}, "Failed", "Mine", "Failed"),
        ({"status": "TimedOut"}, "TimedOut", "ActionTimedOut", "TimedOut"),
        ({"status": "SKIPPED", "code": "Mine"}, "Skipped", "Mine", "Succeeded"),
    ],
)
async def test_a_static_result_ends_the_action_as_it_states(
    stage: Stage, stated: dict[str, Any], status: str, code: str, run: str
) -> None:
    outcome = await stage.run({"triggers": {}, "actions": {"Call": bound("one")}, "staticResults": {"One": stated}})
    assert (outcome["Call"].status, outcome["Call"].code, outcome.status) == (status, code, run)
    assert stage.outside.requests == []


async def test_an_action_whose_static_result_is_not_there_sends_nothing(stage: Stage) -> None:
    outcome = await stage.run({"triggers": {}, "actions": {"Call": bound("One")}})
    assert outcome["Call"].status == "Failed"
    assert (outcome["Call"].error or {})["message"] == "The workflow has no static result 'One'."
    assert stage.outside.requests == []


async def test_each_look_for_a_result_is_repeated_as_often_as_the_policy_says(stage: Stage) -> None:
    accepted: Reply = (202, {"Location": "/things/later"}, None)
    broken: Reply = (503, {}, None)
    looks = [broken, accepted, broken, accepted, broken, (200, {}, {"done": True})]
    stage.outside.replies["GET https://api.test/things/later"] = looks
    policy = {"retryPolicy": {"type": "fixed", "count": 1, "interval": "PT5S"}}
    record = await call(stage, policy, accepted)
    assert (record.status, record.outputs["body"]) == ("Succeeded", {"done": True})
    assert len(record.retry_history or []) == 3
    stage.outside.replies["GET https://api.test/things/later"] = [broken, accepted, broken, broken, accepted]
    assert (await call(stage, policy, accepted)).code == "ServiceUnavailable"


@pytest.mark.parametrize("soon", ["0", "Mon, 05 Jan 2026 08:00:00 GMT"])
async def test_a_result_that_may_be_looked_for_at_once_is_looked_for_once_a_second(stage: Stage, soon: str) -> None:
    accepted: Reply = (202, {"Location": "/things/later", "Retry-After": soon}, None)
    looks = [accepted] * 4
    stage.outside.replies["GET https://api.test/things/later"] = [*looks, (200, {}, {"done": True})]
    record = await call(stage, {}, accepted)
    assert record.ended_at is not None
    assert record.ended_at - record.started_at >= timedelta(seconds=5)


async def test_a_time_limit_beyond_the_calendar_is_none(stage: Stage) -> None:
    record = await call(stage, {}, limit={"timeout": "P9999Y"})
    assert (record.status, record.code) == ("Succeeded", "OK")


async def test_a_result_that_does_not_come_within_the_time_limit_is_not_waited_for(stage: Stage) -> None:
    accepted: Reply = (202, {"Location": "/things/later", "Retry-After": "7200"}, None)
    record = await call(stage, {}, accepted, limit={"timeout": "PT50S"})
    assert (record.status, record.code) == ("TimedOut", "ActionTimedOut")
    assert record.ended_at is not None
    assert record.ended_at - record.started_at < timedelta(hours=1)
