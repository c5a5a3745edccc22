"""The subscription of `/subscriptions`. The type is closed.

`includeProperties` is what the beta schema of sovereign clouds has: the older name of `includeResourceData`, shown only
to who used it.
"""

from __future__ import annotations

from sallyport.odata import model

SUBSCRIPTION = model.structures(
    "microsoft.graph",
    {},
    {
        "subscription": """
        id, applicationId, changeType, clientState, creatorId, encryptionCertificate, encryptionCertificateId,
        expirationDateTime: datetime, includeResourceData: boolean, latestSupportedTlsVersion,
        lifecycleNotificationUrl, notificationQueryOptions, notificationUrl, notificationUrlAppId, resource,
        notificationContentType,
        includeProperties?: boolean
    """,
    },
)["subscription"]
