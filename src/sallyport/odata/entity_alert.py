"""The legacy alert of `/security/alerts`: all properties, complex types and enumerations of the v1.0 schema.

`riskScore` is not in the schema, yet every real alert carries it; the type is open.
Deviation: `matchedIndicators` is our own: the threat intelligence indicators that were found in the alert.
"""

from __future__ import annotations

from types import MappingProxyType

from sallyport.odata import model

NAMESPACE = "microsoft.graph"

#: Product names that mean the same source: the keyword that alerts carry, and the names that people write.
PROVIDER_NAMES = (
    ("ASC", "Azure Security Center"),
    ("Microsoft Defender ATP", "Windows Defender ATP", "Microsoft Defender Advanced Threat Protection"),
    ("MCAS", "Microsoft Cloud App Security"),
    ("IPC", "Azure AD Identity Protection"),
)

ENUMERATIONS = model.enumerations(
    {
        "alertFeedback": "unknown 0, truePositive 1, falsePositive 2, benignPositive 3, unknownFutureValue 127",
        "alertSeverity": "unknown 0, informational 1, low 2, medium 3, high 4, unknownFutureValue 127",
        "alertStatus": "unknown 0, newAlert 1, inProgress 2, resolved 3, dismissed 4, unknownFutureValue 127",
        "connectionDirection": "unknown 0, inbound 1, outbound 2, unknownFutureValue 127",
        "securityNetworkProtocol": """
        unknown -1, ip 0, icmp 1, igmp 2, ggp 3, ipv4 4, tcp 6, pup 12, udp 17, idp 22, ipv6 41,
        ipv6RoutingHeader 43, ipv6FragmentHeader 44, ipSecEncapsulatingSecurityPayload 50,
        ipSecAuthenticationHeader 51, icmpV6 58, ipv6NoNextHeader 59, ipv6DestinationOptions 60, nd 77, raw 255,
        ipx 1000, spx 1256, spxII 1257, unknownFutureValue 32767
    """,
        "connectionStatus": "unknown 0, attempted 1, succeeded 2, blocked 3, failed 4, unknownFutureValue 127",
        "processIntegrityLevel": "unknown 0, untrusted 1, low 2, medium 3, high 4, system 5, unknownFutureValue 127",
        "registryHive": """
        unknown 0, currentConfig 1, currentUser 2, localMachineSam 3, localMachineSecurity 4,
        localMachineSoftware 5, localMachineSystem 6, usersDefault 7, unknownFutureValue 127
    """,
        "registryOperation": "unknown 0, create 1, modify 2, delete 3, unknownFutureValue 127",
        "registryValueType": """
        unknown 0, binary 1, dword 2, dwordLittleEndian 3, dwordBigEndian 4, expandSz 5, link 6, multiSz 7, none
        8, qword 9, qwordlittleEndian 10, sz 11, unknownFutureValue 127
    """,
        "securityResourceType": "unknown 0, attacked 1, related 2, unknownFutureValue 3",
        "emailRole": "unknown 0, sender 1, recipient 2, unknownFutureValue 127",
        "logonType": """
        unknown 0, interactive 1, remoteInteractive 2, network 3, batch 4, service 5, unknownFutureValue 127
    """,
        "userAccountSecurityType": "unknown 0, standard 1, power 2, administrator 3, unknownFutureValue 127",
        "fileHashType": """
        unknown 0, sha1 1, sha256 2, md5 3, authenticodeHash256 4, lsHash 5, ctph 6, unknownFutureValue 127
    """,
        "tiAction": "unknown 0, allow 1, block 2, alert 3, unknownFutureValue 127",
        "tlpLevel": "unknown 0, white 1, green 2, amber 3, red 4, unknownFutureValue 127",
    }
)

STRUCTURES = MappingProxyType(
    model.structures(
        NAMESPACE,
        ENUMERATIONS,
        {
            "alert": """
        id, activityGroupName, alertDetections: alertDetection[], assignedTo, azureSubscriptionId, azureTenantId,
        category, closedDateTime: datetime, cloudAppStates: cloudAppSecurityState[], comments: string[], confidence:
        int32, createdDateTime: datetime, description, detectionIds: string[], eventDateTime: datetime, feedback:
        alertFeedback, fileStates: fileSecurityState[], historyStates: alertHistoryState[], hostStates:
        hostSecurityState[], incidentIds: string[], investigationSecurityStates: investigationSecurityState[],
        lastEventDateTime: datetime, lastModifiedDateTime: datetime, malwareStates: malwareState[],
        messageSecurityStates: messageSecurityState[], networkConnections: networkConnection[], processes:
        process[], recommendedActions: string[], registryKeyStates: registryKeyState[], securityResources:
        securityResource[], severity: alertSeverity, sourceMaterials: string[], status: alertStatus, tags: string[],
        title, triggers: alertTrigger[], uriClickSecurityStates: uriClickSecurityState[], userStates:
        userSecurityState[], vendorInformation: securityVendorInformation, vulnerabilityStates:
        vulnerabilityState[], riskScore, matchedIndicators?: matchedIndicator[]
    """,
            "alertDetection": "detectionType, method, name",
            "cloudAppSecurityState": "destinationServiceIp, destinationServiceName, riskScore",
            "fileSecurityState": "fileHash: fileHash, name, path, riskScore",
            "alertHistoryState": """
        appId, assignedTo, comments: string[], feedback: alertFeedback, status: alertStatus, updatedDateTime:
        datetime, user
    """,
            "hostSecurityState": """
        fqdn, isAzureAdJoined: boolean, isAzureAdRegistered: boolean, isHybridAzureDomainJoined: boolean,
        netBiosName, os, privateIpAddress, publicIpAddress, riskScore
    """,
            "investigationSecurityState": "name, status",
            "malwareState": "category, family, name, severity, wasRunning: boolean",
            "messageSecurityState": """
        connectingIP, deliveryAction, deliveryLocation, directionality, internetMessageId, messageFingerprint,
        messageReceivedDateTime: datetime, messageSubject, networkMessageId
    """,
            "networkConnection": """
        applicationName, destinationAddress, destinationDomain, destinationLocation, destinationPort,
        destinationUrl, direction: connectionDirection, domainRegisteredDateTime: datetime, localDnsName,
        natDestinationAddress, natDestinationPort, natSourceAddress, natSourcePort, protocol:
        securityNetworkProtocol, riskScore, sourceAddress, sourceLocation, sourcePort, status: connectionStatus,
        urlParameters
    """,
            "process": """
        accountName, commandLine, createdDateTime: datetime, fileHash: fileHash, integrityLevel:
        processIntegrityLevel, isElevated: boolean, name, parentProcessCreatedDateTime: datetime, parentProcessId:
        int32, parentProcessName, path, processId: int32
    """,
            "registryKeyState": """
        hive: registryHive, key, oldKey, oldValueData, oldValueName, operation: registryOperation, processId: int32,
        valueData, valueName, valueType: registryValueType
    """,
            "securityResource": "resource, resourceType: securityResourceType",
            "alertTrigger": "name, type, value",
            "uriClickSecurityState": "clickAction, clickDateTime: datetime, id, sourceId, uriDomain, verdict",
            "userSecurityState": """
        aadUserId, accountName, domainName, emailRole: emailRole = unknown, isVpn: boolean, logonDateTime: datetime,
        logonId, logonIp, logonLocation, logonType: logonType, onPremisesSecurityIdentifier, riskScore,
        userAccountType: userAccountSecurityType, userPrincipalName
    """,
            "securityVendorInformation": "provider, providerVersion, subProvider, vendor",
            "matchedIndicator": """
        id, externalId, description, threatType, severity: int32, confidence: int32, action: tiAction, tlpLevel:
        tlpLevel, targetProduct, passiveOnly: boolean, indicatorProperty, matchedProperty, matchedValue,
        matchedDateTime: datetime
    """,
            "vulnerabilityState": "cve, severity, wasRunning: boolean",
            "fileHash": "hashType: fileHashType, hashValue",
        },
        open_names=("alert",),
        aliases={
            "alert": {"provider": "vendorInformation/provider", "vendor": "vendorInformation/vendor"},
            "hostSecurityState": {"isAzureAadJoined": "isAzureAdJoined", "isAzureAadRegistered": "isAzureAdRegistered"},
        },
        equal_names={"securityVendorInformation/provider": PROVIDER_NAMES},
    )
)

ALERT = STRUCTURES["alert"]
