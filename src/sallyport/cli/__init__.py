"""The command line: one file per command, imported only when it is asked for.

Exit codes: 0 done, 1 checked and failed, 2 wrong use. Data goes to standard output, messages to standard error.
"""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from sallyport import errors
from sallyport.cli.groups import Group

#: Commands by name, each as "module:attribute".
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "alert": "sallyport.cli.alert:command",
        "backup": "sallyport.cli.backup:command",
        "audit": "sallyport.cli.audit:command",
        "ca": "sallyport.cli.ca:command",
        "client": "sallyport.cli.client:command",
        "consent": "sallyport.cli.consent:command",
        "deploy": "sallyport.cli.deploy:command",
        "expression": "sallyport.cli.expression:command",
        "indicators": "sallyport.cli.indicators:command",
        "openapi": "sallyport.cli.openapi:command",
        "restore": "sallyport.cli.restore:command",
        "keys": "sallyport.cli.keys:command",
        "run": "sallyport.cli.run:command",
        "runs": "sallyport.cli.runs:command",
        "mail": "sallyport.cli.mail:command",
        "subscriptions": "sallyport.cli.subscriptions:command",
        "token": "sallyport.cli.token:command",
        "up": "sallyport.cli.up:command",
        "user": "sallyport.cli.user:command",
        "validate": "sallyport.cli.validate:command",
        "workflows": "sallyport.cli.workflows:command",
    }
)
#: What users and file systems are kept from.
_REFUSALS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class LazyGroup(Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the names of all commands."""
        return sorted({*COMMANDS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        place = COMMANDS.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        return found if isinstance(found, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; one whose settings ask for what is not installed is used wrongly."""
        try:
            return super().invoke(ctx)
        except errors.ExtraMissing as missing:
            click.echo(f"Error: {missing.message}", err=True)
            raise click.exceptions.Exit(2) from missing
        except OSError as error:
            sentence = _told(error)
            if sentence is None:
                raise
            click.echo(f"Error: {sentence}", err=True)
            raise click.exceptions.Exit(1) from error


def _told(error: OSError) -> str | None:
    """Answer what the operating system refused, as far as it is nobody's fault here; None for anything else."""
    # Files that are named are spoken of where they are written; standard output has no name.
    if error.errno == errno.ENOSPC and error.filename is None:
        return f"there is no room for what is printed: {error.strerror}."
    if error.errno in _REFUSALS and error.filename is not None:
        return f"'{error.filename}' cannot be used: {error.strerror}."
    return None


@click.group(cls=LazyGroup)
@click.version_option(package_name="sallyport")
def main() -> None:
    """Run Logic Apps playbooks, and serve the Microsoft Graph Security API that they need."""
    from sallyport.cli import characters, logs

    characters.take_all()
    # `up` writes its log as its settings say; any other command speaks for itself.
    logs.configure("warning", "text", sys.stderr)
