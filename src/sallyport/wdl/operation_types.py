"""The names of action, trigger and parameter types, in the spelling that the documentation gives them.

Authors write them in any letter case; `canonical` answers the documented spelling, and leaves a type that the language
does not know as its author wrote it. Being listed here says that a type exists, not that it can be run.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Types of actions; https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-actions-triggers
_ACTIONS = [
    "Agent",
    "AgentHandoff",
    "AgentTool",
    "ApiConnection",
    "ApiConnectionWebhook",
    "ApiManagement",
    "AppendToArrayVariable",
    "AppendToStringVariable",
    "As2Decode",
    "As2Encode",
    "Batch",
    "ChunkText",
    "Compose",
    "CSharpScriptCode",
    "DecrementVariable",
    "EdifactDecode",
    "EdifactEncode",
    "Expression",
    "FlatFileDecoding",
    "FlatFileEncoding",
    "Foreach",
    "Function",
    "Http",
    "HttpWebhook",
    "If",
    "IncrementVariable",
    "InitializeVariable",
    "IntegrationAccountArtifactLookup",
    "InvokeFunction",
    "JavaScriptCode",
    "Join",
    "Liquid",
    "McpClientTool",
    "NestedAgent",
    "OpenApiConnection",
    "OpenApiConnectionWebhook",
    "ParseDocument",
    "ParseJson",
    "PowershellCode",
    "Query",
    "Response",
    "RosettaNetDecode",
    "RosettaNetEncode",
    "RosettaNetWaitForResponse",
    "Scope",
    "Select",
    "SendToBatch",
    "ServiceProvider",
    "SetVariable",
    "SwiftMTDecode",
    "SwiftMTEncode",
    "Switch",
    "Table",
    "Terminate",
    "Until",
    "Wait",
    "Workflow",
    "X12Decode",
    "X12Encode",
    "XmlCompose",
    "XmlParse",
    "XmlValidation",
    "Xslt",
]

#: Types of triggers.
_TRIGGERS = [
    "ApiConnection",
    "ApiConnectionNotification",
    "ApiConnectionWebhook",
    "ApiManagement",
    "Batch",
    "Http",
    "HttpWebhook",
    "OpenApiConnection",
    "OpenApiConnectionWebhook",
    "Recurrence",
    "Request",
    "ServiceProvider",
    "SlidingWindow",
]

#: Types of workflow parameters and outputs.
_PARAMETERS = ["Array", "Bool", "Float", "Int", "Object", "SecureObject", "SecureString", "String"]

ACTIONS: Mapping[str, str] = {name.casefold(): name for name in _ACTIONS} | {"inlinecode": "JavaScriptCode"}
TRIGGERS: Mapping[str, str] = {name.casefold(): name for name in _TRIGGERS} | {"manual": "Request"}
PARAMETERS: Mapping[str, str] = {name.casefold(): name for name in _PARAMETERS}


def canonical(known: Mapping[str, str], name: str) -> str:
    """Answer the documented spelling of a type, or the author's when the language does not know it."""
    return known.get(name.casefold(), name)
