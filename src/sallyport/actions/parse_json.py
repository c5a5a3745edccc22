"""ParseJson: text or a value, checked against a JSON schema, so that its properties can be relied on."""

from __future__ import annotations

from typing import Any

from sallyport.actions import http_content, json_schema
from sallyport.actions import inputs as read
from sallyport.engine.action_type import action
from sallyport.engine.context import ActionContext
from sallyport.engine.outcome import Failed, Outcome, Succeeded
from sallyport.wdl import values


@action("ParseJson", derives=True)
async def parse_json(inputs: Any, _ctx: ActionContext) -> Outcome:
    """Answer the parsed `content` as `body`; content that is not as the `schema` says fails the action."""
    content = _parsed(read.member(inputs, "content"))
    schema = read.member(inputs, "schema")
    if schema is None or schema == {}:
        return Succeeded({"body": content})
    faults = await json_schema.checked(schema, content)
    if not faults:
        return Succeeded({"body": content})
    message = f"The content does not conform to the schema: {'; '.join(fault['message'] for fault in faults[:3])}"
    return Failed("ActionSchemaInvalid", message, {"body": content, "errors": faults})


def _parsed(content: Any) -> Any:
    """Answer content as a value: a text, and an envelope's text, is read as JSON."""
    if content is None:
        raise read.InvalidInputs("Required property 'content' expects a value but got null. Path ''.")
    if values.is_envelope(content):
        content = values.envelope_text(content)
    if not isinstance(content, str):
        return content
    try:
        return http_content.read_json(content.removeprefix("\ufeff"), line_breaks=True)
    except ValueError as error:
        raise read.InvalidInputs(f"The 'content' is not valid JSON: {error}.") from None
