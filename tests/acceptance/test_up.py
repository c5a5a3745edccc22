"""The server as a process: its start, its end, and what is left of it after a crash."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

import processes
from processes import PATIENCE_SECONDS, PROGRAM, Server, environment


def up(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Start a server that is expected to end by itself."""
    return subprocess.run(
        [PROGRAM, "up", *arguments],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )


def test_the_first_start_tells_the_secret_once_and_a_request_to_end_ends_it_well(tmp_path: Path) -> None:
    with processes.server(tmp_path) as first:
        code, told, _ = first.end()
    assert code == 0
    assert "client_id " in told
    assert "client_secret " in told
    assert f"{first.url}/ingest/alerts" in told
    assert len(told.splitlines()) <= 24
    with processes.server(tmp_path) as second:
        _, told, _ = second.end()
    assert "client_secret" not in told


def test_a_first_start_that_ends_too_soon_leaves_it_to_the_next_to_tell_the_secret(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = environment(tmp_path) | {"SALLYPORT_MAILBOX_PORT": str(taken.getsockname()[1])}
        command = [str(PROGRAM), "up", "--port", "0", "--tls", "none"]
        done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode, "the mailbox cannot listen" in done.stderr) == (1, True)
    assert "client_secret" not in done.stdout + done.stderr
    with processes.server(tmp_path) as second:
        tenant_id = second.json("client", "list")[0]["tenantId"]
        _, told, _ = second.end()
    found = dict(line.split() for line in told.splitlines() if line.strip().startswith("client_"))
    with processes.server(tmp_path) as third:
        form = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default", **found}
        address = f"{third.url}/{tenant_id}/oauth2/v2.0/token"
        assert httpx.post(address, data=form, trust_env=False).json()["token_type"] == "Bearer"
        _, told, _ = third.end()
    assert "client_secret" not in told


def test_a_server_whose_log_nobody_takes_any_more_goes_on(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    command = [str(PROGRAM), "up", "--port", "0", "--tls", "none", "--log-level", "debug"]
    with subprocess.Popen(
        command, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=writer, text=True
    ) as process:
        os.close(writer)
        os.close(reader)
        running = Server(tmp_path, process)
        running.url = processes.url_of(running)
        for _ in range(3):
            assert httpx.get(f"{running.url}/readyz", trust_env=False).status_code == 200
        assert len(running.json("client", "list")) == 2
        assert running.lines("workflows", "list") == []
        process.terminate()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    with processes.server(tmp_path) as running:
        done = up(tmp_path, "--port", "0")
        assert (done.returncode, done.stdout) == (1, "")
        assert f"process {running.process.pid}, {running.url}" in done.stderr
        # Commands find the server that runs on the folder, wherever it listens.
        listed = subprocess.run(
            [PROGRAM, "workflows", "list"], env=environment(tmp_path), capture_output=True, text=True, check=True
        )
        assert listed.stderr == ""


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = up(tmp_path, "--port", str(port))
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "host.example/8", "host.example:http"])
def test_an_egress_entry_that_means_nothing_is_told_before_anything_is_made(tmp_path: Path, entry: str) -> None:
    settings = environment(tmp_path / "data") | {"SALLYPORT_EGRESS_ALLOW": f"*.lab.example,{entry}"}
    command = [str(PROGRAM), "up", "--port", "0", "--tls", "none"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"Error: egress_allow: an entry is not usable; '{entry}' is no host, host:port")
    assert not (tmp_path / "data" / "sallyport.db").exists()


def test_a_variable_that_is_no_setting_is_told_and_keeps_nothing_from_starting(tmp_path: Path) -> None:
    with processes.server(tmp_path, SALLYPORT_EGRESS_PRIVAT="deny") as running:
        code, _, told = running.end()
    assert code == 0
    assert "SALLYPORT_EGRESS_PRIVAT is not a setting and is ignored; did you mean SALLYPORT_EGRESS_PRIVATE?" in told


def test_a_command_without_a_server_says_how_to_start_one(tmp_path: Path) -> None:
    with processes.server(tmp_path):
        pass
    for url in ("http://127.0.0.1:9", "http://server.invalid"):
        done = subprocess.run(
            [PROGRAM, "runs", "list"],
            env=environment(tmp_path, SALLYPORT_URL=url),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        assert (done.returncode, done.stdout) == (1, "")
        assert f"No sallyport server answers at {url}" in done.stderr
        assert "sallyport up" in done.stderr


def test_after_a_kill_everything_that_was_acknowledged_is_there_and_runs_go_on(tmp_path: Path) -> None:
    waiting = {
        "triggers": {"manual": {"type": "Request", "inputs": {}}},
        "actions": {
            "Wait": {"type": "Wait", "inputs": {"interval": {"count": 4, "unit": "Second"}}, "runAfter": {}},
            "After": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {"Wait": ["Succeeded"]}},
        },
    }
    (tmp_path / "waiting.json").write_text(json.dumps(waiting))
    alert = {"title": "Kept", "vendorInformation": {"provider": "Tester", "vendor": "Contoso"}}
    data = tmp_path / "data"
    with processes.server(data) as first:
        (sent,) = first.lines("alert", "send", given=json.dumps(alert))
        run = first.json("run", str(tmp_path / "waiting.json"), "--body", "42", "--no-wait")["run"]
        first.kill()
    with processes.server(data) as second:
        assert second.json("alert", "show", sent["id"])["title"] == "Kept"

        def ended() -> bool:
            return bool(second.json("runs", "show", run)["properties"]["status"] == "Succeeded")

        processes.until(ended, "the run's end")
        assert second.json("runs", "show", run, "--action", "After")["outputs"] == 42


def test_the_demonstration_delivers_a_mail_without_a_further_step(tmp_path: Path) -> None:
    with processes.server(tmp_path, "--demo") as running:
        mails = processes.until(lambda: list((tmp_path / "mail").glob("*.eml")), "a mail")
        assert mails
        # Who tries it out may send a token as some scripts do, without the word Bearer.
        bare = {"Authorization": running.sallyport("token").stdout.strip()}
        assert httpx.get(f"{running.url}/v1.0/security/alerts", headers=bare, trust_env=False).is_success
        states = {workflow["properties"]["state"] for workflow in running.lines("workflows", "list")}
        assert states == {"Enabled"}
        code, told, err = running.end()
    assert code == 0
    assert "Traceback" not in err
    assert "alert high" in told
