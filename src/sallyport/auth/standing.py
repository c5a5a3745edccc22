"""What an application may do now, alone or for a user, whatever its tokens say.

The rule: this is asked where something outlives the token that began it, such as a subscription.
"""

from __future__ import annotations

from sqlalchemy.engine import Connection

from sallyport.auth import applications, roles
from sallyport.store import users


def rights(connection: Connection, app_id: str, user_id: str | None) -> frozenset[str]:
    """Answer the permissions of an application, alone or for a user; none when either is gone or disabled."""
    application = applications.read(connection, app_id)
    if application is None or not application.client.enabled:
        return frozenset()
    if user_id is None:
        return frozenset(application.roles)
    user = users.get(connection, user_id)
    if user is None or not user.enabled:
        return frozenset()
    return roles.effective(application.scopes, roles.ids(user.roles))
