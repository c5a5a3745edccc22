"""The application permissions that can be granted, by Microsoft's names and ids.

The rule: a permission that is not in this table can be granted to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sallyport import errors

#: Name to the id of the application role; our own ids where Microsoft's permission has none that is public.
#: https://learn.microsoft.com/graph/permissions-reference
PERMISSIONS: Mapping[str, str] = {
    "SecurityEvents.Read.All": "bf394140-e372-4bf9-a898-299cfc7564e5",
    "SecurityEvents.ReadWrite.All": "d903a879-88e0-4c09-b0c9-82f6a1333f84",
    "ThreatIndicators.ReadWrite.OwnedBy": "21792b6c-c986-4ffc-85de-df9da54b52fa",
    "ThreatIndicators.Read.All": "197ee4e9-b993-4066-898f-d6aecc55125b",
    "SecurityAlert.Read.All": "472e4a4d-bb4a-4026-98d1-0b0d74cb74a5",
    "SecurityAlert.ReadWrite.All": "ed4fca05-be46-441f-9803-1873825f8fdb",
    "SecurityIncident.Read.All": "45cc0394-e837-488b-a098-1918f48d186c",
    "SecurityIncident.ReadWrite.All": "34bf0e97-1971-4929-b999-9e2442d941d7",
    # To see and mend what no client may: everybody's subscriptions, and notifications that nobody took.
    "Sallyport.Administer": "6f2c7d3e-41f5-4c55-9d0e-4f6c2a8b1d03",
    # To send alerts and do nothing else: what a sensor needs.
    "Sallyport.Ingest": "6f2c7d3e-41f5-4c55-9d0e-4f6c2a8b1d00",
    # To read the metrics of the server from another machine.
    "Sallyport.Metrics": "6f2c7d3e-41f5-4c55-9d0e-4f6c2a8b1d04",
    # Deviation: Azure guards workflows by roles on the resource group; here an application permission stands for each.
    "LogicApps.Read.All": "6f2c7d3e-41f5-4c55-9d0e-4f6c2a8b1d01",
    "LogicApps.ReadWrite.All": "6f2c7d3e-41f5-4c55-9d0e-4f6c2a8b1d02",
}


class UnknownPermission(errors.BadRequest):
    """Raised when a permission is named that does not exist."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no permission '{name}'. There are: {', '.join(PERMISSIONS)}.")
        self.name = name


def named(names: Iterable[str]) -> tuple[str, ...]:
    """Answer permissions in their own casing, each once; raises `UnknownPermission`."""
    by_lower = {name.lower(): name for name in PERMISSIONS}
    found: dict[str, None] = {}
    for name in names:
        known = by_lower.get(name.strip().lower())
        if known is None:
            raise UnknownPermission(name)
        found[known] = None
    return tuple(found)
