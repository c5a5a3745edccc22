"""Several secrets and certificates of one application: given, listed, used and taken away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from identity import Installation, installation
from sallyport.auth import credentials, secret_hashes
from sallyport.cli import main
from sallyport.store import audit

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Installation]:
    with installation(tmp_path) as made:
        yield made


def run(house: Installation, *words: str) -> Result:
    return CliRunner().invoke(main, ["client", *words], env={"SALLYPORT_DATA": str(house.folder)})


def answered(house: Installation, *words: str) -> Any:
    done = run(house, *words, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def asked(house: Installation, client_id: str, secret: str) -> tuple[int, int]:
    """Answer the status of a request for a token, and the number of its refusal."""
    form = {"grant_type": "client_credentials", "scope": SCOPE, "client_id": client_id, "client_secret": secret}
    answer = house.client().post("/contoso/oauth2/v2.0/token", data=form)
    return answer.status_code, answer.json().get("error_codes", [0])[0]


def test_an_application_has_several_secrets_until_one_is_taken_away(house: Installation) -> None:
    made = house.register()
    client_id = made.client.client_id
    second = answered(house, "secret", "add", client_id.upper(), "--name", "Pipeline", "--ends", "2099-01-01")
    assert (second["displayName"], second["endDateTime"][:10]) == ("Pipeline", "2099-01-01")
    assert second["clientSecret"].startswith(second["hint"][:3])
    assert asked(house, client_id, made.secret) == asked(house, client_id, second["clientSecret"]) == (200, 0)
    listed = answered(house, "secret", "list", client_id)
    assert {each["displayName"] for each in listed} == {"", "Pipeline"}
    assert listed == answered(house, "show", client_id)["secrets"]
    for shown in (listed, answered(house, "show", client_id)):
        text = json.dumps(shown)
        assert made.secret not in text
        assert second["clientSecret"] not in text
        assert "scrypt" not in text
    answered(house, "secret", "remove", client_id, second["keyId"])
    assert asked(house, client_id, second["clientSecret"]) == (401, 7000215)
    assert asked(house, client_id, made.secret) == (200, 0)
    assert "nothing with the key id" in run(house, "secret", "remove", client_id, second["keyId"]).stderr
    noted = house.db.read_now(lambda connection: audit.latest(connection, 20))
    assert [each.detail for each in noted if each.activity == "client.secret_removed"] == [{"key_id": second["keyId"]}]
    assert [each.detail for each in noted if each.activity == "client.secret_added"] == [{"key_id": second["keyId"]}]


def test_a_secret_counts_from_its_start_to_its_end(house: Installation) -> None:
    made = house.register()
    client_id = made.client.client_id
    # The installation's clock stands at the fifth of January 2026.
    for day in (4, 5):
        with pytest.raises(credentials.CredentialInvalid, match="must end after it starts"):
            _added(house, client_id, 2, day)
    assert asked(house, client_id, _added(house, client_id, 2, 9)) == (200, 0)
    assert asked(house, client_id, _added(house, client_id, 7, None)) == (401, 7000215)


def _added(house: Installation, client_id: str, starts: int, ends: int | None) -> str:
    ends_at = None if ends is None else datetime(2026, 1, ends, tzinfo=UTC)
    term = credentials.Term("", datetime(2026, 1, starts, tzinfo=UTC), ends_at)
    return house.db.write_now(lambda it: credentials.add_secret(it, house.clock, client_id, term)).secret


async def test_an_expired_secret_is_refused_beside_one_that_holds(house: Installation) -> None:
    made = house.register()
    client_id = made.client.client_id
    term = credentials.Term("short", None, datetime(2026, 1, 6, tzinfo=UTC))
    added = house.db.write_now(lambda it: credentials.add_secret(it, house.clock, client_id, term))
    assert asked(house, client_id, added.secret) == (200, 0)
    await house.clock.advance(datetime(2026, 1, 6, tzinfo=UTC) - house.clock.now())
    assert asked(house, client_id, added.secret) == (401, 7000222)
    assert asked(house, client_id, made.secret) == (200, 0)


def test_every_secret_is_compared_whichever_matches(house: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    made = house.register()
    client_id = made.client.client_id
    second = answered(house, "secret", "add", client_id)
    compared: list[str] = []
    plain = secret_hashes.matches

    def counting(secret: str, stored: str) -> bool:
        compared.append(stored)
        return plain(secret, stored)

    monkeypatch.setattr(secret_hashes, "matches", counting)
    for secret in (made.secret, second["clientSecret"], "neither"):
        compared.clear()
        asked(house, client_id, secret)
        assert len(compared) == 2


def test_an_application_has_ten_secrets_at_the_most_and_a_public_one_none(house: Installation) -> None:
    client_id = house.register().client.client_id
    for _ in range(credentials.MOST - 1):
        answered(house, "secret", "add", client_id)
    assert "remove one that nobody uses" in run(house, "secret", "add", client_id).stderr
    public = answered(house, "add", "Desk", "--public", "--scope", "SecurityEvents.Read.All")["clientId"]
    assert "neither secret nor key" in run(house, "secret", "add", public).stderr
    for words in (("add",), ("list",), ("replace",)):
        refused = run(house, "secret", *words, "f0000000-0000-0000-0000-000000000000")
        assert (refused.exit_code, "no application" in refused.stderr) == (1, True)


def test_an_application_has_several_certificates_until_one_is_taken_away(house: Installation, tmp_path: Path) -> None:
    client_id = house.register().client.client_id
    added = []
    for name in ("first", "second"):
        file = tmp_path / f"{name}.pem"
        file.write_bytes(_certificate(name))
        added.append(answered(house, "certificate", "add", client_id, str(file), "--name", name))
        assert "already" in run(house, "certificate", "add", client_id, str(file)).stderr
    listed = answered(house, "certificate", "list", client_id)
    assert {each["keyId"] for each in listed} == {each["keyId"] for each in added}
    assert {(each["startDateTime"][:4], each["endDateTime"][:4]) for each in listed} == {("2020", "2040")}
    answered(house, "certificate", "remove", client_id, added[0]["keyId"])
    assert [each["displayName"] for each in answered(house, "certificate", "list", client_id)] == ["second"]
    assert run(house, "certificate", "remove", client_id, added[0]["keyId"]).exit_code == 1


def _certificate(name: str) -> bytes:
    key = rsa.generate_private_key(65537, 2048)
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(named).issuer_name(named).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    signed = made.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)
