"""The failures of .NET formatting and parsing, in .NET's own sentences where it has them.

The function that called adds its own name; nothing here knows of expressions.
"""

from __future__ import annotations

from sallyport.errors import SallyportError


class DotnetError(SallyportError):
    """Raised when a text, a format, a culture or a zone is not one that .NET would take."""

    code = "InvalidTemplate"
    status = 400


class FormatError(DotnetError):
    """Raised when a format string is malformed, or would make a text without bound."""

    def __init__(self, format: str, reason: str = "it is not a valid format string") -> None:  # noqa: A002
        super().__init__(f"The format '{shorten(format)}' is not valid: {reason}.")
        self.format = format
        self.reason = reason


class NumberTextError(DotnetError):
    """Raised when a text does not denote a number of the wanted kind."""

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(f"The value '{shorten(text)}' cannot be converted to type '{kind}'.")
        self.text = text
        self.kind = kind


class DateTextError(DotnetError):
    """Raised when a text does not denote a date or a time."""

    def __init__(self, text: str, reason: str = "") -> None:
        because = f": {reason}" if reason else ""
        super().__init__(f"The string '{shorten(text)}' was not recognized as a valid DateTime{because}.")
        self.text = text
        self.reason = reason


class TimeSpanTextError(DotnetError):
    """Raised when a text does not denote a TimeSpan."""

    def __init__(self, text: str) -> None:
        super().__init__(f"The string '{shorten(text)}' was not recognized as a valid TimeSpan.")
        self.text = text


class DateRangeError(DotnetError):
    """Raised when a date would fall outside the years 1 to 9999."""

    def __init__(self) -> None:
        super().__init__("The added or subtracted value results in an un-representable DateTime.")


class CultureError(DotnetError):
    """Raised when a locale is not the name of a culture."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The locale '{shorten(name)}' is not a valid culture name.")
        self.name = name


class TimeZoneIdError(DotnetError):
    """Raised when a time zone is not one of the Windows ids."""

    def __init__(self, zone_id: str) -> None:
        super().__init__(f"The time zone id '{shorten(zone_id)}' was not found: the id is not valid.")
        self.zone_id = zone_id


def shorten(text: str, limit: int = 100) -> str:
    """Cut a text so that an error that quotes it stays readable."""
    return text if len(text) <= limit else f"{text[:limit]}..."
