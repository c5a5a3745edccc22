"""Words that mean the same in the two shapes of an alert: products, statuses, verdicts of analysts, registry hives.

The official table names some, the rest is our choice.
Deviation: Microsoft's table maps no status, no feedback and few products; all of them are mapped here.
https://learn.microsoft.com/graph/api/resources/security-api-overview (migration of legacy alerts)
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: The provider of a legacy alert to `serviceSource` and `productName`.
PRODUCTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "Microsoft Defender ATP": ("microsoftDefenderForEndpoint", "Microsoft Defender for Endpoint"),
        "Azure Advanced Threat Protection": ("microsoftDefenderForIdentity", "Microsoft Defender for Identity"),
        "MCAS": ("microsoftDefenderForCloudApps", "Microsoft Defender for Cloud Apps"),
        "IPC": ("azureAdIdentityProtection", "Microsoft Entra ID Protection"),
        "ASC": ("microsoftDefenderForCloud", "Microsoft Defender for Cloud"),
        "Azure Sentinel": ("microsoftSentinel", "Microsoft Sentinel"),
        "Microsoft 365 Defender": ("microsoft365Defender", "Microsoft Defender XDR"),
        "Office 365 Security and Compliance": (
            "microsoftDefenderForOffice365",
            "Microsoft Defender for Office 365",
        ),
    }
)
#: Other names of the same providers.
SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "Windows Defender ATP": "Microsoft Defender ATP",
        "Microsoft Defender Advanced Threat Protection": "Microsoft Defender ATP",
        "Microsoft Cloud App Security": "MCAS",
        "Azure AD Identity Protection": "IPC",
        "Azure Security Center": "ASC",
        "Office 365": "Office 365 Security and Compliance",
    }
)
#: What `serviceSource` is when no product of Microsoft's brought the alert.
OTHER = "unknownFutureValue"
_PROVIDERS = {source: provider for provider, (source, _) in PRODUCTS.items()}

STATUS_TO_V2: Mapping[str, str] = MappingProxyType(
    {
        "unknown": "unknown",
        "newAlert": "new",
        "inProgress": "inProgress",
        "resolved": "resolved",
        "dismissed": "resolved",
    }
)
STATUS_TO_LEGACY: Mapping[str, str] = MappingProxyType(
    {"unknown": "unknown", "new": "newAlert", "inProgress": "inProgress", "resolved": "resolved"}
)
CLASSIFICATION_OF: Mapping[str, str] = MappingProxyType(
    {
        "unknown": "unknown",
        "truePositive": "truePositive",
        "falsePositive": "falsePositive",
        "benignPositive": "informationalExpectedActivity",
    }
)
FEEDBACK_OF: Mapping[str, str] = MappingProxyType({v2: legacy for legacy, v2 in CLASSIFICATION_OF.items()})

#: A hive by the beginning of a key's path, the most telling first.
_HIVES = (
    ("HKEY_LOCAL_MACHINE\\SAM", "localMachineSam"),
    ("HKEY_LOCAL_MACHINE\\SECURITY", "localMachineSecurity"),
    ("HKEY_LOCAL_MACHINE\\SOFTWARE", "localMachineSoftware"),
    ("HKEY_LOCAL_MACHINE\\SYSTEM", "localMachineSystem"),
    ("HKEY_CURRENT_CONFIG", "currentConfig"),
    ("HKEY_CURRENT_USER", "currentUser"),
    ("HKEY_USERS", "usersDefault"),
)
_HIVE_NAMES = {legacy: start.partition("\\")[0] for start, legacy in _HIVES}


def product_of(provider: str | None) -> tuple[str, str | None]:
    """Answer `serviceSource` and `productName` for a legacy alert's provider."""
    name = SYNONYMS.get(provider or "", provider or "")
    return PRODUCTS.get(name) or (OTHER, provider)


def legacy_provider(service_source: str | None, product_name: str | None) -> str | None:
    """Answer the provider of a legacy alert; a product that no table names is its own provider."""
    if service_source in _PROVIDERS:
        return _PROVIDERS[service_source]
    known = next((provider for provider, (_, name) in PRODUCTS.items() if name == product_name), None)
    return known or product_name or service_source


def hive_of(hive: str | None, key: str | None) -> str | None:
    """Answer the legacy name of a registry hive, by its name and the beginning of the key."""
    if not hive:
        return None
    path = f"{hive}\\{key or ''}".upper()
    return next((legacy for start, legacy in _HIVES if path.startswith(start)), "unknown")


def hive_name(legacy: str | None) -> str | None:
    """Answer a registry hive as Windows calls it."""
    return _HIVE_NAMES.get(legacy or "", legacy)
