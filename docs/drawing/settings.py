"""docs/reference/settings.md: every setting, from the comments above the fields of the record."""

from __future__ import annotations

import ast
import dataclasses
import inspect
from collections.abc import Mapping

from drawing import markdown
from sallyport import settings
from sallyport.cli import passphrases
from sallyport.settings import PREFIX, Settings
from sallyport.store import sealing


def page() -> str:
    """Draw the page."""
    meanings = field_comments(inspect.getsource(settings), "Settings")
    rows = (
        (f"`{each.name}`", f"`{PREFIX}{each.name.upper()}`", _default(each), meanings[each.name])
        for each in dataclasses.fields(Settings)
    )
    return markdown.page(
        "Settings",
        "Each setting is an environment variable, or a key of the TOML file that `SALLYPORT_SETTINGS` names; there\n"
        "`smtp_host` may also be written as `host` below `[smtp]`. An option of the command line wins over the\n"
        "environment, that over the file, that over the default. A wrong value stops the start and says what is\n"
        "allowed.",
        markdown.table(("key", "variable", "default", "meaning"), rows),
        "Five variables are no settings: `SALLYPORT_SETTINGS` names the TOML file, `SALLYPORT_URL` tells commands\n"
        "which server to talk to and `SALLYPORT_TOKEN` with which token ([from another\n"
        f"machine](../howto/tls.md#serve-other-machines)), `{sealing.ENVIRONMENT_KEY}` holds the\n"
        "[master key](../howto/secrets-and-backups.md#the-master-key) in place of the file in the data folder, and\n"
        f"`{passphrases.VARIABLE}` the passphrase of a [backup](../howto/backup.md).",
    )


def field_comments(text: str, record: str) -> Mapping[str, str]:
    """Answer the `#:` comment above each field of a record."""
    lines = text.splitlines()
    (body,) = [node.body for node in ast.parse(text).body if isinstance(node, ast.ClassDef) and node.name == record]
    found: dict[str, str] = {}
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            above: list[str] = []
            for line in reversed(lines[: node.lineno - 1]):
                if not line.strip().startswith("#:"):
                    break
                above.insert(0, line.strip()[2:].strip())
            found[node.target.id] = " ".join(above)
    return found


def _default(field: dataclasses.Field[object]) -> str:
    if field.metadata.get("derived") or field.default in (None, ()) or field.default is dataclasses.MISSING:
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"
