"""docs/reference/metrics.md: every metric, from the table that they are registered from."""

from __future__ import annotations

from drawing import markdown
from sallyport.web import scraping
from sallyport.web.metrics import METRICS, PREFIX


def page() -> str:
    """Draw the page."""
    rows = (
        (markdown.code(PREFIX + name), metric.kind, markdown.codes(metric.labels), metric.meaning)
        for name, metric in METRICS.items()
    )
    return markdown.page(
        "Metrics",
        "What `/metrics` shows, in the text format of Prometheus: to programs on the same machine, and to tokens with\n"
        f"the permission `{scraping.PERMISSION}`. Labels have few values, and none of them comes from an alert, an\n"
        "indicator or a playbook. Beside these there are the usual ones of the process: `process_*`, `python_*`.\n"
        "What to watch is in [Monitor the server](../howto/monitor.md).",
        markdown.table(("metric", "kind", "labels", "meaning"), rows),
    )
