"""What a deployment knows: its subscription, group, location and time, and how to ask a running target.

The rule to know: without a way to ask, a value that only a running target has becomes a `Placeholder` under the
reserved host `sallyport.invalid`, and is listed in the import report, so that who deploys can put the real value there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sallyport.arm.values import Json

#: The reserved host (RFC 2606) of addresses that stand for values of running targets.
PLACEHOLDER_HOST = "sallyport.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where a template is deployed. The defaults are those of a local installation."""

    subscription_id: str = "00000000-0000-0000-0000-000000000000"
    subscription_name: str = "sallyport"
    tenant_id: str = "00000000-0000-0000-0000-000000000000"
    resource_group: str = "sallyport"
    location: str = "local"
    deployment_name: str = "import"
    #: The time of the deployment (aware); without it `utcNow()` answers the start of the year 2000, with a note.
    now: datetime | None = None
    #: From the resource id of a trigger to its callback address; None when the target does not exist (yet).
    resolve_callback_url: Callable[[str], str | None] | None = None
    #: From a resource id (or name) to what `reference()` answers.
    resolve_reference: Callable[[str], Json] | None = None
    #: From the name of a `list...` function and a resource id to its answer.
    resolve_list: Callable[[str, str], Json] | None = None


LOCAL = Environment()

#: What `environment()` answers: the public cloud, as templates compare with it.
AZURE_CLOUD: dict[str, Json] = {
    "name": "AzureCloud",
    "gallery": "https://gallery.azure.com/",
    "graph": "https://graph.windows.net/",
    "portal": "https://portal.azure.com",
    "graphAudience": "https://graph.windows.net/",
    "activeDirectoryDataLake": "https://datalake.azure.net/",
    "batch": "https://batch.core.windows.net/",
    "media": "https://rest.media.azure.net",
    "resourceManager": "https://management.azure.com/",
    "sqlManagement": "https://management.core.windows.net:8443/",
    "vmImageAliasDoc": "https://raw.githubusercontent.com/Azure/azure-rest-api-specs/main/arm-compute/quickstart-templates/aliases.json",
    "authentication": {
        "loginEndpoint": "https://login.microsoftonline.com/",
        "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
        "tenant": "common",
        "identityProvider": "AAD",
    },
    "suffixes": {
        "acrLoginServer": ".azurecr.io",
        "azureDatalakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        "azureDatalakeStoreFileSystem": "azuredatalakestore.net",
        "azureFrontDoorEndpointSuffix": "azurefd.net",
        "keyvaultDns": ".vault.azure.net",
        "sqlServerHostname": ".database.windows.net",
        "storage": "core.windows.net",
    },
}
