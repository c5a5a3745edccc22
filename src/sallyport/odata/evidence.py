"""The evidence types of alerts_v2: the tables of the v1.0 schema, one line for each structure.

`entity_alert_v2` builds them together with the alert, because they name one another.
"""

from __future__ import annotations

EVIDENCE = {
    "alertEvidence": """
        createdDateTime: datetime, detailedRoles: string[], remediationStatus: evidenceRemediationStatus,
        remediationStatusDetails, roles: evidenceRole[], tags: string[], verdict: evidenceVerdict
    """,
    "activeDirectoryDomainEvidence(alertEvidence)": """
        activeDirectoryDomainName, trustedDomains: activeDirectoryDomainEvidence[]
    """,
    "aiAgentEvidence(alertEvidence)": "agentId, agentName, hostingPlatformType: aiAgentPlatform, instructions",
    "amazonResourceEvidence(alertEvidence)": "amazonAccountId, amazonResourceId, resourceName, resourceType",
    "analyzedMessageEvidence(alertEvidence)": """
        antiSpamDirection, attachmentsCount: int64, deliveryAction, deliveryLocation, internetMessageId, language,
        networkMessageId, p1Sender: emailSender, p2Sender: emailSender, receivedDateTime: datetime,
        recipientEmailAddress, senderIp, subject, threatDetectionMethods: string[], threats: string[], urlCount:
        int64, urls: string[], urn
    """,
    "azureResourceEvidence(alertEvidence)": "resourceId, resourceName, resourceType",
    "blobContainerEvidence(alertEvidence)": "name, storageResource: azureResourceEvidence, url",
    "blobEvidence(alertEvidence)": "blobContainer: blobContainerEvidence, etag, fileHashes: fileHash[], name, url",
    "cloudApplicationEvidence(alertEvidence)": """
        appId: int64, displayName, instanceId: int64, instanceName, saasAppId: int64, stream: stream
    """,
    "cloudLogonRequestEvidence(alertEvidence)": "requestId",
    "cloudLogonSessionEvidence(alertEvidence)": """
        account: userEvidence, browser, deviceName, operatingSystem, previousLogonDateTime: datetime, protocol,
        sessionId, startUtcDateTime: datetime, userAgent
    """,
    "containerEvidence(alertEvidence)": """
        args: string[], command: string[], containerId, image: containerImageEvidence, isPrivileged: boolean, name,
        pod: kubernetesPodEvidence
    """,
    "containerImageEvidence(alertEvidence)": """
        digestImage: containerImageEvidence, imageId, registry: containerRegistryEvidence
    """,
    "containerRegistryEvidence(alertEvidence)": "registry",
    "deviceEvidence(alertEvidence)": """
        azureAdDeviceId, defenderAvStatus: defenderAvStatus, deviceDnsName, dnsDomain, firstSeenDateTime: datetime,
        healthStatus: deviceHealthStatus, hostName, ipInterfaces: string[], lastExternalIpAddress, lastIpAddress,
        loggedOnUsers: loggedOnUser[], mdeDeviceId, ntDomain, onboardingStatus: onboardingStatus, osBuild: int64,
        osPlatform, rbacGroupId: int32, rbacGroupName, resourceAccessEvents: resourceAccessEvent[], riskScore:
        deviceRiskScore, version, vmMetadata: vmMetadata
    """,
    "dnsEvidence(alertEvidence)": """
        dnsServerIp: ipEvidence, domainName, hostIpAddress: ipEvidence, ipAddresses: ipEvidence[]
    """,
    "fileEvidence(alertEvidence)": "detectionStatus: detectionStatus, fileDetails: fileDetails, mdeDeviceId",
    "fileHashEvidence(alertEvidence)": "algorithm: fileHashAlgorithm, value",
    "gitHubOrganizationEvidence(alertEvidence)": "company, displayName, email, login, orgId, webUrl",
    "gitHubRepoEvidence(alertEvidence)": "baseUrl, login, owner, ownerType, repoId",
    "gitHubUserEvidence(alertEvidence)": "email, login, name, userId, webUrl",
    "googleCloudResourceEvidence(alertEvidence)": """
        fullResourceName, location, locationType: googleCloudLocationType, projectId, projectNumber: int64,
        resourceName, resourceType
    """,
    "hostLogonSessionEvidence(alertEvidence)": """
        account: userEvidence, endUtcDateTime: datetime, host: deviceEvidence, sessionId, startUtcDateTime: datetime
    """,
    "ioTDeviceEvidence(alertEvidence)": """
        deviceId, deviceName, devicePageLink, deviceSubType, deviceType, importance: ioTDeviceImportanceType,
        ioTHub: azureResourceEvidence, ioTSecurityAgentId, ipAddress: ipEvidence, isAuthorized: boolean,
        isProgramming: boolean, isScanner: boolean, macAddress, manufacturer, model, nics: nicEvidence[],
        operatingSystem, owners: string[], protocols: string[], purdueLayer, sensor, serialNumber, site, source,
        sourceRef: urlEvidence, zone
    """,
    "ipEvidence(alertEvidence)": "countryLetterCode, ipAddress, location: geoLocation, stream: stream",
    "kubernetesClusterEvidence(alertEvidence)": """
        cloudResource: alertEvidence, distribution, name, platform: kubernetesPlatform, version
    """,
    "kubernetesControllerEvidence(alertEvidence)": """
        labels: dictionary, name, namespace: kubernetesNamespaceEvidence, type
    """,
    "kubernetesNamespaceEvidence(alertEvidence)": "cluster: kubernetesClusterEvidence, labels: dictionary, name",
    "kubernetesPodEvidence(alertEvidence)": """
        containers: containerEvidence[], controller: kubernetesControllerEvidence, ephemeralContainers:
        containerEvidence[], initContainers: containerEvidence[], labels: dictionary, name, namespace:
        kubernetesNamespaceEvidence, podIp: ipEvidence, serviceAccount: kubernetesServiceAccountEvidence
    """,
    "kubernetesSecretEvidence(alertEvidence)": "name, namespace: kubernetesNamespaceEvidence, secretType",
    "kubernetesServiceAccountEvidence(alertEvidence)": "name, namespace: kubernetesNamespaceEvidence",
    "kubernetesServiceEvidence(alertEvidence)": """
        clusterIP: ipEvidence, externalIPs: ipEvidence[], labels: dictionary, name, namespace:
        kubernetesNamespaceEvidence, selector: dictionary, servicePorts: kubernetesServicePort[], serviceType:
        kubernetesServiceType
    """,
    "mailboxConfigurationEvidence(alertEvidence)": """
        configurationId, configurationType: mailboxConfigurationType, displayName, externalDirectoryObjectId: guid,
        mailboxPrimaryAddress, upn
    """,
    "mailboxEvidence(alertEvidence)": "displayName, primaryAddress, upn, userAccount: userAccount",
    "mailClusterEvidence(alertEvidence)": """
        clusterBy, clusterByValue, emailCount: int64, networkMessageIds: string[], query, urn
    """,
    "malwareEvidence(alertEvidence)": "category, files: fileEvidence[], name, processes: processEvidence[]",
    "networkConnectionEvidence(alertEvidence)": """
        destinationAddress: ipEvidence, destinationPort: int32, protocol: protocolType, sourceAddress: ipEvidence,
        sourcePort: int32
    """,
    "nicEvidence(alertEvidence)": "ipAddress: ipEvidence, macAddress, vlans: string[]",
    "oauthApplicationEvidence(alertEvidence)": "appId, displayName, objectId, publisher",
    "processEvidence(alertEvidence)": """
        detectionStatus: detectionStatus, imageFile: fileDetails, mdeDeviceId, parentProcessCreationDateTime:
        datetime, parentProcessId: int64, parentProcessImageFile: fileDetails, processCommandLine,
        processCreationDateTime: datetime, processId: int64, userAccount: userAccount
    """,
    "registryKeyEvidence(alertEvidence)": "registryHive, registryKey",
    "registryValueEvidence(alertEvidence)": """
        mdeDeviceId, registryHive, registryKey, registryValue, registryValueName, registryValueType
    """,
    "sasTokenEvidence(alertEvidence)": """
        allowedIpAddresses, allowedResourceTypes: string[], allowedServices: string[], expiryDateTime: datetime,
        permissions: string[], protocol, signatureHash, signedWith, startDateTime: datetime, storageResource:
        azureResourceEvidence
    """,
    "securityGroupEvidence(alertEvidence)": """
        activeDirectoryObjectGuid: guid, displayName, distinguishedName, friendlyName, securityGroupId, sid
    """,
    "servicePrincipalEvidence(alertEvidence)": """
        appId, appOwnerTenantId, servicePrincipalName, servicePrincipalObjectId, servicePrincipalType:
        servicePrincipalType, tenantId
    """,
    "submissionMailEvidence(alertEvidence)": """
        networkMessageId, recipient, reportType, sender, senderIp, subject, submissionDateTime: datetime,
        submissionId, submitter
    """,
    "teamsMessageEvidence(alertEvidence)": """
        campaignId, channelId, deliveryAction: teamsMessageDeliveryAction, deliveryLocation: teamsDeliveryLocation,
        files: fileEvidence[], groupId, isExternal: boolean, isOwned: boolean, lastModifiedDateTime: datetime,
        messageDirection: antispamTeamsDirection, messageId, owningTenantId: guid, parentMessageId,
        receivedDateTime: datetime, recipients: string[], senderFromAddress, senderIP, sourceAppName, sourceId,
        subject, suspiciousRecipients: string[], threadId, threadType, urls: urlEvidence[]
    """,
    "urlEvidence(alertEvidence)": "url",
    "userEvidence(alertEvidence)": "stream: stream, userAccount: userAccount",
}

DETAILS = {
    "alertComment": "comment, createdByDisplayName, createdDateTime: datetime",
    "emailSender": "displayName, domainName, emailAddress",
    "fileHash": "algorithm: fileHashAlgorithm, value",
    "stream": "name",
    "loggedOnUser": "accountName, domainName",
    "resourceAccessEvent": "accessDateTime: datetime, accountId, ipAddress, resourceIdentifier",
    "vmMetadata": "cloudProvider: vmCloudProvider, resourceId, subscriptionId, vmId",
    "fileDetails": """
        fileName, filePath, filePublisher, fileSize: int64, issuer, md5, sha1, sha256, sha256Ac, signer
    """,
    "geoLocation": "city, countryName, latitude: double, longitude: double, state",
    "kubernetesServicePort": """
        appProtocol, name, nodePort: int32, port: int32, protocol: containerPortProtocol, targetPort
    """,
    "userAccount": """
        accountName, activeDirectoryObjectGuid: guid, azureAdUserId, displayName, domainName, resourceAccessEvents:
        resourceAccessEvent[], tenantId, userPrincipalName, userSid
    """,
}
