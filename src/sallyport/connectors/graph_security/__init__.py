"""The Microsoft Graph Security connector: 16 actions and 3 triggers, over the Graph that is configured."""

from __future__ import annotations

from sallyport.connectors.graph_security.operations import call, find

__all__ = ["call", "find"]
