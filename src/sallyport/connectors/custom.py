"""Connectors that the operator adds: a folder for each, named after its API.

`swagger.json` says what the connector can do, as Swagger 2.0 or OpenAPI 3; `connection.json`, where the service is and
how to sign in there: `{"url", "parameterValues"}`, named as in Azure's `Microsoft.Web/connections`. The rule to know: a
secret stands in neither. A value is an expression such as `@appsetting('TICKETS_KEY')`, and in no message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from sallyport import errors
from sallyport.clock import Clock
from sallyport.connectors import catalog, credentials
from sallyport.connectors.catalog import Connector
from sallyport.connectors.client_tokens import ClientTokens
from sallyport.connectors.credentials import Anonymous, Bearer, Credential
from sallyport.connectors.outside import HttpPort
from sallyport.connectors.swagger import InvalidSwagger, Swagger
from sallyport.wdl import strict_json
from sallyport.wdl.errors import ExpressionError
from sallyport.wdl.scope import ContextScope
from sallyport.wdl.template import compile_template
from sallyport.wdl.values import Json

DOCUMENT, CONNECTION = "swagger.json", "connection.json"
_MEMBERS = ("url", "parameterValues")
_LOGIN = "https://login.microsoftonline.com"


class InvalidConnector(errors.SallyportError):
    """Raised when a folder holds no connector that can be used."""

    code = "InvalidConnector"

    def __init__(self, place: Path, problem: str) -> None:
        super().__init__(f"The connector cannot be used: '{place}': {problem}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Means:
    """What a connector signs in with."""

    http: HttpPort
    clock: Clock
    #: What `@appsetting('Name')` answers.
    app_settings: Mapping[str, str]


def folders(place: Path | None) -> dict[str, Path]:
    """Answer the folders of the connectors in a folder, by the id of their API; without a folder there are none.

    Raises InvalidConnector.
    """
    if place is None:
        return {}
    try:
        found = sorted(each for each in place.iterdir() if each.is_dir() and not each.name.startswith("."))
    except OSError as error:
        raise InvalidConnector(place, f"the folder cannot be read: {error.strerror or error}.") from error
    return {catalog.api_id(each.name): each for each in found}


def described(place: Path | None) -> dict[str, Connector]:
    """Answer the connectors in a folder by their ids, as far as their documents go; broken ones are left out.

    Raises InvalidConnector for the folder itself.
    """
    found = {api: _described(api, folder) for api, folder in folders(place).items()}
    return {api: connector for api, connector in found.items() if connector is not None}


def _described(api: str, folder: Path) -> Connector | None:
    try:
        return catalog.custom(api, _json(folder / DOCUMENT), url="https://sallyport.invalid")
    except (InvalidConnector, InvalidSwagger):
        return None  # a server that is started with it says why


def read(place: Path | None, means: Means) -> list[Connector]:
    """Answer the connectors in a folder.

    Raises InvalidConnector.
    """
    return [_read(api, folder, means) for api, folder in folders(place).items()]


def _read(api: str, folder: Path, means: Means) -> Connector:
    document = _json(folder / DOCUMENT)
    stated = _json(folder / CONNECTION) if (folder / CONNECTION).exists() else {}
    if not isinstance(stated, dict) or not isinstance(stated.get("parameterValues", {}), dict):
        raise InvalidConnector(folder / CONNECTION, "an object with 'url' and 'parameterValues' is expected.")
    for name in stated:
        if name not in _MEMBERS:
            raise InvalidConnector(folder / CONNECTION, f"it may hold {' and '.join(_MEMBERS)}; '{name}' is neither.")
    url = _text(folder, "url", stated.get("url", ""), means.app_settings)
    values = {
        name: _text(folder, name, value, means.app_settings)
        for name, value in stated.get("parameterValues", {}).items()
    }
    try:
        connector = catalog.custom(api, document, url=url)
    except InvalidSwagger as error:
        raise InvalidConnector(folder / DOCUMENT, error.message) from None
    if urlsplit(connector.url).scheme not in ("http", "https"):
        raise InvalidConnector(folder, f"'{connector.url}' is no address of a service: http or https is expected.")
    return replace(connector, credential=_credential(folder, connector, values, means))


def _json(file: Path) -> Any:
    try:
        return strict_json.read(file.read_bytes())[0]
    except OSError as error:
        raise InvalidConnector(file, f"the file cannot be read: {error.strerror or error}.") from error
    except strict_json.InvalidJsonError as error:
        raise InvalidConnector(file, error.message) from None


def _text(folder: Path, name: str, value: Json, app_settings: Mapping[str, str]) -> str:
    """Answer a value of a connection once its expressions are evaluated."""
    try:
        found = compile_template(value).evaluate(ContextScope({"appsettings": dict(app_settings)}))
    except ExpressionError as error:
        raise InvalidConnector(folder / CONNECTION, f"'{name}': {error.message}") from None
    if not isinstance(found, str):
        raise InvalidConnector(folder / CONNECTION, f"'{name}' must be a text.")
    return found


def _credential(folder: Path, connector: Connector, values: Mapping[str, str], means: Means) -> Credential:
    named = {name.casefold(): value for name, value in values.items()}
    if "token:clientid" in named:
        return Bearer(_tokens(folder, connector, named, means).token)
    credential = credentials.stated(connector.swagger.security, values)
    if values and isinstance(credential, Anonymous):
        # A name that was misspelt must not become calls without a credential.
        asked = ", ".join(str(each.get("type")) for each in connector.swagger.security.values()) or "nothing"
        text = f"the parameterValues {', '.join(values)} are not what the document asks for, which is: {asked}."
        raise InvalidConnector(folder / CONNECTION, text)
    return credential


def _tokens(folder: Path, connector: Connector, named: Mapping[str, str], means: Means) -> ClientTokens:
    """Answer the tokens of a service principal, given by the names that Azure has for it."""
    grant, tenant = named.get("token:granttype", "client_credentials"), named.get("token:tenantid", "")
    if grant != "client_credentials" or not named.get("token:clientsecret"):
        text = "with 'token:clientId' it must have 'token:clientSecret', and a 'token:grantType' of client_credentials."
        raise InvalidConnector(folder / CONNECTION, text)
    form = {"client_id": named["token:clientid"], "client_secret": named["token:clientsecret"]}
    if not tenant:
        url = _token_url(connector.swagger)
        if not url:
            text = "it must have 'token:tenantId', because the document names no tokenUrl."
            raise InvalidConnector(folder / CONNECTION, text)
    else:
        url = f"{named.get('token:loginuri', _LOGIN).rstrip('/')}/{quote(tenant, safe='')}/oauth2/token"
        parts = urlsplit(connector.url)
        form["resource"] = f"{parts.scheme}://{parts.netloc}"
    if "token:resourceuri" in named:
        form["resource"] = named["token:resourceuri"]
    return ClientTokens(means.http, means.clock, url, form)


def _token_url(swagger: Swagger) -> str:
    """Answer where a document says that tokens are given to a client for itself; empty when it does not."""
    for scheme in swagger.security.values():
        flows = scheme.get("flows")
        flow = flows.get("clientCredentials") if isinstance(flows, dict) else scheme
        url = flow.get("tokenUrl") if isinstance(flow, dict) else None
        if isinstance(url, str) and url:
            return url
    return ""
