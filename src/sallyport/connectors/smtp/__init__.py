"""The SMTP connector: mails through the configured mail server."""

from __future__ import annotations

from sallyport.connectors.smtp.operations import call

__all__ = ["call"]
