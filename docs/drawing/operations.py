"""docs/reference/actions.md and triggers.md: every type that can be run, from the manifests that designers read too."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from drawing import markdown
from sallyport.actions import ACTIONS
from sallyport.actions import manifest as action_manifests
from sallyport.actions.manifest import Manifest
from sallyport.engine.action_type import ActionType
from sallyport.triggers import TRIGGERS
from sallyport.triggers import manifest as trigger_manifests
from sallyport.triggers.trigger_type import TriggerType

#: What an action's `code` and the code in its `error` may be, whatever its type.
CODES: tuple[tuple[str, str, str], ...] = (
    ("Succeeded", "`OK`, or the name of the status of a response, such as `Created`", ""),
    ("Failed", "the name of the status of a response, such as `NotFound` or `TooManyRequests`", "the same"),
    (
        "Failed",
        "`GatewayTimeout`, `ConnectionFailed`, `EgressDenied`",
        "the same: no response came, or none was asked for",
    ),
    ("Failed", "`BadRequest`", "`InvalidTemplate` or `ExpressionEvaluationFailed`: an expression in the inputs failed"),
    ("Failed", "`ActionFailed`", "`ActionFailed`: an action inside it failed"),
    ("Failed", "`ActionTypeNotSupported`", "the same: the type is not one of this page"),
    ("Failed", "`InternalServerError`", "the same: a bug; the server's log holds what happened"),
    ("TimedOut", "`ActionTimedOut`", "the same: it ran past its limit"),
    (
        "Skipped",
        "`ActionSkipped`",
        "`ActionConditionFailed`: an action before it has a status that `runAfter` does not name",
    ),
    ("Skipped", "`ActionSkipped`", "`ActionBranchingConditionNotSatisfied`: its branch was not chosen"),
    ("Skipped", "`ActionSkipped`", "`ActionDependencyFailed`: what it stands in was skipped"),
)
#: What each word among a manifest's settings means in a definition.
SETTINGS: Mapping[str, str] = {
    "retryPolicy": "`inputs.retryPolicy`: how often and when a failed request is repeated",
    "timeout": "`limit.timeout`: an ISO 8601 duration after which the action ends as TimedOut",
    "secureData": (
        "`runtimeConfiguration.secureData.properties`: inputs, outputs or both are redacted before they are stored"
    ),
    "trackedProperties": "`trackedProperties`: values of your own in the run's history",
    "staticResult": "`runtimeConfiguration.staticResult`: a fixed outcome in place of the action's work",
    "asynchronous": (
        "the asynchronous pattern: 202 with `Location` is followed to its end, unless "
        "`operationOptions` says `DisableAsyncPattern`"
    ),
    "suppressWorkflowHeaders": (
        "`operationOptions` `SuppressWorkflowHeaders`: requests do not carry the `x-ms-*` headers of the run"
    ),
    "pagination": (
        "`runtimeConfiguration.paginationPolicy.minimumItemCount`: further pages are read up to so many items"
    ),
    "contentTransfer": "`runtimeConfiguration.contentTransfer.transferMode` `Chunked`: large contents go in pieces",
    "concurrency": "`runtimeConfiguration.concurrency`: how much goes on at the same time",
    "conditions": "`conditions`: expressions that must all be true for a run to start",
    "splitOn": "`splitOn`: one run for each item of an array",
}


def actions() -> str:
    """Draw the page of the actions."""
    entries = [(action_manifests.load(name), _action_notes(each)) for name, each in ACTIONS.items()]
    return _page(
        "Actions",
        f"The {len(entries)} action types that sallyport runs, by the value of `type` in a definition. A "
        "definition that\n"
        "uses another type can be deployed; such an action fails when it is reached. Inputs may be expressions\n"
        "everywhere, whatever type is stated.\n\n"
        "Every action also takes `runAfter`, `description` and `metadata`. [Codes](#codes) and "
        "[settings](#settings) that\n"
        "several share are at the end.",
        entries,
        "## Codes\n\n" + markdown.table(("status", "`code` of the action", "`code` in its `error`"), CODES),
    )


def triggers() -> str:
    """Draw the page of the triggers."""
    entries = [(trigger_manifests.load(name), _trigger_notes(each)) for name, each in TRIGGERS.items()]
    return _page(
        "Triggers",
        f"The {len(entries)} trigger types that sallyport runs, by the value of `type` in a definition. A "
        "definition whose\n"
        "trigger has another type can be deployed and started by hand, but it never starts by itself.\n\n"
        "How a trigger's looks went is in its history: Succeeded with `fired` when runs were started, Skipped "
        "when there was\n"
        "nothing new or a condition was not met, Failed with the error otherwise.",
        entries,
    )


def _page(title: str, about: str, entries: list[tuple[Manifest, list[str]]], *more: str) -> str:
    categories: dict[str, list[str]] = {}
    used: dict[str, None] = {}
    for manifest, notes in entries:
        categories.setdefault(manifest.category, []).append(_entry(manifest, notes))
        used.update(dict.fromkeys(manifest.settings))
    parts = [f"## {category}\n\n" + "\n\n".join(drawn) for category, drawn in categories.items()]
    meaning = markdown.table(("setting", "in a definition"), ((f"`{each}`", SETTINGS[each]) for each in sorted(used)))
    return markdown.page(title, about, *parts, *more, f"## Settings\n\n{meaning}")


def _entry(manifest: Manifest, notes: list[str]) -> str:
    lines = [f"### {manifest.type}", f"**{manifest.title}.** {manifest.description}", *notes]
    if manifest.kinds:
        lines.append(f"`kind`: {markdown.codes(manifest.kinds)}.")
    members = [*_members(manifest.inputs, "inputs"), *_beside(manifest.properties)]
    lines.append(markdown.table(("property", "type", "required", "meaning"), members))
    if manifest.blocks:
        held = "; ".join(f"`{each['key']}`: {each['title']}" for each in manifest.blocks)
        lines.append(f"Holds actions: {held}.")
    if manifest.outputs:
        outputs = ((name, kind, means) for name, kind, _, means in _members(manifest.outputs, "outputs"))
        lines.append(markdown.table(("output", "type", "meaning"), outputs))
    if manifest.settings:
        lines.append(f"Settings: {markdown.codes(manifest.settings)}.")
    if manifest.options:
        lines.append(f"`operationOptions`: {markdown.codes(manifest.options)}.")
    return "\n\n".join(line for line in lines if line)


def _beside(properties: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    for name, schema in properties.items():
        yield from _members(schema, name)


def _members(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, str, str, str]]:
    """Give a row for each member of a schema and those within objects; a schema without members is a row itself."""
    properties = schema.get("properties")
    if not properties:
        if schema:
            yield (markdown.code(path), type_name(schema), "", meaning(schema))
        return
    required = schema.get("required", ())
    for name, each in properties.items():
        inner = f"{path}.{name}"
        yield (markdown.code(inner), type_name(each), "yes" if name in required else "", meaning(each))
        if each.get("properties"):
            yield from _members(each, inner)


def type_name(schema: Mapping[str, Any]) -> str:
    """Answer a schema's type in a word or two."""
    stated = schema.get("type", "any")
    names = " or ".join(stated) if isinstance(stated, list) else str(stated)
    items = schema.get("items")
    return f"{names} of {type_name(items)}s" if names == "array" and isinstance(items, dict) else names


def meaning(schema: Mapping[str, Any]) -> str:
    """Answer what a member means: its title, its description, its allowed values and its limits."""
    parts = [str(schema[key]).rstrip(".") for key in ("title", "description") if schema.get(key)]
    if schema.get("enum"):
        parts.append(f"One of {markdown.codes(map(str, schema['enum']))}")
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None or high is not None:
        parts.append(
            f"{low} to {high}" if None not in (low, high) else f"At least {low}" if high is None else f"Up to {high}"
        )
    if schema.get("default") not in (None, ""):
        parts.append(f"Default `{schema['default']}`")
    return ". ".join(parts)


def _action_notes(action_type: ActionType) -> list[str]:
    notes = []
    if action_type.effect:
        notes.append(
            "Touches the outside: everything before it is committed first, and a request that is sent again "
            "after a crash "
            "carries the same idempotency key."
        )
    if action_type.deferred:
        notes.append(f"Evaluated once for each item: {markdown.codes(sorted(action_type.deferred))}.")
    if action_type.responds:
        notes.append("Answers the caller that waits for the run; the answer goes out once it is committed.")
    own = failures(action_type)
    if own:
        notes.append(f"Codes of its own: {markdown.codes(own)}.")
    return notes


def failures(action_type: ActionType) -> list[str]:
    """Answer the codes with which an action's own module says that it failed."""
    tree = ast.parse(inspect.getsource(sys.modules[action_type.handler.__module__]))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name))
    stated = (call.args[0] for call in calls if call.func.id == "Failed" and call.args)  # type: ignore[attr-defined]
    return sorted({first.value for first in stated if isinstance(first, ast.Constant) and isinstance(first.value, str)})


def _trigger_notes(trigger_type: TriggerType) -> list[str]:
    notes = []
    if trigger_type.handler is None:
        notes.append("Never looks by itself.")
    if trigger_type.called:
        notes.append("Has a signed address: `sallyport workflows show NAME` prints it.")
    if trigger_type.subscribes:
        notes.append(
            "Asks another party to call it, when its workflow is saved or enabled, and takes that back afterwards."
        )
    if trigger_type.skips_missed:
        notes.append("What was missed while nobody worked is left out.")
    return notes
