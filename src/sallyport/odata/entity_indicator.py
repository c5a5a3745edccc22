"""The threat intelligence indicator of `/security/tiIndicators`.

`threatType` is text in the schema, although its values are listed in the documentation; the type is open.
"""

from __future__ import annotations

from types import MappingProxyType

from sallyport.odata import model

ENUMERATIONS = model.enumerations(
    {
        "tiAction": "unknown 0, allow 1, block 2, alert 3, unknownFutureValue 127",
        "diamondModel": "unknown 0, adversary 1, capability 2, infrastructure 3, victim 4, unknownFutureValue 127",
        "fileHashType": """
        unknown 0, sha1 1, sha256 2, md5 3, authenticodeHash256 4, lsHash 5, ctph 6, unknownFutureValue 127
    """,
        "tlpLevel": "unknown 0, white 1, green 2, amber 3, red 4, unknownFutureValue 127",
    }
)

STRUCTURES = MappingProxyType(
    model.structures(
        "microsoft.graph",
        ENUMERATIONS,
        {
            "tiIndicator": """
        id, action: tiAction, activityGroupNames: string[], additionalInformation, azureTenantId, confidence: int32,
        description, diamondModel: diamondModel, domainName, emailEncoding, emailLanguage, emailRecipient,
        emailSenderAddress, emailSenderName, emailSourceDomain, emailSourceIpAddress, emailSubject, emailXMailer,
        expirationDateTime: datetime, externalId, fileCompileDateTime: datetime, fileCreatedDateTime: datetime,
        fileHashType: fileHashType, fileHashValue, fileMutexName, fileName, filePacker, filePath, fileSize: int64,
        fileType, ingestedDateTime: datetime, isActive: boolean, killChain: string[], knownFalsePositives,
        lastReportedDateTime: datetime, malwareFamilyNames: string[], networkCidrBlock, networkDestinationAsn:
        int64, networkDestinationCidrBlock, networkDestinationIPv4, networkDestinationIPv6, networkDestinationPort:
        int32, networkIPv4, networkIPv6, networkPort: int32, networkProtocol: int32, networkSourceAsn: int64,
        networkSourceCidrBlock, networkSourceIPv4, networkSourceIPv6, networkSourcePort: int32, passiveOnly:
        boolean, severity: int32, tags: string[], targetProduct, threatType, tlpLevel: tlpLevel, url, userAgent
    """,
        },
        open_names=("tiIndicator",),
    )
)

INDICATOR = STRUCTURES["tiIndicator"]
