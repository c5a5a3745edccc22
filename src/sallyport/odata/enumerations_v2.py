"""The enumerations of alerts_v2, incidents and evidence, with the numbers of the v1.0 schema.

Members after `unknownFutureValue` are shown only to clients that ask for them.
"""

from __future__ import annotations

TABLES = {
    "alertClassification": """
        unknown 0, falsePositive 10, truePositive 20, informationalExpectedActivity 30, unknownFutureValue 39
    """,
    "detectionSource": """
        unknown 0, microsoftDefenderForEndpoint 1, antivirus 2, smartScreen 4, customTi 8,
        microsoftDefenderForOffice365 512, automatedInvestigation 1024, microsoftThreatExperts 2048,
        customDetection 4096, microsoftDefenderForIdentity 8192, cloudAppSecurity 16384, microsoft365Defender
        32768, azureAdIdentityProtection 65536, manual 262144, microsoftDataLossPrevention 524288,
        appGovernancePolicy 1048576, appGovernanceDetection 2097152, unknownFutureValue 4194303,
        microsoftDefenderForCloud 4194304, microsoftDefenderForIoT 1073741833, microsoftDefenderForServers
        1073741834, microsoftDefenderForStorage 1073741835, microsoftDefenderForDNS 1073741836,
        microsoftDefenderForDatabases 1073741837, microsoftDefenderForContainers 1073741838,
        microsoftDefenderForNetwork 1073741839, microsoftDefenderForAppService 1073741840,
        microsoftDefenderForKeyVault 1073741841, microsoftDefenderForResourceManager 1073741842,
        microsoftDefenderForApiManagement 1073741843, nrtAlerts 1073741844, scheduledAlerts 1073741845,
        microsoftDefenderThreatIntelligenceAnalytics 1073741846, builtInMl 1073741847,
        microsoftInsiderRiskManagement 1073741848, microsoftThreatIntelligence 1073741849,
        microsoftDefenderForAIServices 1073741850, securityCopilot 1073741851, microsoftSentinel 268435456
    """,
    "alertDetermination": """
        unknown 0, apt 10, malware 20, securityPersonnel 30, securityTesting 40, unwantedSoftware 50, other 60,
        multiStagedAttack 70, compromisedAccount 80, phishing 90, maliciousUserActivity 100, notMalicious 110,
        notEnoughDataToValidate 120, confirmedActivity 130, lineOfBusinessApplication 140, unknownFutureValue
        149
    """,
    "investigationState": """
        unknown 0, terminated 1, successfullyRemediated 2, benign 4, failed 8, partiallyRemediated 16, running
        32, pendingApproval 64, pendingResource 128, queued 512, innerFailure 1024, preexistingAlert 2048,
        unsupportedOs 4056, unsupportedAlertType 8192, suppressedAlert 16384, partiallyInvestigated 32768,
        terminatedByUser 65536, terminatedBySystem 131072, unknownFutureValue 262144
    """,
    "serviceSource": """
        unknown 0, microsoftDefenderForEndpoint 1, microsoftDefenderForIdentity 2, microsoftDefenderForCloudApps
        4, microsoftDefenderForOffice365 8, microsoft365Defender 16, azureAdIdentityProtection 32,
        microsoftAppGovernance 64, dataLossPrevention 128, unknownFutureValue 255, microsoftDefenderForCloud
        256, microsoftSentinel 512, microsoftInsiderRiskManagement 1024, microsoftThreatIntelligence 2048,
        microsoftSecurityForAI 4096
    """,
    "alertSeverity": "unknown 0, informational 32, low 64, medium 128, high 256, unknownFutureValue 511",
    "alertStatus": "unknown 0, new 2, inProgress 4, resolved 8, unknownFutureValue 31",
    "incidentStatus": """
        active 1, resolved 2, inProgress 4, redirected 64, unknownFutureValue 127, awaitingAction 128
    """,
    "evidenceRemediationStatus": """
        none 0, remediated 1, prevented 2, blocked 3, notFound 4, unknownFutureValue 5, active 6,
        pendingApproval 7, declined 8, unremediated 9, running 10, partiallyRemediated 11
    """,
    "evidenceRole": """
        unknown 0, contextual 1, scanned 2, source 3, destination 4, created 5, added 6, compromised 7, edited
        8, attacked 9, attacker 10, commandAndControl 11, loaded 12, suspicious 13, policyViolator 14,
        unknownFutureValue 31
    """,
    "evidenceVerdict": "unknown 0, suspicious 1, malicious 2, noThreatsFound 3, unknownFutureValue 4",
    "aiAgentPlatform": "unknown 0, azureAIFoundry 10, copilotStudio 20, copilot 30, unknownFutureValue 40",
    "defenderAvStatus": """
        notReporting 0, disabled 1, notUpdated 2, updated 3, unknown 4, notSupported 1000, unknownFutureValue
        1023
    """,
    "deviceHealthStatus": """
        active 0, inactive 1, impairedCommunication 2, noSensorData 3, noSensorDataImpairedCommunication 4,
        unknown 5, unknownFutureValue 31
    """,
    "onboardingStatus": "insufficientInfo 0, onboarded 1, canBeOnboarded 2, unsupported 3, unknownFutureValue 31",
    "deviceRiskScore": "none 0, informational 5, low 10, medium 20, high 30, unknownFutureValue 31",
    "detectionStatus": "detected 0, blocked 1, prevented 2, unknownFutureValue 31",
    "fileHashAlgorithm": "unknown 0, md5 1, sha1 2, sha256 3, sha256ac 4, unknownFutureValue 5",
    "googleCloudLocationType": "unknown 0, regional 1, zonal 2, global 3, unknownFutureValue 31",
    "ioTDeviceImportanceType": "unknown 0, low 1, normal 2, high 3, unknownFutureValue 4",
    "kubernetesPlatform": "unknown 0, aks 1, eks 2, gke 3, arc 4, unknownFutureValue 5",
    "kubernetesServiceType": """
        unknown 0, clusterIP 1, externalName 2, nodePort 3, loadBalancer 4, unknownFutureValue 31
    """,
    "mailboxConfigurationType": """
        mailForwardingRule 0, owaSettings 1, ewsSettings 2, mailDelegation 3, userInboxRule 4,
        unknownFutureValue 31
    """,
    "protocolType": "tcp 0, udp 1, unknownFutureValue 2",
    "servicePrincipalType": "unknown 0, application 1, managedIdentity 2, legacy 3, unknownFutureValue 4",
    "teamsMessageDeliveryAction": """
        unknown 0, deliveredAsSpam 1, delivered 2, blocked 3, replaced 4, unknownFutureValue 31
    """,
    "teamsDeliveryLocation": "unknown 0, teams 1, quarantine 2, failed 3, unknownFutureValue 31",
    "antispamTeamsDirection": "unknown 0, inbound 1, outbound 2, intraorg 3, unknownFutureValue 31",
    "vmCloudProvider": "unknown 0, azure 1, unknownFutureValue 15",
    "containerPortProtocol": "udp 0, tcp 1, sctp 2, unknownFutureValue 3",
}
