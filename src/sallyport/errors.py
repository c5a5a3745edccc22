"""The root of every error that a caller can see.

Each surface draws these once, in its own standard's shape; the class carries the facts, never the drawing.
"""

from __future__ import annotations


class SallyportError(Exception):
    """Raised when a request, a definition or a setting cannot be honoured; `code` and `status` say how it is drawn."""

    #: The error code in the surface's own vocabulary.
    code: str = "InternalError"
    #: The HTTP status that a surface answers with.
    status: int = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(SallyportError):
    """Raised when a request is malformed or breaks a documented rule."""

    code = "BadRequest"
    status = 400


class Unauthenticated(SallyportError):
    """Raised when a request carries no token, or one that does not hold."""

    code = "InvalidAuthenticationToken"
    status = 401


class Forbidden(SallyportError):
    """Raised when the caller is known but may not do this."""

    code = "Forbidden"
    status = 403


class NotFound(SallyportError):
    """Raised when the named thing does not exist, or is not the caller's to see."""

    code = "ResourceNotFound"
    status = 404


class Conflict(SallyportError):
    """Raised when the thing exists already, or its state does not allow the change."""

    code = "Conflict"
    status = 409


class PayloadTooLarge(SallyportError):
    """Raised when a body, or something that it would become, is over the limit."""

    code = "RequestEntityTooLarge"
    status = 413


class TooManyRequests(SallyportError):
    """Raised when a limit is reached; `retry_after_seconds` says when to come back."""

    code = "TooManyRequests"
    status = 429

    def __init__(self, message: str, retry_after_seconds: int = 10) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class ExtraMissing(SallyportError):
    """Raised when a setting asks for a package that comes with an extra and is not installed."""

    code = "ExtraMissing"

    def __init__(self, setting: str, package: str, extra: str) -> None:
        super().__init__(f"{setting}: the package '{package}' is not installed; install sallyport[{extra}].")
        self.setting = setting
        self.package = package
        self.extra = extra


class StorageFull(SallyportError):
    """Raised when the database has no room left for what was asked; nothing of it was stored."""

    code = "InsufficientStorage"
    status = 507


class ReadTimedOut(SallyportError):
    """Raised when the database took longer to answer than one read may take."""

    code = "GatewayTimeout"
    status = 504


class StorageUnavailable(SallyportError):
    """Raised when the database cannot be reached or answers with an I/O error.

    As text it says also why; callers are shown the message alone, because `reason` names hosts, users and folders.
    """

    code = "ServiceUnavailable"
    status = 503

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

    def __str__(self) -> str:
        """Answer what happened, and why."""
        return f"{self.message} {self.reason}" if self.reason else self.message
