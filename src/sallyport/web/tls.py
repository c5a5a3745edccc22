"""What https shows to a client: the operator's certificate or one of the local authority, kept fresh while serving.

The rule: a name chooses between certificates, never between rights; whoever connects still has to bring a token.
Deviation: the hosts of Microsoft's clouds are answered by this server where the proxy for built-in hosts is on.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from sallyport.clock import Clock
from sallyport.errors import SallyportError
from sallyport.settings import InvalidSetting, Settings
from sallyport.web import local_authority

log = structlog.stdlib.get_logger(__name__)

#: Hosts that programs for Microsoft's cloud carry in their code.
BUILT_IN_HOSTS = (
    "graph.microsoft.com",
    "login.microsoftonline.com",
    "management.azure.com",
    "api.ti.sentinel.azure.com",
)
_ALWAYS = ("localhost", "127.0.0.1", "::1")
#: How often a certificate is looked at while the server runs.
LOOK_SECONDS = 3600.0


class CertificateUnusable(SallyportError):
    """Raised when the operator's certificate or its key cannot be used."""

    code = "CertificateUnusable"
    status = 500

    def __init__(self, certificate: Path, key: Path, reason: str) -> None:
        super().__init__(f"https cannot use the certificate '{certificate}' with the key '{key}': {reason}.")
        self.certificate = certificate
        self.key = key


@dataclass(slots=True)
class Tls:
    """The certificates of one process."""

    settings: Settings
    clock: Clock
    context: ssl.SSLContext = field(init=False)
    _built_in: ssl.SSLContext | None = None
    _shown: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        self.context = _context()
        if self.settings.proxy_port is not None:
            self._built_in = _context()
            self.context.sni_callback = self._by_name
        self.refresh()

    def refresh(self) -> None:
        """Load what has changed or is about to end; connections that are open keep what they have.

        Raises CertificateUnusable and LocalAuthorityUnusable.
        """
        chosen = self.settings
        if chosen.tls == "files" and chosen.tls_certificate is not None and chosen.tls_key is not None:
            self._load_files(chosen.tls_certificate, chosen.tls_key)
        if chosen.tls == "local" or self._built_in is not None:
            self._load_local()

    async def keep_fresh(self) -> None:
        """Look at the certificates from time to time; one that cannot be loaded leaves the former in use."""
        while True:
            await self.clock.sleep(LOOK_SECONDS)
            try:
                self.refresh()
            except (SallyportError, OSError) as error:
                log.error("tls.not_refreshed", reason=str(error))

    def _load_files(self, certificate: Path, key: Path) -> None:
        try:
            seen = (certificate.stat().st_mtime_ns, key.stat().st_mtime_ns)
            if seen != self._shown:
                # An empty password: a key that has one is refused rather than asked for at a terminal. The trial
                # keeps a pair that does not fit from spoiling what is in use.
                _context().load_cert_chain(certificate, key, password="")
                self.context.load_cert_chain(certificate, key, password="")
                self._shown = seen
        except ssl.SSLError as error:
            raise CertificateUnusable(certificate, key, _reason(error)) from error
        except OSError as error:
            raise CertificateUnusable(certificate, key, f"{error.strerror or error}") from error

    def _load_local(self) -> None:
        now = self.clock.now()
        own = own_hosts(self.settings) if self.settings.tls == "local" else ()
        built_in = BUILT_IN_HOSTS if self._built_in is not None else ()
        authority = local_authority.opened(self.settings.data, (*own, *built_in), now)
        if own:
            self.context.load_cert_chain(authority.leaf("server.pem", own, now))
        if self._built_in is not None:
            self._built_in.load_cert_chain(authority.leaf("built-in-hosts.pem", built_in, now))

    def _by_name(self, connection: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> None:
        if self._built_in is not None and name is not None and name.lower() in BUILT_IN_HOSTS:
            connection.context = self._built_in


def own_hosts(chosen: Settings) -> Sequence[str]:
    """Answer the names under which clients reach this server; raises InvalidSetting."""
    listening = () if chosen.host in ("0.0.0.0", "::") else (chosen.host,)  # noqa: S104
    public = urlsplit(chosen.public_url).hostname or "localhost"
    try:
        return tuple(dict.fromkeys(_normal(each) for each in (*_ALWAYS, *listening, public)))
    except UnicodeError:
        raise InvalidSetting("public_url", "no certificate can name its host", "it must be a host's name") from None


def _normal(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower().encode("idna").decode()


def _context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    made.set_alpn_protocols(["http/1.1"])
    return made


def _reason(error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return "they do not belong together"
    return "one of them is no PEM file of its kind, or the key has a password"
