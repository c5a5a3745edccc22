from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from identity import Installation, installation
from sallyport.cli import main
from sallyport.clock import SystemClock
from sallyport.store import migrations
from sallyport.store.database import Database, sqlite_url


def run(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env={"SALLYPORT_DATA": str(data)})


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def test_token_prints_a_token_and_nothing_else(house: Installation) -> None:
    result = run(house.folder, "token")
    assert (result.exit_code, result.stderr) == (0, "")
    (line,) = result.stdout.splitlines()
    house.authority.tokens._clock = SystemClock()
    assert house.authority.tokens.verify(line).app_id == house.first.client_id


def test_token_as_json_is_what_the_token_endpoint_answers(house: Installation) -> None:
    answer = json.loads(run(house.folder, "token", "--json").stdout)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)


def test_a_folder_that_no_server_started_on_is_told_on_standard_error(tmp_path: Path) -> None:
    result = run(tmp_path / "nowhere", "token")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "sallyport up --data" in result.stderr
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "Start the server on it once"),
        (b"not a database at all, but a text", "The database is damaged. It says: file is not a database."),
    ],
)
def test_a_file_that_is_no_database_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "sallyport.db").write_bytes(content)
    result = run(tmp_path, "token")
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


@pytest.mark.parametrize(
    ("revision", "told"),
    [("0007", "an earlier version of sallyport"), ("9999", "a later version of sallyport than this one")],
)
def test_tables_of_another_version_are_told_and_left_alone(tmp_path: Path, revision: str, told: str) -> None:
    database = Database(sqlite_url(tmp_path / "sallyport.db"))
    database.write_now(lambda connection: migrations.upgrade_on(connection, min(revision, migrations.newest())))
    database.write_now(lambda c: c.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'"))
    database.close()
    for arguments in (["token"], ["client", "add", "X", "--permission", "Sallyport.Ingest"], ["runs", "list"]):
        result = run(tmp_path, *arguments)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(f"Error: The tables (revision {revision}) are those of {told}")
    made = run(tmp_path, "backup", str(tmp_path / "before.backup"), "--json")
    assert json.loads(made.stdout)["revision"] == revision


def test_an_application_that_is_not_there_is_told_from_one_that_nobody_consented_to(house: Installation) -> None:
    added = run(house.folder, "client", "add", "Console", "--public", "--scope", "SecurityEvents.Read.All", "--json")
    client_id = json.loads(added.stdout)["clientId"]
    assert run(house.folder, "consent", "revoke", client_id).exit_code == 0
    assert json.loads(run(house.folder, "consent", "show", client_id, "--json").stdout) == []
    missing = run(house.folder, "consent", "show", "nobody")
    assert (missing.exit_code, missing.stdout) == (1, "")
    assert missing.stderr == "Error: There is no application 'nobody'.\n"


def test_a_bad_setting_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["token"], env={"SALLYPORT_DATA": str(tmp_path), "SALLYPORT_PORT": "x"})
    assert (result.exit_code, result.stdout) == (1, "")
    assert "SALLYPORT_PORT" in result.stderr


def test_an_unknown_option_is_wrong_use(tmp_path: Path) -> None:
    assert run(tmp_path, "token", "--nonsense").exit_code == 2


def test_a_client_is_added_listed_given_a_new_secret_and_removed(house: Installation) -> None:
    made = json.loads(run(house.folder, "client", "add", "Feeder", "--permission", "sallyport.ingest", "--json").stdout)
    assert (made["displayName"], made["permissions"]) == ("Feeder", ["Sallyport.Ingest"])
    listed = json.loads(run(house.folder, "client", "list", "--json").stdout)
    own = ["Local administrator", "MicrosoftGraphSecurityConnector"]
    assert sorted(client["displayName"] for client in listed) == ["Feeder", *own]
    assert not any("clientSecret" in client for client in listed)
    renewed = json.loads(run(house.folder, "client", "secret", "replace", made["clientId"], "--json").stdout)
    assert renewed["clientSecret"] != made["clientSecret"]
    removed = run(house.folder, "client", "remove", made["clientId"])
    assert (removed.exit_code, removed.stdout) == (0, "")
    assert "Feeder" not in run(house.folder, "client", "list").stdout


def test_a_permission_that_does_not_exist_is_told_with_those_that_do(house: Installation) -> None:
    result = run(house.folder, "client", "add", "Feeder", "--permission", "Everything")
    assert result.exit_code == 1
    assert "There is no permission 'Everything'" in result.stderr
    assert "SecurityEvents.ReadWrite.All" in result.stderr
