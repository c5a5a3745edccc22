"""docs/reference/connectors.md: every operation of the connectors that come along, from their Swagger files."""

from __future__ import annotations

from drawing import markdown
from drawing.operations import meaning, type_name
from sallyport.connectors import catalog
from sallyport.connectors.catalog import SAME_AS, Connector
from sallyport.connectors.swagger import Operation, Parameter


def page() -> str:
    """Draw the page."""
    connectors = catalog.built_in()
    return markdown.page(
        "Connectors",
        "What `ApiConnection` and `ApiConnectionWebhook` actions and triggers can call. A connection is bound "
        "by name: its\n"
        "API's id, with or without `shared_`, says which connector is meant. Each is described by its "
        "`swagger.json`, which\n"
        "the generic caller, the designer and this page read alike.",
        *(_connector(connectors[api]) for api in sorted(connectors)),
    )


def _connector(connector: Connector) -> str:
    also = [f"`{other}`" for other, api in SAME_AS.items() if api == connector.api]
    same = f" The API ids {', '.join(also)} mean this connector too." if also else ""
    actions = [each for each in connector.swagger.operations if not each.trigger]
    triggers = [each for each in connector.swagger.operations if each.trigger]
    counted = f"{len(actions)} {'action' if len(actions) == 1 else 'actions'}"
    if triggers:
        counted += f" and {len(triggers)} {'trigger' if len(triggers) == 1 else 'triggers'}"
    about = f"**{connector.swagger.title}**, {counted}. {connector.swagger.description}{same}"
    return "\n\n".join([f"## {connector.api}", about, *(_operation(each) for each in (*actions, *triggers))])


def _operation(operation: Operation) -> str:
    kind = {"": "Action", "single": "Trigger", "batch": "Trigger"}[operation.trigger]
    if operation.is_webhook:
        kind += ", answered later"
    if operation.is_deprecated:
        kind += ", deprecated"
    hint = [operation.trigger_hint] if operation.trigger_hint else []
    return "\n\n".join(
        line
        for line in [
            f"### {operation.summary or operation.id}",
            f"{kind} `{operation.id}`: `{operation.method} {operation.path}`",
            " ".join([operation.description, *hint]),
            markdown.table(
                ("parameter", "in", "type", "required", "meaning"), (_parameter(each) for each in operation.parameters)
            ),
        ]
        if line
    )


def _parameter(parameter: Parameter) -> tuple[str, str, str, str, str]:
    told = {"title": parameter.summary, "description": parameter.description}
    limits = {key: value for key, value in parameter.schema.items() if key in ("enum", "minimum", "maximum", "default")}
    schema = {**limits, **{key: value for key, value in told.items() if value}}
    required = "yes" if parameter.required else ""
    return (f"`{parameter.name}`", parameter.place, type_name(parameter.schema), required, meaning(schema))
