"""The Office 365 Outlook connector: mails, and mails that ask, through the configured mail server."""

from __future__ import annotations

from sallyport.connectors.office365.operations import call

__all__ = ["call"]
