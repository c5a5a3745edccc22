from __future__ import annotations

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sallyport.store import sealing
from sallyport.store.sealing import MasterKeyInvalid, MasterKeyMissing, Sealer, SecretUnreadable

KEY, OTHER = bytes(range(32)), bytes(range(32, 64))


def test_what_was_sealed_opens_in_its_own_place() -> None:
    sealed = Sealer(KEY).seal(b"hello", "connections/1")
    assert b"hello" not in base64.urlsafe_b64decode(sealed.split(".")[2])
    assert Sealer(KEY).open(sealed, "connections/1") == b"hello"


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert Sealer(KEY).seal(b"hello", "a") != Sealer(KEY).seal(b"hello", "a")


def changed(sealed: str) -> str:
    form, key_id, text = sealed.split(".")
    data = bytearray(base64.urlsafe_b64decode(text))
    data[-1] ^= 1
    return f"{form}.{key_id}.{base64.urlsafe_b64encode(data).decode()}"


@pytest.mark.parametrize(
    "case",
    ["another place", "another key", "a changed byte", "cut off", "empty", "another form"],
)
def test_nothing_else_opens(case: str) -> None:
    sealed = Sealer(KEY).seal(b"hello", "a")
    text = {"a changed byte": changed(sealed), "cut off": sealed[:-20], "empty": "", "another form": f"v9{sealed[2:]}"}
    sealer = Sealer(OTHER) if case == "another key" else Sealer(KEY)
    with pytest.raises(SecretUnreadable):
        sealer.open(text.get(case, sealed), "b" if case == "another place" else "a")


def test_a_former_key_still_opens_and_never_seals() -> None:
    sealed = Sealer(KEY).seal(b"hello", "a")
    both = Sealer(OTHER, former=[KEY])
    assert both.open(sealed, "a") == b"hello"
    assert both.seal(b"hello", "a").split(".")[1] == Sealer(OTHER).key_id


@pytest.mark.parametrize("between", ["\n", ",", " , \n"])
def test_a_key_that_is_put_before_the_former_one_seals_and_both_open(tmp_path: Path, between: str) -> None:
    text = f"{OTHER.hex()}{between}{base64.b64encode(KEY).decode()}\n"
    (tmp_path / "master.key").write_text(text)
    for found in (sealing.sealer(tmp_path, {}), sealing.sealer(tmp_path / "x", {"SALLYPORT_MASTER_KEY": text})):
        assert found.key_id == Sealer(OTHER).key_id
        assert found.open(Sealer(KEY).seal(b"hello", "a"), "a") == b"hello"


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = sealing.sealer(folder, {}, create=True)
    assert sealing.sealer(folder, {}).open(first.seal(b"hello", "a"), "a") == b"hello"
    assert stat.S_IMODE((folder / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == ["master.key"]


def test_starts_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: sealing.sealer(tmp_path, {}, create=True).key_id, range(8)))
    assert len(set(made)) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_key_is_told_and_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyMissing, match=r"master\.key"):
        sealing.sealer(tmp_path, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", [KEY.hex(), base64.b64encode(KEY).decode(), base64.urlsafe_b64encode(KEY).decode() + "\n"]
)
def test_the_environment_wins_over_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(OTHER.hex())
    assert sealing.sealer(tmp_path, {"SALLYPORT_MASTER_KEY": text}).key_id == Sealer(KEY).key_id
    assert sealing.sealer(tmp_path, {}).key_id == Sealer(OTHER).key_id


@pytest.mark.parametrize(
    "text", ["short", "x" * 64, base64.b64encode(bytes(31)).decode(), "ü" * 44, " ", f"{KEY.hex()},short"]
)
def test_a_bad_key_is_named_by_its_place_and_not_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(MasterKeyInvalid) as wrong:
        sealing.sealer(tmp_path, {"SALLYPORT_MASTER_KEY": text})
    assert "SALLYPORT_MASTER_KEY" in wrong.value.message
    assert text.strip() == "" or text not in wrong.value.message
