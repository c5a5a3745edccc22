"""What the token endpoint refuses, in the words and numbers that clients of Microsoft Entra ID read.

The rule: a client prints `error` and `error_description`; the number before the description is what people search for.
https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from typing import ClassVar

from sallyport import errors


class Refused(errors.SallyportError):
    """Raised when the token endpoint answers with an error of RFC 6749, section 5.2."""

    code = "invalid_request"
    status = 400
    #: The number behind `AADSTS`.
    number: ClassVar[int] = 90014
    #: Whether it leaves a line in the audit trail: what only tells somebody to wait, or says the same again, does not.
    audited: bool = True


class TenantNotFound(Refused):
    """Raised when the path names no tenant that could exist."""

    number = 90002

    def __init__(self, tenant: str) -> None:
        super().__init__(f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID.")
        self.tenant = tenant


class ParameterMissing(Refused):
    """Raised when the form lacks a field."""

    number = 900144

    def __init__(self, name: str) -> None:
        super().__init__(f"The request body must contain the following parameter: '{name}'.")
        self.name = name


class ParameterRepeated(Refused):
    """Raised when the form has a field twice, or the client names itself in two ways."""

    number = 90013

    def __init__(self, name: str) -> None:
        super().__init__(f"Invalid input received from the user: '{name}' is given more than once.")
        self.name = name


class FormUnreadable(Refused):
    """Raised when the body is no form, or too large for one."""

    number = 900144

    def __init__(self) -> None:
        super().__init__("The request body must be a form: 'application/x-www-form-urlencoded'.")


class GrantUnsupported(Refused):
    """Raised when the grant type is none of ours."""

    code = "unsupported_grant_type"
    number = 70003

    def __init__(self, grant_type: str) -> None:
        super().__init__(f"The app requested an unsupported grant type '{grant_type}'.")
        self.grant_type = grant_type


class ClientUnknown(Refused):
    """Raised when no application has the given id."""

    code = "unauthorized_client"
    number = 700016

    def __init__(self, client_id: str, tenant_id: str) -> None:
        super().__init__(f"Application with identifier '{client_id}' was not found in the directory '{tenant_id}'.")
        self.client_id = client_id


class ClientDisabled(Refused):
    """Raised when an application was switched off."""

    code = "unauthorized_client"
    number = 7000112

    def __init__(self, client_id: str, display_name: str) -> None:
        super().__init__(f"Application '{client_id}'({display_name}) is disabled.")
        self.client_id = client_id


class SecretMissing(Refused):
    """Raised when an application does not prove who it is."""

    code = "invalid_client"
    status = 401
    number = 7000218

    def __init__(self) -> None:
        super().__init__(
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        )


class SecretInvalid(Refused):
    """Raised when a client secret is wrong."""

    code = "invalid_client"
    status = 401
    number = 7000215

    def __init__(self, client_id: str) -> None:
        super().__init__(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{client_id}'."
        )
        self.client_id = client_id


class SecretExpired(Refused):
    """Raised when a client secret was right once."""

    code = "invalid_client"
    status = 401
    number = 7000222

    def __init__(self, client_id: str) -> None:
        super().__init__(f"The provided client secret keys for app '{client_id}' are expired.")
        self.client_id = client_id


class ScopeInvalid(Refused):
    """Raised when an application asks in its own name for anything but `<resource>/.default`."""

    code = "invalid_scope"
    number = 1002012

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
            "with /.default suffixed to the resource identifier (application ID URI)."
        )
        self.scope = scope


class MethodNotAllowed(Refused):
    """Raised when the endpoint is asked with anything but POST."""

    status = 405
    number = 900561

    def __init__(self, method: str) -> None:
        super().__init__(f"The endpoint only accepts POST requests. Received a {method} request.")
        self.method = method


class Unavailable(Refused):
    """Raised when a token cannot be made now, through no fault of the caller's."""

    code = "temporarily_unavailable"
    number = 90033
    retry_after_seconds = 5

    def __init__(self, status: int) -> None:
        super().__init__("A transient error has occurred. Please try again.")
        self.status = status


class RequestRefused(Refused):
    """Raised when a request is refused before it is read, such as for its size; `error` says why."""

    number = 900144

    def __init__(self, error: errors.SallyportError) -> None:
        super().__init__(error.message)
        self.status = error.status
        self.code = "invalid_request" if error.status < 500 else "server_error"


class TooManyFailures(Refused):
    """Raised when a client failed so often that it has to wait."""

    code = "temporarily_unavailable"
    status = 429
    number = 50053
    audited = False

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("There were too many sign-in attempts with an incorrect secret. Try again later.")
        self.retry_after_seconds = retry_after_seconds
