"""Microsoft's own SDKs against a real server over https, installed from PyPI and unmodified.

The rule: what the house has to do with them is the three lines that a user changes: the authority, the certificate to
trust, and the address.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
import msgraph
import msgraph_beta
import pytest
from azure.identity import ClientSecretCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph_core import GraphClientFactory

import processes
from processes import Server

#: What the surroundings of a test may hold that would lead a client elsewhere.
_MISLEADING = (
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "AZURE_AUTHORITY_HOST"),
    *("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"),
)
#: Every permission that the SDKs' calls need.
PERMISSIONS = ("SecurityEvents.ReadWrite.All", "ThreatIndicators.ReadWrite.OwnedBy")


class Wire(httpx.AsyncHTTPTransport):
    """What really goes over the wire, beneath everything that an SDK does by itself."""

    def __init__(self, trusting: ssl.SSLContext) -> None:
        super().__init__(verify=trusting)
        self.exchanges: list[tuple[httpx.Request, httpx.Response]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        # A retry changes the headers of the same request.
        sent = httpx.Request(request.method, request.url, headers=request.headers.raw, content=request.content)
        response = await super().handle_async_request(request)
        self.exchanges.append((sent, response))
        return response


@dataclass
class Sdk:
    """One application's way to the server."""

    server: Server
    client_id: str
    client_secret: str
    tenant: str = "contoso.example"
    wires: list[Wire] = field(default_factory=list)

    @cached_property
    def host(self) -> str:
        """Where the server answers https."""
        return self.server.told("https_url")

    @cached_property
    def credential(self) -> ClientSecretCredential:
        """A credential as every guide shows it, with this server as its authority."""
        return ClientSecretCredential(
            self.tenant,
            self.client_id,
            self.client_secret,
            authority=self.host,
            disable_instance_discovery=True,
            connection_verify=str(self.server.authority_file),
        )

    def token(self) -> str:
        """Answer a token for requests of a test's own."""
        return str(self.credential.get_token("https://graph.microsoft.com/.default").token)

    def http(self) -> httpx.Client:
        """A plain client with a token, for what a test arranges."""
        trusting = ssl.create_default_context(cafile=str(self.server.authority_file))
        headers = {"Authorization": f"Bearer {self.token()}"}
        return httpx.Client(base_url=self.host, verify=trusting, trust_env=False, headers=headers, timeout=30)

    @asynccontextmanager
    async def v1(self) -> AsyncIterator[Any]:
        """A client of msgraph-sdk."""
        async with self._adapter(msgraph.GraphRequestAdapter, "v1.0") as adapter:
            yield msgraph.GraphServiceClient(request_adapter=adapter)

    @asynccontextmanager
    async def beta(self) -> AsyncIterator[Any]:
        """A client of msgraph-beta-sdk."""
        async with self._adapter(msgraph_beta.GraphRequestAdapter, "beta") as adapter:
            yield msgraph_beta.GraphServiceClient(request_adapter=adapter)

    @property
    def last(self) -> list[tuple[httpx.Request, httpx.Response]]:
        """Answer what the newest client sent and got."""
        return self.wires[-1].exchanges

    @asynccontextmanager
    async def _adapter(self, kind: Any, version: str) -> AsyncIterator[Any]:
        wire = Wire(ssl.create_default_context(cafile=str(self.server.authority_file)))
        self.wires.append(wire)
        scopes = ["https://graph.microsoft.com/.default"]
        async with httpx.AsyncClient(transport=wire, timeout=30) as plain:
            client = GraphClientFactory.create_with_default_middleware(client=plain)
            signed_in = AzureIdentityAuthenticationProvider(self.credential, scopes=scopes, allowed_hosts=[])
            adapter = kind(signed_in, client)
            adapter.base_url = f"{self.host}/{version}"
            yield adapter
        await wire.aclose()


@contextmanager
def running(folder: Path, *arguments: str, **more: str) -> Iterator[Sdk]:
    """Start a server and register an application with every permission."""
    with pytest.MonkeyPatch.context() as around:
        for name in _MISLEADING:
            around.delenv(name, raising=False)
        with processes.server(folder, *arguments, **more) as server:
            yield registered(server, "SDK")


def registered(server: Server, name: str, *permissions: str) -> Sdk:
    """Register one more application."""
    asked = [word for permission in permissions or PERMISSIONS for word in ("--permission", permission)]
    made = server.json("client", "add", name, *asked)
    return Sdk(server, made["clientId"], made["clientSecret"])
