"""Functions about the deployment, its scope, and resources.

The rule to know: what only a running target can answer (`reference`, `listCallbackUrl`, ...) is asked through the
environment, and is a placeholder when that cannot say.
https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource
"""

from __future__ import annotations

import uuid

from sallyport.arm import values
from sallyport.arm.environment import AZURE_CLOUD, PLACEHOLDER_HOST
from sallyport.arm.errors import TemplateError
from sallyport.arm.functions.registry import Function, function
from sallyport.arm.scope import Scope, Unresolved
from sallyport.arm.values import Json, Placeholder


@function("parameters", needs_scope=True)
def parameters(scope: Scope, name: Json) -> Json:
    """Answer a template parameter."""
    return scope.parameter(values.text(name, "parameters"))


@function("variables", needs_scope=True)
def variables(scope: Scope, name: Json) -> Json:
    """Answer a template variable."""
    return scope.variable(values.text(name, "variables"))


@function("subscription", needs_scope=True)
def subscription(scope: Scope) -> dict[str, Json]:
    """Describe the subscription."""
    where = scope.environment
    return {
        "id": f"/subscriptions/{where.subscription_id}",
        "subscriptionId": where.subscription_id,
        "tenantId": where.tenant_id,
        "displayName": where.subscription_name,
    }


@function("resourceGroup", needs_scope=True)
def resource_group(scope: Scope) -> dict[str, Json]:
    """Describe the resource group."""
    where = scope.environment
    return {
        "id": _group_id(where.subscription_id, where.resource_group),
        "name": where.resource_group,
        "type": "Microsoft.Resources/resourceGroups",
        "location": where.location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }


@function("tenant", needs_scope=True)
def tenant(scope: Scope) -> dict[str, Json]:
    """Describe the tenant."""
    return {"tenantId": scope.environment.tenant_id, "displayName": "", "countryCode": ""}


@function("deployment", needs_scope=True)
def deployment(scope: Scope) -> dict[str, Json]:
    """Describe the deployment."""
    return {
        "name": scope.environment.deployment_name,
        "properties": {
            "template": {key: scope.template.get(key) for key in ("$schema", "contentVersion")},
            "parameters": {},
            "mode": "Incremental",
            "provisioningState": "Accepted",
        },
    }


@function("environment")
def environment() -> dict[str, Json]:
    """Describe the cloud."""
    return AZURE_CLOUD


@function("newGuid", needs_scope=True)
def new_guid(scope: Scope) -> str:
    """Answer an identifier that no other call of the deployment answers.

    Deviation: deploying the same template under the same name again answers the same identifiers, so that an import
    can be repeated.
    """
    where = scope.environment
    scope.report.new_guids += 1
    group = _group_id(where.subscription_id, where.resource_group)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{group}/{where.deployment_name}/{scope.report.new_guids}"))


@function("resourceId", needs_scope=True)
def resource_id(scope: Scope, *parts: Json) -> str:
    """Write the id of a resource: `[subscription, [group,]] type, name, ...`."""
    before, path = _typed(values.texts(parts, "resourceId"), "resourceId", 2)
    where = scope.environment
    subscription_id = before[0] if len(before) == 2 else where.subscription_id
    return f"{_group_id(subscription_id, before[-1] if before else where.resource_group)}/providers/{path}"


@function("subscriptionResourceId", needs_scope=True)
def subscription_resource_id(scope: Scope, *parts: Json) -> str:
    """Write the id of a resource of a subscription."""
    before, path = _typed(values.texts(parts, "subscriptionResourceId"), "subscriptionResourceId", 1)
    return f"/subscriptions/{before[0] if before else scope.environment.subscription_id}/providers/{path}"


@function("tenantResourceId")
def tenant_resource_id(*parts: Json) -> str:
    """Write the id of a resource of the tenant."""
    return f"/providers/{_typed(values.texts(parts, 'tenantResourceId'), 'tenantResourceId', 0)[1]}"


@function("managementGroupResourceId")
def management_group_resource_id(*parts: Json) -> str:
    """Write the id of a resource of a management group."""
    before, path = _typed(values.texts(parts, "managementGroupResourceId"), "managementGroupResourceId", 1)
    group = before[0] if before else "default"
    return f"/providers/Microsoft.Management/managementGroups/{group}/providers/{path}"


@function("extensionResourceId")
def extension_resource_id(extended: Json, *parts: Json) -> str:
    """Write the id of a resource that extends another."""
    path = _typed(values.texts(parts, "extensionResourceId"), "extensionResourceId", 0)[1]
    return f"{values.text(extended, 'extensionResourceId')}/providers/{path}"


def _typed(parts: list[str], name: str, most_before: int) -> tuple[list[str], str]:
    """Answer what stands before the type, and the path that type and names make together."""
    at = next((i for i, part in enumerate(parts) if "/" in part), None)
    if at is None or at > most_before:
        raise TemplateError(f"The function '{name}' expects a resource type such as 'Microsoft.Logic/workflows'.")
    provider, *kinds = parts[at].strip("/").split("/")
    names = parts[at + 1 :]
    if len(kinds) != len(names):
        raise TemplateError(
            f"The function '{name}' expects {len(kinds)} names for the type '{parts[at]}', not {len(names)}."
        )
    return parts[:at], "/".join([provider, *(piece for pair in zip(kinds, names, strict=True) for piece in pair)])


def _group_id(subscription_id: str, group: str) -> str:
    return f"/subscriptions/{subscription_id}/resourceGroups/{group}"


@function("providers")
def providers(namespace: Json, kind: Json = None) -> dict[str, Json]:
    """Describe a resource provider, or one of its types.

    Deviation: the api versions listed are those of workflows and connections, whatever the type.
    """
    if kind is None:
        return {"id": "", "namespace": values.text(namespace, "providers"), "resourceTypes": []}
    versions: list[Json] = ["2019-05-01", "2018-07-01-preview", "2017-07-01", "2016-06-01"]
    return {"resourceType": values.text(kind, "providers"), "locations": [], "apiVersions": versions}


@function("pickZones")
def pick_zones(namespace: Json, kind: Json, location: Json, *_: Json) -> list[Json]:
    """Answer no zones: a local installation has none."""
    values.texts([namespace, kind, location], "pickZones")
    return []


@function("reference", needs_scope=True)
def reference(scope: Scope, target: Json, _version: Json = None, _full: Json = None) -> Json:
    """Answer the state of a resource."""
    name = values.text(target, "reference")
    resolve = scope.environment.resolve_reference
    answer = resolve(name) if resolve is not None else None
    return _unresolved(scope, "reference", name) if answer is None else answer


def listing(name: str) -> Function:
    """Answer the function of one `list...` operation, such as listKeys or listCallbackUrl."""

    def body(scope: Scope, target: Json, *_: Json) -> Json:
        return _listed(scope, name, values.text(target, name))

    return Function(name, body, needs_scope=True, fewest=1, most=3)


def _listed(scope: Scope, name: str, target: str) -> Json:
    where = scope.environment
    if name.casefold() == "listcallbackurl":
        address = where.resolve_callback_url(target) if where.resolve_callback_url is not None else None
        value: Json = _unresolved_callback(scope, target) if address is None else address
        return {"value": value, "method": "POST", "basePath": value}
    answer = where.resolve_list(name, target) if where.resolve_list is not None else None
    return _unresolved(scope, name, target) if answer is None else answer


def _unresolved_callback(scope: Scope, target: str) -> str:
    # Templates take callback addresses apart (`split(..., 'sig=')[1]`), so that the placeholder has the same parts.
    address = _unresolved(scope, "listCallbackUrl", target)
    return f"{address}/paths/invoke?api-version=2016-10-01&sp=%2Frun&sv=1.0&sig=placeholder"


def _unresolved(scope: Scope, name: str, target: str) -> Placeholder:
    placeholder = Placeholder(f"https://{PLACEHOLDER_HOST}/{name}/{target.lstrip('/')}")
    unresolved = Unresolved(name, target, str(placeholder))
    if unresolved not in scope.report.unresolved:
        scope.report.unresolved[unresolved] = None
        scope.report.note(f"{name}() of '{target}' needs the running target; a placeholder stands for it.")
    return placeholder


def is_listing(name: str) -> bool:
    """Answer whether a name is that of a `list...` operation."""
    return name.casefold().startswith("list") and len(name) > len("list")
