"""Where a command finds a passphrase, and what it says when there is none to be read."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from sallyport.cli import passphrases


def test_the_first_line_of_a_file_is_the_passphrase(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("open, sesame\nnot this\n")
    assert passphrases.found(file) == "open, sesame"


@pytest.mark.parametrize(
    ("content", "said"), [(b"\x8e\xff", "it is not UTF-8"), (b"", "is empty"), (b"\nsecond", "is empty")]
)
def test_a_file_without_a_passphrase_ends_the_command_with_a_sentence(
    tmp_path: Path, content: bytes, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(content)
    with pytest.raises(click.exceptions.Exit) as ended:
        passphrases.found(file)
    assert ended.value.exit_code == 1
    assert said in capsys.readouterr().err


def test_without_a_file_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(passphrases.VARIABLE, "from there")
    assert passphrases.found(None) == "from there"
    monkeypatch.delenv(passphrases.VARIABLE)
    assert passphrases.found(None) is None
