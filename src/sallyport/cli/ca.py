"""`sallyport ca`: the certificate of the local authority, which clients must trust before they speak https."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import click

from sallyport import settings
from sallyport.cli import local, output
from sallyport.cli.groups import Group
from sallyport.errors import SallyportError
from sallyport.web import certificates, local_authority
from sallyport.web.local_authority import LocalAuthority


@click.group("ca", cls=Group)
def command() -> None:
    """Show or export the certificate of the local authority."""


@command.command("show")
@output.data_option
@output.json_document
def show(data: Path | None, as_json: bool) -> None:
    """Show the authority's certificate, and how clients are told to trust it."""
    found = _opened(data)
    path = found.folder / local_authority.CERTIFICATE
    if as_json:
        output.emit({**_drawn(found), "path": str(path)})
        return
    for name, value in _drawn(found).items():
        click.echo(f"{name:<18} {', '.join(value) if isinstance(value, list) else value}")
    quoted = shlex.quote(str(path))
    click.echo(f"SSL_CERT_FILE={quoted} REQUESTS_CA_BUNDLE={quoted}   (Python, curl, OpenSSL)")
    click.echo(f"NODE_EXTRA_CA_CERTS={quoted}   (Node)")


@command.command("export")
@output.data_option
@click.option(
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; otherwise standard output.",
)
@output.json_document
def export(data: Path | None, file: Path | None, as_json: bool) -> None:
    """Print the authority's certificate in PEM, to be copied to where clients run. It holds no secret."""
    found = _opened(data)
    if file is not None:
        try:
            file.write_bytes(found.pem)
        except OSError as error:
            local.fail(f"'{file}' cannot be written: {error.strerror or error}.")
    if as_json:
        output.emit({**_drawn(found), "certificate": found.pem.decode()})
    elif file is None:
        click.echo(found.pem, nl=False)


def _opened(data: Path | None) -> LocalAuthority:
    try:
        chosen = settings.load(os.environ, given={"data": data})
        found = local_authority.read(chosen.data)
    except SallyportError as error:
        local.fail(error.message)
    if found is None:
        local.fail(
            f"There is no certificate authority in '{chosen.data}' yet. Start the server on it once: sallyport up "
            f"--data {shlex.quote(str(chosen.data))} (or name another folder with --data or SALLYPORT_DATA)."
        )
    return found


def _drawn(found: LocalAuthority) -> dict[str, str | list[str]]:
    return {
        "subject": found.certificate.subject.rfc4514_string(),
        "fingerprint": certificates.fingerprint(found.certificate),
        "validUntil": found.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "names": list(found.names),
    }
