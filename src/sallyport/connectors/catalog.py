"""The connectors that there are: those that come with the house, one folder each, and those that somebody adds.

The rule: a folder holds `swagger.json`, what the connector can do, and `properties.json`, how it looks and what a
connection to it needs; nothing about a connector is said anywhere else.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

import orjson

from sallyport import errors
from sallyport.connectors import swagger_document
from sallyport.connectors.credentials import Anonymous, Credential
from sallyport.connectors.swagger import Found, InvalidSwagger, Swagger

#: The folder of each connector that comes with the house, by its API's id.
FOLDERS: Mapping[str, str] = {
    "microsoftgraphsecurity": "graph_security",
    "office365": "office365",
    "smtp": "smtp",
}
#: APIs that have the operations of another one.
#: Deviation: the connector `outlook` (Outlook.com) sends mail as `office365` does, through the configured mail server.
SAME_AS: Mapping[str, str] = {"outlook": "office365"}


class UnknownConnector(errors.NotFound):
    """Raised when a connection belongs to an API that no connector is there for."""

    code = "ConnectorNotFound"

    def __init__(self, api: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no connector '{api}'. There are: {', '.join(sorted(known))}.")
        self.api = api


class UnknownOperation(errors.NotFound):
    """Raised when a connector has no operation at a method and path."""

    code = "OperationNotFound"

    def __init__(self, connector: Connector, method: str, path: str) -> None:
        shown = [f"{each.method} {each.path}" for each in connector.swagger.operations]
        more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
        super().__init__(
            f"The connector '{connector.api}' has no operation {method.upper()} {path[:200]}. "
            f"It has: {', '.join(shown[:_SHOWN])}{more}."
        )
        self.api = connector.api
        self.method = method
        self.path = path


#: As many operations as a message lists.
_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector."""

    #: In lower case, without `shared_`.
    api: str
    swagger: Swagger
    #: The folder of its own code; empty for one that was added.
    folder: str = ""
    #: Such as `#0078d4`.
    brand_color: str = "#5c5c5c"
    #: An image as a `data:` URI; may be empty.
    icon_uri: str = ""
    #: What a connection to it needs, as Azure's `connectionParameters`.
    connection_parameters: Mapping[str, Any] = field(default_factory=dict)
    #: Where it is, when its document does not say or somebody chose another place; without a slash at the end.
    url: str = ""
    credential: Credential = field(default_factory=Anonymous)

    def find(self, method: str, path: str) -> Found:
        """Answer the operation at a method and path.

        Raises UnknownOperation.
        """
        found = self.swagger.match(method, path)
        if found is None:
            raise UnknownOperation(self, method, path)
        return found

    def exported(self) -> dict[str, Any]:
        """Answer the document as designers expect it: every path below `/{connectionId}`."""
        document = copy.deepcopy(dict(self.swagger.raw))
        connection = {
            "name": "connectionId", "in": "path", "required": True, "type": "string", "x-ms-visibility": "internal",
        }  # fmt: skip
        paths = {}
        for path, item in document["paths"].items():
            if "{connectionId}" not in path:
                item["parameters"] = [connection, *item.get("parameters", ())]
            paths[path if "{connectionId}" in path else f"/{{connectionId}}{path}"] = item
        document["paths"] = paths
        return document


def api_id(text: str) -> str:
    """Answer the id of an API from any way to write it: its last segment, in lower case, without `shared_`."""
    name = text.rstrip("/").rsplit("/", 1)[-1].casefold().removeprefix("shared_")
    return SAME_AS.get(name, name)


def built_in() -> dict[str, Connector]:
    """Read the connectors that come with the house, by the id of their API."""
    return {api: _read(api, folder) for api, folder in FOLDERS.items()}


def custom(
    api: str,
    document: object,
    *,
    url: str = "",
    credential: Credential | None = None,
    properties: Mapping[str, Any] | None = None,
) -> Connector:
    """Answer a connector made of a Swagger 2.0 or OpenAPI 3 document.

    Raises InvalidSwagger, also when neither the document nor `url` says where the service is.
    """
    read = swagger_document.read(document)
    if not (url or read.url):
        raise InvalidSwagger("", "the document names no host, so it must be given beside it.")
    return _connector(api_id(api), read, properties or {}, url=(url or read.url).rstrip("/"), credential=credential)


def _read(api: str, folder: str) -> Connector:
    place = resources.files(__package__).joinpath(folder)
    properties = orjson.loads(place.joinpath("properties.json").read_bytes())
    read = swagger_document.read(orjson.loads(place.joinpath("swagger.json").read_bytes()))
    return _connector(api, read, properties, folder, read.url)


def _connector(
    api: str,
    read: Swagger,
    properties: Mapping[str, Any],
    folder: str = "",
    url: str = "",
    credential: Credential | None = None,
) -> Connector:
    return Connector(
        api=api,
        swagger=read,
        folder=folder,
        brand_color=str(properties.get("iconBrandColor") or "#5c5c5c"),
        icon_uri=str(properties.get("iconUri") or ""),
        connection_parameters=properties.get("connectionParameters") or {},
        url=url,
        credential=credential or Anonymous(),
    )
