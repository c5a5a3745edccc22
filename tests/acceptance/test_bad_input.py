"""What a real server answers to everything that it should refuse: in each surface's own shape, and without a trace.

After each group of requests the store holds what it held before: nothing was lost, nothing was begun.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from acceptance.server import ALERT, WORKFLOWS, Server, error_of, request_bytes, serving

JSON = {"Content-Type": "application/json"}
LIMIT = 5_000_000
NOTHING = {"manual": {"type": "Request", "kind": "Http", "inputs": {}}}
KEEP = {"Keep": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}}

#: What no surface takes as JSON.
BODIES: dict[str, bytes] = {
    "half an object": b'{"title":',
    "arrays a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "objects a hundred thousand deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "no UTF-8": b'{"title":"\xff\xfe"}',
    "UTF-16": '{"title":"x"}'.encode("utf-16"),
    "NaN": b'{"title":NaN}',
    "a number beyond any": b'{"title":1e999}',
    "a name twice": b'{"title":"a","title":"b"}',
    "half a surrogate pair": b'{"title":"\\ud800"}',
    "U+0000": b'{"title":"\\u0000"}',
    "two values": b'{"title":"a"} {"title":"b"}',
    "blanks only": b" " * 100_000,
}
#: Where JSON is taken: what draws the errors, method and path.
TAKERS: list[tuple[str, str, str]] = [
    ("graph", "POST", "/v1.0/security/alerts"),
    ("graph", "PATCH", "/v1.0/security/alerts/kept"),
    ("graph", "POST", "/v1.0/security/alerts/updateAlerts"),
    ("graph", "POST", "/beta/security/tiIndicators"),
    ("graph", "PATCH", "/beta/security/tiIndicators/none"),
    ("graph", "POST", "/beta/security/tiIndicators/submitTiIndicators"),
    ("graph", "POST", "/beta/security/tiIndicators/updateTiIndicators"),
    ("graph", "POST", "/beta/security/tiIndicators/deleteTiIndicators"),
    ("graph", "POST", "/v1.0/subscriptions"),
    ("graph", "POST", "/ingest/alerts"),
    ("management", "PUT", f"{WORKFLOWS}/broken"),
    ("management", "PATCH", f"{WORKFLOWS}/keeper"),
    ("management", "POST", f"{WORKFLOWS}/broken/validate"),
    ("management", "POST", f"{WORKFLOWS}/keeper/triggers/manual/run"),
    ("management", "POST", f"{WORKFLOWS}/keeper/triggers/manual/listCallbackUrl"),
]
TOKEN_ENDPOINT = "/contoso/oauth2/v2.0/token"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one alert and one workflow that has run once."""
    folder = tmp_path_factory.mktemp("bad")
    with serving(folder / "data", folder / "server.log", SALLYPORT_BODY_LIMIT_BYTES=str(LIMIT)) as running:
        assert running.client.post("/v1.0/security/alerts", json={**ALERT, "id": "kept"}).status_code == 201
        url = running.deploy("keeper", KEEP, NOTHING)
        started = running.stranger.post(url, json={"n": 1})
        running.ended("keeper", started.headers["x-ms-workflow-run-id"])
        yield running
        assert "Traceback" not in running.log()
        assert "request.failed" not in running.log()
        assert "graph.failed" not in running.log()


@pytest.fixture(autouse=True)
def unchanged(server: Server) -> Iterator[None]:
    """Nothing that is refused leaves anything behind, and the server lives on."""
    before = server.stored()
    yield
    assert server.stored() == before
    assert server.stranger.get("/healthz").json() == {"status": "ok", "database": "ok"}


def assert_drawn(surface: str, response: httpx.Response) -> dict[str, Any]:
    """Check that an error has the shape of a surface, and answer it."""
    error = error_of(response)
    if surface == "graph":
        assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
        assert response.headers["request-id"] == error["innerError"]["request-id"]
        assert response.headers["odata-version"] == "4.0"
    return error


@pytest.mark.parametrize(("surface", "method", "path"), TAKERS, ids=[f"{each[1]} {each[2]}"[-60:] for each in TAKERS])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_what_is_no_json_is_refused_by_every_call_that_takes_it(
    server: Server, surface: str, method: str, path: str, body: bytes
) -> None:
    response = server.client.request(method, path, content=body, headers=JSON)
    assert response.status_code == 400, response.text
    error = assert_drawn(surface, response)
    assert error["message"].startswith("Unable to read JSON request payload.")


@pytest.mark.parametrize(
    ("surface", "method", "path", "chunked"),
    # A stream of lines has no end that could be too far.
    [(*each, chunked) for each in TAKERS for chunked in (False, True) if not chunked or each[2] != "/ingest/alerts"],
)
def test_a_body_over_the_limit_is_refused(server: Server, surface: str, method: str, path: str, chunked: bool) -> None:
    body = b'"' + b"x" * (LIMIT + 1) + b'"'
    content: Any = (body[at : at + 500_000] for at in range(0, len(body), 500_000)) if chunked else body
    response = server.client.request(method, path, content=content, headers=JSON)
    assert response.status_code == 413, response.text
    assert assert_drawn(surface, response)["code"] == "RequestEntityTooLarge"


def test_the_token_endpoint_refuses_in_the_words_of_oauth(server: Server) -> None:
    forms: list[tuple[bytes, int, str]] = [
        (b"", 400, "invalid_request"),
        (b'{"grant_type":"client_credentials"}', 400, "invalid_request"),
        (b"grant_type=\xff\xfe", 400, "invalid_request"),
        (b"grant_type=password", 400, "unsupported_grant_type"),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (b"a=1&" * 5000, 400, "invalid_request"),
        (b"x" * 100_000, 400, "invalid_request"),
        (b"x" * (LIMIT + 1), 413, "invalid_request"),
        (b"grant_type=client_credentials&client_id=x&client_secret=y&scope=z/.default", 400, "unauthorized_client"),
    ]
    for form, status, code in forms:
        response = server.stranger.post(
            TOKEN_ENDPOINT, content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert (response.status_code, response.json()["error"]) == (status, code), form[:60]
        assert response.json()["error_description"].startswith("AADSTS")
        assert "access_token" not in response.text


def test_the_bare_address_says_where_the_way_in_is(server: Server) -> None:
    answered = server.stranger.get("/")
    assert answered.status_code == 404
    assert "/openapi.json" in error_of(answered)["message"]


def test_an_unknown_path_or_method_is_refused_in_json(server: Server) -> None:
    for method, path, status in [
        ("GET", "/", 404),
        ("GET", "/nothing", 404),
        ("POST", "/healthz", 405),
        ("GET", "/approvals", 404),
        ("GET", f"{WORKFLOWS}/keeper/nothing", 404),
        ("POST", f"{WORKFLOWS}/keeper", 405),
        ("TRACE", "/workflows/x/triggers/y/paths/invoke", 405),
        ("GET", "/v1.0/nothing", 404),
        ("PUT", "/v1.0/security/alerts", 405),
        ("GET", "/ingest/alerts", 405),
        ("GET", "/contoso/oauth2/nothing", 404),
        ("GET", TOKEN_ENDPOINT, 405),
    ]:
        response = server.client.request(method, path)
        assert response.status_code == status, (method, path)
        assert response.headers["content-type"].startswith("application/json")
        assert response.json()["error"]
        assert status != 405 or response.headers["allow"]
    assert "PUT" in server.client.post(f"{WORKFLOWS}/keeper").headers["allow"]


def test_a_path_leads_nowhere_but_to_its_resource(server: Server) -> None:
    authorization = {"Authorization": server.client.headers["Authorization"]}
    for target in [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1.0/security/alerts/../../../etc/passwd",
        "/v1.0/security/alerts/%2e%2e%2f%2e%2e%2fkept",
        "/v1.0/security/alerts/%252e%252e%252fkept",
        "/v1.0/security/alerts/kept%00",
        "/v1.0/security/alerts/%ff",
        "/v1.0/security/alerts/" + "x" * 20_000,
        f"{WORKFLOWS}/..%2fkeeper",
        f"{WORKFLOWS}/%00",
        f"{WORKFLOWS}/%ed%a0%80",
        f"{WORKFLOWS}/keeper/versions/%c2%b2",
        f"{WORKFLOWS}/keeper/versions/{'9' * 5000}",
        f"{WORKFLOWS}/keeper/runs/%2e%2e",
        "/approvals/%2e%2e%2f",
        "/approvals/" + "A" * 4000,
    ]:
        status, headers, body = server.raw([request_bytes("GET", target, authorization)])
        assert status == 404, (target, body)
        assert headers["content-type"].startswith(
            "text/html" if target.startswith("/approvals") else "application/json"
        )
        assert b"root:" not in body


@pytest.mark.parametrize("name", ["%00", "a%20b", "x" * 81, "a.", "%ed%a0%80", "%3Cscript%3E"])
def test_a_workflow_cannot_have_a_name_that_is_none(server: Server, name: str) -> None:
    response = server.put(name, {"triggers": NOTHING, "actions": KEEP})
    assert response.status_code == 400
    assert error_of(response)["code"] == "InvalidResourceName"


def test_what_is_no_http_is_refused_in_json(server: Server) -> None:
    for data in (
        b"BREW /healthz HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50,
        request_bytes("GET", b"/v1.0/security/alerts/\xff\xfe", {}),
        request_bytes("GET", "/healthz", {"Content-Length": "-1"}),
        request_bytes("GET", "/healthz", {"Content-Length": "9" * 40}),
        request_bytes("POST", "/ingest/alerts", {"Content-Length": "3", "Transfer-Encoding": "chunked"}, b"abc"),
    ):
        status, headers, body = server.raw([data])
        assert status == 400, data[:60]
        assert headers["content-type"] == "application/json"
        assert json.loads(body)["error"]["code"] == "BadRequest"


def test_a_flood_of_headers_is_refused(server: Server) -> None:
    many = {f"x-{number}": "y" for number in range(500)}
    long = {"x-long": "y" * 200_000}
    for fields in (many, long):
        status, _, body = server.raw([request_bytes("GET", "/v1.0/security/alerts", fields)])
        assert status == 431
        assert json.loads(body)["error"]["code"] == "RequestHeaderFieldsTooLarge"


def test_headers_without_an_end_are_refused(server: Server) -> None:
    endless = [b"GET /healthz HTTP/1.1\r\nx: ", *[b"y" * 100_000] * 8]
    try:
        status, _, _ = server.raw(endless)
    except ConnectionError:
        # The server closed the connection while we were still writing.
        return
    assert status == 431


@pytest.mark.parametrize(
    "options",
    [
        "$filter=severity eq",
        "$filter=((severity eq 'high')",
        "$filter=nosuch('x')",
        "$filter=severity eq 'high' or",
        "$filter=title eq 'x''",
        "$filter=" + "(" * 5000,
        "$filter=" + "severity eq 'high' or " * 2000 + "severity eq 'low'",
        "$filter=title eq '%00'",
        "$filter=%ff",
        "$top=-1",
        "$top=1000000000000000000000",
        "$top=%C2%B2",
        "$top=" + "9" * 5000,
        "$skip=" + "9" * 5000,
        "$skiptoken=made-up",
        "$orderby=title sideways",
        "&".join(f"o{number}=1" for number in range(500)),
    ],
    ids=lambda options: options[:40],
)
def test_a_query_that_cannot_be_read_is_refused_with_its_place(server: Server, options: str) -> None:
    response = server.client.get("/v1.0/security/alerts?" + options.replace(" ", "%20"))
    assert response.status_code == 400, response.text
    assert_drawn("graph", response)


@pytest.mark.parametrize(
    "options", ["$top=%C2%B2", "$top=-1", "$top=" + "9" * 5000, "$skiptoken=%00", "$filter=status%20is%20odd"]
)
def test_options_of_the_management_surface_are_checked(server: Server, options: str) -> None:
    response = server.client.get(f"{WORKFLOWS}/keeper/runs?{options}")
    assert response.status_code == 400, response.text
    assert error_of(response)["code"] == "BadRequest"


def tokens(server: Server) -> dict[str, str]:
    """Tokens that do not hold, by what is wrong with them."""
    good = server.client.headers["Authorization"].removeprefix("Bearer ")
    head, claims, signature = good.split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    published = server.stranger.get("/common/discovery/v2.0/keys").json()["keys"][0]
    pem = RSAKey.import_key(published).as_pem(private=False)
    forger = RSAKey.generate_key(2048)

    def bare(value: Any) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    def forged(**changed: Any) -> str:
        return jwt.encode({"alg": "RS256", "kid": header["kid"]}, {**said, **changed}, forger)

    confused = f"{bare({'alg': 'HS256', 'kid': header['kid'], 'typ': 'JWT'})}.{claims}"
    mac = base64.urlsafe_b64encode(hmac.new(pem, confused.encode(), hashlib.sha256).digest()).rstrip(b"=").decode()
    return {
        "nothing": "",
        "words": "let me in",
        "algorithm none": f"{bare({'alg': 'none', 'kid': header['kid']})}.{claims}.",
        "the public key as a secret": f"{confused}.{mac}",
        "another secret": jwt.encode({"alg": "HS256", "kid": header["kid"]}, said, OctKey.generate_key(256)),
        "another key": forged(),
        "an unknown key": jwt.encode({"alg": "RS256", "kid": "unknown"}, said, forger),
        "an address of keys": jwt.encode({"alg": "RS256", "kid": "k", "jku": "http://127.0.0.1:9/keys"}, said, forger),
        "other claims": f"{head}.{bare({**said, 'roles': ['Everything']})}.{signature}",
        "the end of its time": f"{head}.{bare({**said, 'exp': int(time.time()) - 900})}.{signature}",
        "a beginning to come": forged(nbf=int(time.time()) + 3600),
        "half of itself": good[: len(good) // 2],
        "no signature": f"{head}.{claims}.",
        "an excess of parts": good + ".x",
        "an excess of length": good + "A" * 30_000,
    }


def test_a_token_that_does_not_hold_opens_nothing(server: Server) -> None:
    for fault, token in tokens(server).items():
        for surface, method, path in [
            ("graph", "GET", "/v1.0/security/alerts"),
            ("graph", "POST", "/ingest/alerts"),
            ("management", "GET", WORKFLOWS),
            ("management", "PUT", f"{WORKFLOWS}/broken"),
        ]:
            headers = {"Authorization": f"Bearer {token}".strip()}
            response = server.stranger.request(method, path, headers=headers, content=b"{}")
            assert response.status_code == 401, (fault, path, response.text)
            assert assert_drawn(surface, response)["code"] == "InvalidAuthenticationToken"
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert token not in response.text or not token


def test_a_signature_opens_its_own_address_alone(server: Server) -> None:
    server.deploy("other", KEEP, NOTHING)
    try:
        good, other = httpx.URL(server.callback_url("keeper")), httpx.URL(server.callback_url("other"))
        listing = f"{WORKFLOWS}/keeper/triggers/manual/listCallbackUrl"
        late = server.client.post(listing, json={"notAfter": "2020-01-01T00:00:00Z"}).json()["value"]
        sig = good.params["sig"]
        refused = [
            good.copy_remove_param("sig"),
            good.copy_set_param("sig", ""),
            good.copy_set_param("sig", sig[:-1]),
            good.copy_set_param("sig", sig.swapcase()),
            good.copy_set_param("sig", "é" * 40),
            good.copy_set_param("sig", other.params["sig"]),
            good.copy_set_param("se", "2099-01-01T00:00:00Z"),
            good.copy_with(path=good.path.replace("manual", "another")),
            other.copy_with(path=good.path),
            good.copy_with(path=good.path.replace("/workflows/", "/workflows/x")),
            httpx.URL(late),
            httpx.URL(late).copy_set_param("se", "2099-01-01T00:00:00Z"),
            httpx.URL(late).copy_remove_param("se"),
        ]
        for url in refused:
            response = server.stranger.post(url, json={"n": 2})
            assert response.status_code == 401, url
            assert error_of(response)["code"] == "DirectApiAuthorizationRequired"
        response = server.client.post(listing, json={"notAfter": "when it rains"})
        assert (response.status_code, error_of(response)["code"]) == (400, "BadRequest")
    finally:
        server.client.delete(f"{WORKFLOWS}/other")


def test_an_approval_that_nobody_asked_for_is_a_page_that_says_so(server: Server) -> None:
    for method in ("GET", "POST"):
        response = server.stranger.request(method, "/approvals/made-up")
        assert response.status_code == 404
        assert response.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in response.headers["content-security-policy"]
    response = server.stranger.post("/approvals/made-up", content=b"x" * (LIMIT + 1))
    assert response.status_code == 413
    assert response.headers["content-type"].startswith("text/html")


def action(**changed: Any) -> dict[str, Any]:
    return {"type": "Compose", "inputs": 1, "runAfter": {}, **changed}


#: Definitions that cannot be saved: actions, the code, and the place.
BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "an unknown type": ({"A": action(type="Teleport")}, "UnknownActionType", "/actions/A/type"),
    "an unknown type in a scope": (
        {"S": {"type": "Scope", "actions": {"A": action(type="Teleport")}, "runAfter": {}}},
        "UnknownActionType",
        "/actions/S/actions/A/type",
    ),
    "no type": ({"A": {"inputs": 1}}, "InvalidTemplate", "/actions/A"),
    "an action that is a number": ({"A": 1}, "InvalidTemplate", "/actions/A"),
    "a runAfter that leads nowhere": (
        {"A": action(runAfter={"Ghost": ["Succeeded"]})},
        "UnknownRunAfter",
        "/actions/A/runAfter/Ghost",
    ),
    "a status that does not exist": (
        {"A": action(), "B": action(runAfter={"A": ["Splendid"]})},
        "InvalidTemplate",
        "/actions/B/runAfter/A",
    ),
    "a circle": (
        {"A": action(runAfter={"B": ["Succeeded"]}), "B": action(runAfter={"A": ["Succeeded"]})},
        "CircularRunAfter",
        "/actions",
    ),
    "names that differ in case": ({"A": action(), "a": action()}, "DuplicateName", "/actions/a"),
    "an unknown function": ({"A": action(inputs="@nosuch()")}, "UnknownFunction", "/actions/A/inputs"),
    "an expression that does not parse": (
        {"A": action(inputs="@concat('a'")},
        "InvalidExpression",
        "/actions/A/inputs",
    ),
    "a reference to nothing": ({"A": action(inputs="@body('Ghost')")}, "UnknownAction", "/actions/A/inputs"),
    "too many variables": (
        {
            f"V{number}": {
                "type": "InitializeVariable",
                "inputs": {"variables": [{"name": f"v{number}", "type": "integer"}]},
                "runAfter": {},
            }
            for number in range(251)
        },
        "LimitExceeded",
        "/actions",
    ),
}


@pytest.mark.parametrize(("actions", "code", "place"), BROKEN.values(), ids=BROKEN)
def test_a_broken_definition_is_refused_with_its_fault_and_place(
    server: Server, tmp_path: Path, actions: dict[str, Any], code: str, place: str
) -> None:
    definition = {"triggers": NOTHING, "actions": actions}
    response = server.put("broken", definition)
    assert response.status_code == 400
    error = error_of(response)
    assert error["code"] == "InvalidTemplate"
    assert (code, place) in [(each["code"], each["target"]) for each in error["details"]], error
    assert place in error["message"]
    # The commands say the same.
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(definition))
    deployed = server.sallyport("deploy", str(file))
    assert deployed.returncode == 1
    assert place in deployed.stderr
    assert "Traceback" not in deployed.stderr
    validated = server.sallyport("validate", str(file), "--json")
    assert validated.returncode == 1
    assert (code, place) in [(each["code"], each["pointer"]) for each in json.loads(validated.stdout)["findings"]]


#: What `$connections` cannot be.
UNBOUND: tuple[Any, ...] = (
    [1],
    "x",
    {"a": 1},
    {"a": {"api": "b"}},
    {"a": {"id": 5}},
    {"a": {"connectionProperties": []}},
)


def _bound(connections: Any) -> dict[str, Any]:
    return {"properties": {"definition": {"actions": KEEP}, "parameters": {"$connections": {"value": connections}}}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"properties": None},
        {"properties": "x"},
        {"properties": {"definition": []}},
        {"properties": {"definition": {"actions": KEEP}, "parameters": []}},
        {"properties": {"definition": {"actions": KEEP}, "state": "Sleepy"}},
        {"properties": {"definition": {"actions": KEEP}, "state": {"a": 1}}},
        {"properties": {"definition": {"actions": []}}},
        *(_bound(value) for value in UNBOUND),
        {"properties": {"definition": {"triggers": {"t": {"type": "Omen"}}}}},
        {"properties": {"definition": {"triggers": {"t": {"type": "Recurrence", "recurrence": {"frequency": "Day"}}}}}},
    ],
    ids=json.dumps,
)
def test_a_body_that_is_no_workflow_is_refused(server: Server, body: Any) -> None:
    response = server.client.put(f"{WORKFLOWS}/broken", json=body)
    assert response.status_code == 400, response.text
    assert error_of(response)["code"] in ("InvalidTemplate", "InvalidWorkflowTriggerRecurrence")


@pytest.mark.parametrize("body", [{"properties": "x"}, {"properties": [1]}, {"properties": {"definition": 1}}, [], 1])
def test_a_change_that_is_no_workflow_is_refused(server: Server, body: Any) -> None:
    response = server.client.patch(f"{WORKFLOWS}/keeper", json=body)
    assert response.status_code == 400, response.text
    assert error_of(response)["code"] == "InvalidTemplate"
