"""What users' scripts rely on: the names, outputs and exit codes of commands against a server that runs."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import processes
from processes import Server

NOTHING = {"triggers": {"manual": {"type": "Request"}}, "actions": {}}
GREETER = {
    "definition": {
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "parameters": {"Greeting": {"type": "String"}},
        "triggers": {"manual": {"type": "Request", "kind": "Http", "inputs": {}}},
        "actions": {
            "Name": {"type": "Compose", "inputs": "@triggerBody()?['name']", "runAfter": {}},
            "Each": {
                "type": "Foreach",
                "foreach": "@createArray(1, 2)",
                "actions": {"Number": {"type": "Compose", "inputs": "@item()", "runAfter": {}}},
                "runAfter": {"Name": ["Succeeded"]},
            },
            "Is_it_said": {
                "type": "If",
                "expression": {"and": [{"equals": ["@outputs('Name')", None]}]},
                "actions": {"Fail": {"type": "Terminate", "inputs": {"runStatus": "Failed"}, "runAfter": {}}},
                "else": {"actions": {}},
                "runAfter": {"Each": ["Succeeded"]},
            },
            "Answer": {
                "type": "Response",
                "inputs": {"statusCode": 200, "body": "@concat(parameters('Greeting'), ' ', outputs('Name'))"},
                "runAfter": {"Is_it_said": ["Succeeded"]},
            },
        },
        "outputs": {},
    }
}
ALERT = {
    "title": "A test",
    "severity": "high",
    "category": "Test",
    "vendorInformation": {"provider": "Tester", "vendor": "Contoso"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with processes.server(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture(scope="module")
def greeter(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The callback address of a workflow that is deployed."""
    file = tmp_path_factory.mktemp("files") / "greeter.json"
    file.write_text(json.dumps(GREETER))
    (deployed,) = server.lines("deploy", str(file), "--set", "Greeting=Hello")
    assert deployed["name"] == "greeter"
    return str(deployed["callbackUrls"]["manual"])


def test_a_token_opens_the_graph(server: Server) -> None:
    token = server.sallyport("token").stdout.strip()
    url = f"{server.url}/v1.0/security/alerts"
    assert httpx.get(url, headers={"Authorization": f"Bearer {token}"}, trust_env=False).status_code == 200
    assert httpx.get(url, trust_env=False).status_code == 401


def test_indicators_are_listed_and_shown_with_their_hits(server: Server) -> None:
    token = server.sallyport("token").stdout.strip()
    given = {
        "targetProduct": "Azure Sentinel",
        "expirationDateTime": "2036-01-01T00:00:00Z",
        "action": "block",
        "externalId": "cli",
        "domainName": "evil.example",
    }
    headers = {"Authorization": f"Bearer {token}"}
    url = f"{server.url}/beta/security/tiIndicators"
    answered = httpx.post(url, json=given, headers=headers, trust_env=False)
    assert answered.status_code == 201, answered.text
    found = answered.json()["id"]
    alert = {**ALERT, "id": "hit", "networkConnections": [{"destinationDomain": "evil.example"}]}
    server.lines("alert", "send", given=json.dumps(alert))
    (listed,) = server.lines("indicators", "list", "--filter", "externalId eq 'cli'")
    assert (listed["id"], listed["domainName"]) == (found, "evil.example")
    assert server.json("indicators", "show", found)["action"] == "block"
    (hit,) = server.lines("indicators", "matches", found)
    assert (hit["alertId"], hit["value"]) == ("hit", "evil.example")
    assert "evil.example" in server.sallyport("indicators", "list").stdout
    assert "hit" in server.sallyport("indicators", "matches", found).stdout


def test_alerts_are_sent_listed_and_shown(server: Server) -> None:
    (sent,) = server.lines("alert", "send", given=json.dumps(ALERT, indent=2))
    assert (sent["line"], sent["status"]) == (1, 201)
    (listed,) = server.lines("alert", "list", "--filter", f"id eq '{sent['id']}'")
    assert (listed["title"], listed["status"]) == ("A test", "newAlert")
    assert server.json("alert", "show", sent["id"])["severity"] == "high"
    assert "A test" in server.sallyport("alert", "list").stdout


def test_lines_of_alerts_are_answered_one_by_one_and_a_refusal_is_a_failure(server: Server) -> None:
    done = server.sallyport("alert", "send", "-", "--json", given=f'{json.dumps(ALERT)}\n{{"title": "no vendor"}}\n')
    assert done.returncode == 1
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["status"] for result in results] == [201, 400]
    assert "Line 2:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("alert", "list", "--filter", "severity eq"), 1, "filter"),
        (("alert", "show", "nobody"), 1, "'nobody' was not found"),
        (("indicators", "show", "nobody"), 1, "'nobody' was not found"),
        (("indicators", "matches", " "), 1, "id is expected"),
        (("runs", "show", "08584061302160000000000000000CU00"), 1, "could not be found"),
        (("workflows", "enable", "nobody"), 1, "could not be found"),
        (("run", "nobody"), 1, "could not be found"),
        (("run", "greeter", "--set", "Greeting=Hi"), 1, "no file 'greeter' to deploy"),
        (("runs", "list", "--status", "Done"), 2, "'succeeded'"),
        (("deploy", "/nowhere.json"), 2, "does not exist"),
        (("alert", "send", "/nowhere.json"), 2, "No such file"),
        (("run", "greeter", "--body", "{"), 2, "not JSON"),
        (("run", "greeter", "--mocks", __file__), 2, "--offline"),
    ],
)
def test_what_fails_says_so_on_standard_error(
    server: Server, greeter: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = server.sallyport(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_value_that_is_missing_is_demanded_before_anything_is_stored(server: Server, tmp_path: Path) -> None:
    (tmp_path / "lonely.json").write_text(json.dumps(GREETER))
    done = server.sallyport("deploy", str(tmp_path / "lonely.json"))
    assert done.returncode == 1
    assert "--set Greeting=" in done.stderr
    assert "lonely" not in server.sallyport("workflows", "list").stdout


def test_two_workflows_of_one_name_are_refused_before_anything_is_stored(server: Server, tmp_path: Path) -> None:
    for file in (tmp_path / "one" / "twin.json", tmp_path / "other" / "Twin.json"):
        file.parent.mkdir()
        file.write_text(json.dumps(NOTHING))
    done = server.sallyport("deploy", str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert "twin.json' and '" in done.stderr
    assert "both hold a workflow 'Twin'" in done.stderr
    assert "twin" not in server.sallyport("workflows", "list").stdout.casefold()
    # The same file twice is no other workflow.
    one = str(tmp_path / "one")
    assert len(server.lines("deploy", one, str(tmp_path / "one" / "twin.json"))) == 2
    server.sallyport("workflows", "delete", "twin")


def test_the_address_that_deploy_prints_starts_a_run(server: Server, greeter: str) -> None:
    answer = httpx.post(greeter, json={"name": "Dana"}, trust_env=False)
    assert (answer.status_code, answer.text) == (200, "Hello Dana")
    (run,) = server.lines("runs", "list", "greeter", "--top", "1")
    assert run["name"] == answer.headers["x-ms-workflow-run-id"]


def test_a_run_is_followed_shown_and_resubmitted(server: Server, greeter: str) -> None:
    run = server.json("run", "greeter", "--body", '{"name": "Li"}')
    assert (run["properties"]["status"], run["properties"]["actions"]["Name"]["status"]) == ("Succeeded", "Succeeded")
    shown = server.sallyport("runs", "show", run["name"]).stdout
    assert [word for word in ("Name", "2 x Succeeded", "if true", "Answer") if word not in shown] == []
    name = server.json("runs", "show", run["name"], "--action", "Name")
    assert (name["inputs"], name["outputs"], name["status"]) == ("Li", "Li", "Succeeded")
    assert server.json("runs", "show", run["name"], "--action", "Number/000001")["outputs"] == 2
    again = server.json("runs", "resubmit", run["name"])["run"]
    assert again != run["name"]
    assert server.json("runs", "show", again, "--action", "trigger")["outputs"]["body"] == {"name": "Li"}


def test_a_folder_that_has_the_name_of_a_deployed_workflow_takes_nothing_from_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "polite").mkdir()
    (tmp_path / "polite" / "workflow.json").write_text(json.dumps(GREETER))
    server.lines("deploy", "polite", "--set", "Greeting=Good morning")
    done = server.sallyport("run", "polite", "--body", '{"name": "Li"}')
    assert done.returncode == 0, done.stderr
    assert "./polite" in done.stderr
    shown = server.json("workflows", "show", "polite")["properties"]
    assert shown["parameters"]["Greeting"]["value"] == "Good morning"
    again = server.sallyport("run", "polite", "--set", "Greeting=Hello", "--body", '{"name": "Li"}')
    assert again.returncode == 0, again.stderr
    assert server.json("workflows", "show", "polite")["properties"]["version"] != shown["version"]


def test_a_run_that_fails_is_a_failure(server: Server, greeter: str) -> None:
    done = server.sallyport("run", "greeter")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Failed" in done.stderr
    # What it names as the next thing to do can be done.
    *_, hint = done.stderr.splitlines()
    shown = server.sallyport(*hint.partition("sallyport ")[2].split())
    assert "Fail" in shown.stdout


def test_a_run_that_waits_is_cancelled(server: Server, tmp_path: Path) -> None:
    waiting = {
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}, "runAfter": {}}},
    }
    (tmp_path / "sleeper.json").write_text(json.dumps(waiting))
    started = server.json("run", str(tmp_path / "sleeper.json"), "--no-wait")
    assert started["workflow"] == "sleeper"
    assert server.json("runs", "cancel", started["run"]) == {"run": started["run"], "status": "Cancelled"}
    assert server.json("runs", "show", started["run"])["properties"]["status"] == "Cancelled"
    assert server.sallyport("runs", "cancel", started["run"]).returncode == 1
    assert [run["name"] for run in server.lines("runs", "list", "--status", "Cancelled")] == [started["run"]]


def test_who_stops_following_a_run_is_told_that_it_goes_on(server: Server, tmp_path: Path) -> None:
    wait = {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Hour"}}, "runAfter": {}}
    (tmp_path / "followed.json").write_text(
        json.dumps({"definition": {**GREETER["definition"], "parameters": {}, "actions": {"Wait": wait}}})
    )
    around = processes.environment(server.folder, SALLYPORT_URL=server.url)
    command = [str(processes.PROGRAM), "run", str(tmp_path / "followed.json")]
    with subprocess.Popen(command, env=around, stderr=subprocess.PIPE, text=True) as following:
        assert following.stderr is not None
        told = iter(following.stderr.readline, "")
        assert any("Running" in line for line in told)
        following.send_signal(signal.SIGINT)
        (last,) = (line for line in told if line.strip())
    assert following.returncode == 1
    (run,) = server.lines("runs", "list", "followed")
    assert "The run goes on" in last
    assert f"sallyport runs cancel {run['name']}" in last
    assert run["properties"]["status"] in ("Running", "Waiting")


def test_workflows_are_switched_off_and_deleted(server: Server, tmp_path: Path) -> None:
    definition = {"triggers": {"manual": {"type": "Request", "inputs": {}}}, "actions": {}}
    (tmp_path / "brief.json").write_text(json.dumps(definition))
    (deployed,) = server.lines("deploy", str(tmp_path / "brief.json"), "--disabled", "--name", "shortlived")
    assert (deployed["name"], deployed["state"]) == ("shortlived", "Disabled")
    assert server.json("workflows", "enable", "shortlived") == {"workflow": "shortlived", "state": "Enabled"}
    assert server.json("workflows", "show", "shortlived")["properties"]["state"] == "Enabled"
    assert server.json("workflows", "trigger", "shortlived")["run"]
    assert server.sallyport("workflows", "disable", "shortlived").returncode == 0
    assert server.json("workflows", "delete", "shortlived") == {"deleted": "shortlived"}
    assert "shortlived" not in [workflow["name"] for workflow in server.lines("workflows", "list")]


def test_a_workflow_is_given_the_address_of_the_one_that_it_depends_on(server: Server, tmp_path: Path) -> None:
    template = {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            _workflow(
                "caller",
                "[listCallbackUrl(resourceId('Microsoft.Logic/workflows/triggers', 'called', 'manual')).value]",
                ["called"],
            ),
            _workflow("called", "none", []),
        ],
    }
    (tmp_path / "azuredeploy.json").write_text(json.dumps(template))
    called, caller = server.lines("deploy", str(tmp_path / "azuredeploy.json"))
    assert (called["name"], caller["name"], caller["notes"]) == ("called", "caller", [])
    stored = server.json("workflows", "show", "caller")["properties"]["definition"]["actions"]["Address"]
    assert stored["inputs"] == called["callbackUrls"]["manual"]


def _workflow(name: str, text: str, depends_on: list[str]) -> dict[str, object]:
    definition = {
        "$schema": GREETER["definition"]["$schema"],
        "contentVersion": "1.0.0.0",
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {"Address": {"type": "Compose", "inputs": text, "runAfter": {}}},
    }
    return {
        "type": "Microsoft.Logic/workflows",
        "apiVersion": "2019-05-01",
        "name": name,
        "location": "[resourceGroup().location]",
        "dependsOn": [f"[resourceId('Microsoft.Logic/workflows', '{each}')]" for each in depends_on],
        "properties": {"definition": definition},
    }
