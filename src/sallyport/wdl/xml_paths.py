"""XML documents as trees, and XPath 1.0 over them, by libxml2.

No DTD, no entity, no network, no document of unusual depth; and a path is refused before it runs when it would visit
too many nodes.
"""

from __future__ import annotations

import re

from lxml import etree

from sallyport.wdl import values
from sallyport.wdl.budget import Meter
from sallyport.wdl.errors import BudgetExceeded
from sallyport.wdl.values import Json
from sallyport.wdl.xml_json import XmlError, charge

CONTENT_TYPE = "application/xml;charset=utf-8"
#: How many nodes a path may visit, roughly: about a second of work.
MAX_VISITS = 100_000_000
#: What counts in the estimate: wide axes, brackets, and what begins another path; text in quotes is passed over.
_MARKS = re.compile(
    r"(?P<wide>//|(?:descendant|ancestor|following|preceding)[\w-]*\s*::)|(?P<open>[\[(])|(?P<close>[\])])"
    r"|(?P<other>[|=<>,+]|\b(?:and|or)\b)|\"[^\"]*\"|'[^']*'"
)


def parse(text: str, meter: Meter) -> etree._Element:
    """Parse a document and answer its root element; raises XmlError."""
    charge(text, meter)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        strip_cdata=False,
    )
    try:
        root = etree.fromstring(values.utf8(text.removeprefix("\ufeff")), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlError(str(error)) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise XmlError("a document type declaration (DTD) is not allowed")
    return root


def find(text: str, path: str, meter: Meter) -> Json:
    """Evaluate an XPath: a node set is an array, everything else a float, a string or a boolean; raises XmlError."""
    root = parse(text, meter)
    _refuse_endless(path, text.count("<") + text.count("="))
    # concat() may write the document once for each of its parameters.
    meter.memory(len(text) * path.count(","))
    try:
        found = etree.XPath(path, regexp=False, smart_strings=False)(root.getroottree())
    except (etree.XPathError, ValueError) as error:
        raise XmlError(f"the XPath is not valid: {error}") from error
    if not isinstance(found, list):
        return found if isinstance(found, bool | float) else str(found)
    meter.items(len(found))
    return [_node(node, meter) for node in found]


def _node(node: object, meter: Meter) -> Json:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):
        # A namespace node: its prefix and its name.
        return str(node[1])
    content = etree.tostring(node, encoding="utf-8", with_tail=False)  # type: ignore[call-overload]
    meter.memory(len(content) * 2)
    return values.envelope(content, CONTENT_TYPE)


def _refuse_endless(path: str, nodes: int) -> None:
    """Estimate the visits of a path: the nodes of the document, to the power of the wide axes in a row."""
    width = widest = 0
    entries: list[int] = [0]
    outer: list[int] = []
    for match in _MARKS.finditer(path):
        if match["wide"]:
            width += 1
            widest = max(widest, width)
        elif match["open"]:
            # What stands in brackets may run once for every node that the path so far has found.
            outer.append(width)
            entries.append(width)
        elif match["close"] and outer:
            width = outer.pop()
            entries.pop()
        elif match["other"]:
            width = entries[-1]
    if widest > 1 and nodes**widest > MAX_VISITS:
        raise BudgetExceeded(f"The XPath would visit too many nodes of a document with about {nodes} of them.")
