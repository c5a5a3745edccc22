"""`sallyport openapi`: the OpenAPI description of the Graph surface, from the tables of this installation."""

from __future__ import annotations

import click
import orjson


@click.command("openapi")
@click.option("--json", "compact", is_flag=True, help="Print the document on one line.")
def command(compact: bool) -> None:
    """Print the OpenAPI 3.1 description of the Graph surface; no server need be running.

    A server shows the same at /openapi.json. Give it to a generator of clients, a gateway or a fuzzer.
    """
    from sallyport.graph import openapi
    from sallyport.graph.routes import DESCRIBED

    document = openapi.document(DESCRIBED)
    click.echo(orjson.dumps(document, option=0 if compact else orjson.OPT_INDENT_2).decode())
