"""Everything that can be set, in one immutable record, read once when a process starts.

The rule: what the command line gives wins over the environment, that over the file, that over the default. A setting
`smtp_host` is `SALLYPORT_SMTP_HOST` in the environment and `smtp_host`, or `host` below `[smtp]`, in the TOML file. The
fields with `repr=False` hold secrets, and no message repeats them.
"""

from __future__ import annotations

import dataclasses
import difflib
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from sallyport import errors, settings_values

SmtpTls = Literal["none", "starttls", "implicit"]
Tls = Literal["none", "local", "files"]
EgressPrivate = Literal["allow", "deny"]
ThrottleProfile = Literal["off", "like-graph"]
LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

PREFIX = "SALLYPORT_"
_DATABASES = ("sqlite", "postgresql", "postgresql+psycopg")
_SMTP_PORTS: Mapping[str, int] = {"none": 25, "starttls": 587, "implicit": 465}


class InvalidSetting(errors.SallyportError):
    """Raised when a setting has a value that is not allowed, or a file names one that does not exist."""

    code = "InvalidSetting"
    status = 500

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        super().__init__(f"{name}: {problem}; {allowed}.")
        self.name = name
        self.problem = problem
        self.allowed = allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a process was told before it started."""

    #: The address that the server listens on; `0.0.0.0` or `::` for every address of the machine.
    host: str = "127.0.0.1"
    #: The port that the server listens on; 0 takes a free one.
    port: int = field(default=8080, metadata={"range": (0, 65535)})
    #: How https is offered beside http: `local` with certificates of an authority of its own, made at the first start
    #: and kept in the data folder; `files` with `tls_certificate` and `tls_key`; `none` not at all.
    tls: Tls = "local"
    #: The port of https; 0 takes a free one, and so does the default when `port` is 0.
    https_port: int = field(default=8443, metadata={"range": (0, 65535)})
    #: With `files`, the PEM file of the certificate and those between it and its root. A renewed file is noticed.
    tls_certificate: Path | None = None
    #: With `files`, the PEM file of the certificate's private key.
    tls_key: Path | None = None
    #: The address that plain http listens on. By default `host` without https; beside https `host` when that is
    #: loopback, and otherwise `127.0.0.1` or `::1`, so that no token crosses a network in clear.
    http_host: str = field(default="", metadata={"derived": True})
    #: The port of a proxy that leads `graph.microsoft.com`, `login.microsoftonline.com`, `management.azure.com` and
    #: `api.ti.sentinel.azure.com` to this server and refuses every other host, for programs with built-in hosts; 0
    #: takes a free one. Without it there is no proxy. Needs https.
    proxy_port: int | None = field(default=None, metadata={"range": (0, 65535)})
    #: The folder of the database, the keys and the mailbox; made for its owner alone when it is absent. By default the
    #: user's own data folder, such as `~/.local/share/sallyport`.
    data: Path = field(default=Path(), metadata={"derived": True})
    #: Where the database is: `sqlite:///FILE` or `postgresql+psycopg://USER:PASSWORD@HOST/NAME`. By default a SQLite
    #: file in the data folder.
    database_url: str = field(default="", repr=False, metadata={"derived": True, "schemes": _DATABASES})
    #: How long a start waits for a PostgreSQL server to answer, in seconds.
    database_wait_seconds: int = field(default=30, metadata={"range": (0, 3_600)})
    #: The address under which others reach this server, without a path; callback addresses and links in mails begin
    #: with it. By default made of host and port.
    public_url: str = field(default="", metadata={"derived": True, "origin": True})
    #: The reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or CIDR blocks,
    #: separated by commas. Without any, a request came from whoever connected.
    trusted_proxies: tuple[str, ...] = field(default=(), metadata={"networks": True})
    #: The mail server. Without it a mailbox on loopback takes every mail; `sallyport mail` lists them.
    smtp_host: str | None = None
    #: The mail server's port. By default 25, 587 with `starttls`, 465 with `implicit`.
    smtp_port: int = field(default=0, metadata={"derived": True, "range": (1, 65535)})
    #: How the connection to the mail server is encrypted: `none`, `starttls` or `implicit`.
    smtp_tls: SmtpTls = "starttls"
    #: The name to sign in with at the mail server; without it nobody signs in.
    smtp_user: str | None = None
    #: The password to sign in with at the mail server.
    smtp_password: str | None = field(default=None, repr=False)
    #: The sender of mails that name none.
    from_address: str = field(default="sallyport@localhost", metadata={"mail_address": True})
    #: The port of the built-in mailbox on loopback; 0 takes a free one.
    mailbox_port: int = field(default=0, metadata={"range": (0, 65535)})
    #: What playbooks may call although it is loopback, link-local or private: host names, `host:port`, `*.domain`,
    #: addresses or CIDR blocks, separated by commas.
    egress_allow: tuple[str, ...] = ()
    #: Whether playbooks may call addresses of private networks that are not in `egress_allow`: `allow` or `deny`.
    #: Loopback and link-local addresses always need an entry, and cloud metadata one that names the address.
    egress_private: EgressPrivate = "allow"
    #: The largest request body that the server takes, in bytes.
    body_limit_bytes: int = field(default=104_857_600, metadata={"range": (1024, 2**40)})
    #: How many days the history of a run is kept, from the start of the run.
    history_retention_days: int = field(default=90, metadata={"range": (1, 36_500)})
    #: How many days an alert is kept, from its `createdDateTime`, with its hits; an incident goes with its last alert.
    #: 0 keeps them until somebody deletes them.
    alert_retention_days: int = field(default=0, metadata={"range": (0, 36_500)})
    #: How many days an event of the audit log is kept; 0 keeps them for ever.
    audit_retention_days: int = field(default=365, metadata={"range": (0, 36_500)})
    #: How much room is set aside on the disk of a SQLite database, in bytes, to be given up when the disk is full, so
    #: that retention can delete; 0 for none. The log of the database alone may need 64 MB of it.
    reserve_bytes: int = field(default=100_663_296, metadata={"range": (0, 2**40)})
    #: How far back a new indicator is looked for in the stored alerts, in days.
    match_days: int = field(default=30, metadata={"range": (1, 3_650)})
    #: The ids of the Sentinel workspaces for which this server takes uploads of STIX objects, separated by commas.
    #: Without any it takes those for every workspace.
    workspace_ids: tuple[str, ...] = ()
    #: Whether an indicator must have every property that Microsoft documents as required; else only those that make it
    #: work: the product, the expiry, and something to look for.
    strict_indicators: bool = False
    #: How many days an indicator is kept after it has expired; nobody is shown it any more.
    indicator_retention_days: int = field(default=30, metadata={"range": (1, 36_500)})
    #: How many days a run may take before it is ended as timed out.
    run_duration_days: int = field(default=90, metadata={"range": (1, 3_650)})
    #: The Graph that the Microsoft Graph Security connector calls. Without it this server's own, without leaving the
    #: process.
    graph_base_url: str | None = field(default=None, metadata={"schemes": ("http", "https")})
    #: The folder of connectors beside those that come with sallyport: a folder for each, named after its API, with
    #: `swagger.json` and `connection.json`.
    custom_connectors: Path | None = None
    #: The tenant that tokens are issued for, a GUID. Without it one is drawn at the first start and kept.
    tenant_id: str | None = field(default=None, metadata={"guid": True})
    #: How long an access token holds, in seconds.
    token_lifetime_seconds: int = field(default=3600, metadata={"range": (60, 3_600)})
    #: Whether a token is also taken from an `Authorization` header that lacks the word `Bearer`, as some scripts send
    #: it. `sallyport up --demo` takes it unless this says no.
    accept_bare_tokens: bool = False
    #: How many requests an application may make of the Graph surface: `off` for any number, `like-graph` for the limits
    #: that Microsoft documents, answered 429 with `Retry-After`. Processes on one PostgreSQL database count together,
    #: to within about a second.
    throttle: ThrottleProfile = "off"
    #: Numbers of requests that differ from those of `like-graph`, by scope: `any` (in a second), `security`,
    #: `indicators` and `stix` (in a minute), `subscriptions` (in 20 seconds). `SALLYPORT_THROTTLE_LIMITS_SECURITY`, or
    #: `security` below `[throttle_limits]`.
    throttle_limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    #: How many runs are worked on at the same time; what is waiting for a timer or an answer does not count.
    max_concurrent_runs: int = field(default=100, metadata={"range": (1, 100_000)})
    #: How many processes read the alerts of large bodies; 0 for the server's own alone. They run only while there is
    #: something to read. Where nothing is said: 2, or none on a machine with one processor.
    reading_processes: int | None = field(default=None, metadata={"range": (0, 64)})
    #: How long an outbound request, and a caller of a synchronous workflow, waits for its response, in seconds.
    request_timeout_seconds: int = field(default=120, metadata={"range": (1, 3_600)})
    #: How long the database may take to answer one read, in seconds; a query that takes longer is answered 504.
    read_timeout_seconds: int = field(default=30, metadata={"range": (1, 3_600)})
    #: The least serious event that is logged: `debug`, `info`, `warning` or `error`.
    log_level: LogLevel = "info"
    #: How an event is logged: `text` for people, `json` for programs, one object on a line.
    log_format: LogFormat = "text"
    #: The address of an OpenTelemetry collector that takes OTLP by http, such as `http://127.0.0.1:4318`; traces go to
    #: `/v1/traces` below it. Needs `sallyport[opentelemetry]`. Without it no traces are made.
    otlp_endpoint: str | None = field(default=None, metadata={"schemes": ("http", "https")})
    #: Limits of definitions that differ from Azure's, each a positive integer: `SALLYPORT_LIMITS_ACTIONS`, or `actions`
    #: below `[limits]`.
    limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    #: What the expression `@appsetting('Name')` answers: `SALLYPORT_APP_SETTINGS_Name`, or `Name` below
    #: `[app_settings]`.
    app_settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)


#: Variables that begin like settings and are read by commands, not kept here.
_NOT_SETTINGS = frozenset({"SETTINGS", "URL", "TOKEN", "MASTER_KEY", "BACKUP_PASSPHRASE"})
#: How much a variable must have in common with a setting, from 0 to 1, to be a slip of it.
_LIKENESS = 0.85
_FIELDS: Mapping[str, dataclasses.Field[Any]] = MappingProxyType(
    {each.name: each for each in dataclasses.fields(Settings)}
)


def load(
    environ: Mapping[str, str],
    file: Path | None = None,
    given: Mapping[str, object] | None = None,
    otherwise: Mapping[str, object] | None = None,
) -> Settings:
    """Read the settings of a process from its environment, a TOML file and what its command line gave.

    Without `file`, the one that `SALLYPORT_SETTINGS` names is read; what is None in `given` was not given; `otherwise`
    stands where a command has defaults of its own. Raises InvalidSetting, whose name is the variable, key or option to
    look at.
    """
    values: dict[str, Any] = {"data": _user_data(environ), **(otherwise or {})}
    named = environ.get(f"{PREFIX}SETTINGS")
    for source in (
        _from_file(file or (Path(named) if named else None)),
        _from_environment(environ),
        _from_command_line(given or {}),
    ):
        for name, (origin, raw) in source.items():
            values[name] = _read(_FIELDS[name], origin, raw)
    if values.get("port") == 0:
        values.setdefault("https_port", 0)
    settings = Settings(**values)
    _check_tls(settings)
    settings = dataclasses.replace(settings, http_host=settings.http_host or _http_host(settings))
    return dataclasses.replace(
        settings,
        data=settings.data.expanduser().absolute(),
        database_url=settings.database_url or f"sqlite:///{settings.data.expanduser().absolute() / 'sallyport.db'}",
        public_url=(settings.public_url or _own_url(settings)).rstrip("/"),
        smtp_port=settings.smtp_port or _SMTP_PORTS[settings.smtp_tls],
    )


def _read(declared: dataclasses.Field[Any], origin: str, raw: object) -> object:
    try:
        return settings_values.read(str(declared.type), raw, declared.metadata, choices=_CHOICES.get(declared.name, ()))
    except settings_values.UnusableError as wrong:
        problem = f"{wrong.shown(secret=not declared.repr)} is not usable"
        raise InvalidSetting(origin, problem, wrong.allowed) from None


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "smtp_tls": get_args(SmtpTls),
    "tls": get_args(Tls),
    "egress_private": get_args(EgressPrivate),
    "throttle": get_args(ThrottleProfile),
    "log_level": get_args(LogLevel),
    "log_format": get_args(LogFormat),
}
#: Settings that hold names of their own.
_TABLES = ("limits", "throttle_limits", "app_settings")


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, object]]:
    found: dict[str, tuple[str, object]] = {
        name: (f"{PREFIX}{name.upper()}", environ[f"{PREFIX}{name.upper()}"])
        for name in _FIELDS
        if name not in _TABLES and environ.get(f"{PREFIX}{name.upper()}", "") != ""
    }
    for table in _TABLES:
        prefix = f"{PREFIX}{table.upper()}_"
        entries = {name.removeprefix(prefix): value for name, value in environ.items() if name.startswith(prefix)}
        if entries:
            named = entries if table == "app_settings" else {name.lower(): value for name, value in entries.items()}
            found[table] = (f"{prefix}...", named)
    return found


def ignored(environ: Mapping[str, str]) -> dict[str, str]:
    """Answer the variables that begin like settings and are none, each with the one that may be meant, or nothing.

    They are no error: what starts containers makes variables of its own after the names of its services.
    """
    known = {f"{PREFIX}{name.upper()}" for name in (*_FIELDS, *_NOT_SETTINGS)}
    tables = tuple(f"{PREFIX}{table.upper()}_" for table in _TABLES)
    unknown = [name for name in environ if name.startswith(PREFIX) and not name.startswith(tables)]
    return {
        name: next(iter(difflib.get_close_matches(name, known, 1, _LIKENESS)), "")
        for name in sorted({*unknown} - known)
    }


def _from_command_line(given: Mapping[str, object]) -> dict[str, tuple[str, object]]:
    return {name: (f"--{name.replace('_', '-')}", value) for name, value in given.items() if value is not None}


def _from_file(file: Path | None) -> dict[str, tuple[str, object]]:
    if file is None:
        return {}
    try:
        document = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as wrong:
        raise InvalidSetting(
            str(file), f"the file cannot be read ({wrong})", "it must be a TOML file in UTF-8"
        ) from None
    flat: dict[str, tuple[str, object]] = {}
    for key, value in document.items():
        nested = isinstance(value, dict) and key not in _TABLES
        for name, each in (
            {f"{key}_{inner}": part for inner, part in value.items()} if nested else {key: value}
        ).items():
            if name not in _FIELDS:
                raise InvalidSetting(
                    f"{name} in {file}", "there is no such setting", f"there are: {', '.join(_FIELDS)}"
                )
            flat[name] = (f"{name} in {file}", each)
    return flat


def _user_data(environ: Mapping[str, str]) -> Path:
    """Answer where a user's programs keep their data, as each system has it."""
    home = Path(environ.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "sallyport"
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "sallyport"
    return Path(environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "sallyport"


def loopback(host: str) -> bool:
    """Answer whether an address to listen on is reached from this machine alone."""
    return host.lower() in ("localhost", "::1") or host.startswith("127.")


def _check_tls(settings: Settings) -> None:
    if settings.tls == "files":
        for name in ("tls_certificate", "tls_key"):
            if getattr(settings, name) is None:
                raise InvalidSetting(name, "it is missing", "`tls` is `files`, which needs the path of a PEM file here")
    if settings.tls == "none" and settings.proxy_port is not None:
        raise InvalidSetting("proxy_port", "the proxy needs https", "set `tls` to `local` or `files`")


def _http_host(settings: Settings) -> str:
    if settings.tls == "none" or loopback(settings.host):
        return settings.host
    return "::1" if ":" in settings.host else "127.0.0.1"


def url(scheme: str, host: str, port: int) -> str:
    """Answer the address under which this machine reaches what listens on a host and port."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"{scheme}://{f'[{host}]' if ':' in host and '[' not in host else host}:{port}"


def _own_url(settings: Settings) -> str:
    """Answer the address that reaches furthest: http on this machine, https where only that leaves it."""
    if settings.tls == "none" or loopback(settings.host) or settings.host in ("0.0.0.0", "::"):  # noqa: S104
        return url("http", settings.http_host, settings.port)
    return url("https", settings.host, settings.https_port)
