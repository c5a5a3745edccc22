"""What is told rather than asked for: change notifications as endpoints receive them, and errors.

The rule: these are the schema's tables for readers of `$metadata` and of the OpenAPI description; no filter reads them.
"""

from __future__ import annotations

from sallyport.odata import model

_NAMESPACE = "microsoft.graph"

_STRUCTURES = model.structures(
    _NAMESPACE,
    model.enumerations(
        {
            "changeType": "created 0, updated 1, deleted 2",
            "lifecycleEventType": "missed 0, subscriptionRemoved 1, reauthorizationRequired 2",
        }
    ),
    {
        "changeNotificationEncryptedContent": """
            data, dataKey, dataSignature, encryptionCertificateId, encryptionCertificateThumbprint
        """,
        "resourceData": "",
        "changeNotification": """
            changeType: changeType, clientState, encryptedContent: changeNotificationEncryptedContent, id,
            lifecycleEvent: lifecycleEventType, resource, resourceData: resourceData, subscriptionExpirationDateTime:
            datetime, subscriptionId: guid, tenantId: guid
        """,
        "changeNotificationCollection": "validationTokens: string[], value: changeNotification[]",
        "publicErrorDetail": "code, message, target",
        "publicInnerError": "code, details: publicErrorDetail[], message, target",
        "publicError": "code, details: publicErrorDetail[], innerError: publicInnerError, message, target",
    },
    open_names=("resourceData", "publicInnerError"),
)

NOTIFICATIONS = _STRUCTURES["changeNotificationCollection"]
ERROR = _STRUCTURES["publicError"]
