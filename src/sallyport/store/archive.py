"""A backup as one file: a compressed tar whose first member, the manifest, says what the others are.

The rule: nothing is taken out of an archive that its manifest does not name, at another size or with another digest,
or under a name that leads out of the folder; an archive appears under its name only when it is whole.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import orjson

from sallyport import errors
from sallyport.store import encrypted_file
from sallyport.store.backup import Copy

FORMAT = 1
_MANIFEST = "manifest.json"
_LONGEST_MANIFEST = 16 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024


class Damaged(errors.BadRequest):
    """Raised when an archive is not what its manifest says, or no archive at all."""

    code = "DamagedBackup"

    def __init__(self, what: str) -> None:
        super().__init__(f"The backup cannot be trusted: {what}.")


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    version: str
    made_at: str
    database: Copy
    parts: Mapping[str, Part]

    @property
    def revision(self) -> str:
        """The revision of the tables in it."""
        return self.database.revision


def describe(folder: Path, copy: Copy, version: str, made_at: str) -> Manifest:
    """Answer the manifest of what is in a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    parts = {path.relative_to(folder).as_posix(): _part(path) for path in files}
    return Manifest(FORMAT, version, made_at, copy, parts)


def write(folder: Path, manifest: Manifest, target: Path, passphrase: str | None) -> None:
    """Write what a manifest names, out of a folder, as an archive; raises FileExistsError when there is one already."""
    draft = target.with_name(f".{target.name}.partial-{os.getpid()}")
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            with encrypted_file.writing(file, passphrase) as plain:
                _fill(plain, folder, manifest)
            file.flush()
            os.fsync(file.fileno())
        # A link, unlike a rename, never takes the place of another backup.
        os.link(draft, target)
    finally:
        draft.unlink(missing_ok=True)


def extract(archive: Path, folder: Path, passphrase: str | None) -> Manifest:
    """Take an archive apart into an empty folder and answer its manifest.

    Raises Damaged, and WrongPassphrase.
    """
    try:
        with (
            archive.open("rb") as file,
            encrypted_file.reading(file, passphrase) as plain,
            # Not tarfile's own reading of gzip, which looks at no checksum.
            gzip.GzipFile(fileobj=plain) as unpacked,
        ):
            with tarfile.open(fileobj=unpacked, mode="r|") as tar:
                manifest = _taken(tar, folder)
            _end(unpacked)
            return manifest
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise Damaged("it is not an archive of sallyport, or a part of it is missing") from error


def _fill(file: IO[bytes], folder: Path, manifest: Manifest) -> None:
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as tar,
    ):
        text = orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2)
        tar.addfile(_entry(_MANIFEST, len(text)), io.BytesIO(text))
        for name, part in manifest.parts.items():
            with (folder / name).open("rb") as content:
                tar.addfile(_entry(name, part.size), content)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.mode = size, 0o600
    return found


def _taken(tar: tarfile.TarFile, folder: Path) -> Manifest:
    first = tar.next()
    if first is None or first.name != _MANIFEST or first.size > _LONGEST_MANIFEST:
        raise Damaged("it does not begin with a manifest")
    content = tar.extractfile(first)
    manifest = _manifest(orjson.loads(content.read() if content is not None else b""))
    missing = dict(manifest.parts)
    for member in iter(tar.next, None):
        expected = missing.pop(member.name, None)
        if expected is None or not member.isfile() or member.size != expected.size:
            raise Damaged(f"the manifest does not name '{member.name[:200]}' as it is")
        _take(tar, member, expected, folder / _inside(member.name))
    if missing:
        raise Damaged(f"'{next(iter(missing))}' is missing")
    return manifest


def _end(unpacked: gzip.GzipFile) -> None:
    """Read to the end, where the checksum of everything stands; a tar is filled up with zeros."""
    while piece := unpacked.read(_PIECE_BYTES):
        if piece.strip(b"\0"):
            raise Damaged("something follows its last part")


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, expected: Part, path: Path) -> None:
    content = tar.extractfile(member)
    assert content is not None
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        while piece := content.read(_PIECE_BYTES):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != expected.sha256:
        raise Damaged(f"'{member.name[:200]}' has been changed")


def _inside(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name or "\x00" in name:
        raise Damaged(f"the name '{name[:200]}' leads out of the folder")
    return path


def _manifest(told: dict[str, Any]) -> Manifest:
    if told.get("format") != FORMAT:
        raise Damaged(f"its format is {str(told.get('format'))[:20]}, and this version reads {FORMAT}")
    parts = {str(name): Part(int(part["size"]), str(part["sha256"])) for name, part in told["parts"].items()}
    return Manifest(FORMAT, str(told["version"]), str(told["made_at"]), Copy(**told["database"]), parts)


def _part(path: Path) -> Part:
    with path.open("rb") as file:
        return Part(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
