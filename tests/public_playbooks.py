"""The public playbooks that use Microsoft Graph Security, where they lie beside the checkout; never part of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from workplace import SHARED

FOLDER = SHARED / "corpus"
CONNECTOR = "microsoftgraphsecurity"

#: What the tests call them, and which file each is.
FILES = {
    "block addresses": "Playbooks__Block-IPs-on-MDATP-Using-GraphSecurity__azuredeploy.json",
    "covid indicators": "Playbooks__Get-Microsoft-Covid19-Indicators__C19ImportToSentinel.json",
    "guardicore": "Playbooks__Guardicore-ThreatIntel__azuredeploy.json",
    "recorded future": "Playbooks__RecordedFuture_IP_SCF__RecordedFuture_IP_SCF_ImportToDefenderATP.json",
    "group-ib": "Solutions__Group-IB__Playbooks__GIBIndicatorsProcessor.json",
    "ask the user": "Playbooks__AutomatedSecurityManagementWithUserInput.logicapp.json",
    "mail alerts": "Playbooks__SendEmailWhenNewAlertArrives.json",
    "investigate": "Playbooks__StartAnInvestigationOnTeamsForAUserCorrelatedAcrossMultipleAlerts.json",
}


def path(name: str) -> Path:
    """Answer where a playbook lies, as it was published."""
    (found,) = [each for each in listed() if each.name == FILES[name]]
    return found


def listed() -> list[Path]:
    """Answer every public playbook whose actions or trigger use the connector."""
    index: list[dict[str, Any]] = json.loads((FOLDER / "INDEX.json").read_text("utf-8"))
    users = [each for each in index if CONNECTOR in [*each["connectors"], *each["trigger_connectors"]]]
    return [FOLDER / each["file"] for each in users]
