"""XML to JSON and back, in the convention of Newtonsoft: `@` attributes, `#text`, `#cdata-section`, `?xml`.

Read by expat, which tells what this convention must know and a tree forgets: names and attributes as they were written,
CDATA sections, and whether an empty element was closed in its own tag.

Deviation: a document with a DTD is refused, by every XML function; the service shows it as `!DOCTYPE`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

from sallyport.errors import SallyportError
from sallyport.wdl import json_text, values, xml_names
from sallyport.wdl.budget import Meter
from sallyport.wdl.errors import BudgetExceeded
from sallyport.wdl.values import Json

#: Newtonsoft's own namespace: an element with `Array="true"` in it is an array, also when it is the only one.
#: https://www.newtonsoft.com/json/help/html/ConvertJsonToXml.htm
JSON_NAMESPACE = "http://james.newtonking.com/projects/json"
#: Deepest element that is read; libxml2 stops at the same depth.
DEPTH = 256
#: What one tag, and one character of a document, become in memory, at most.
TAG_BYTES = 150
CHARACTER_BYTES = 2


class XmlError(SallyportError):
    """Raised when a text is not a well-formed document that may be read, or a value cannot become one."""

    code = "InvalidTemplate"
    status = 400


def charge(text: str, meter: Meter) -> None:
    """Charge a document that is about to be parsed."""
    if len(text) > 2_048:
        meter.memory(len(text) * CHARACTER_BYTES + text.count("<") * TAG_BYTES)


def to_json(text: str, meter: Meter) -> dict[str, Json]:
    """Turn an XML document into an object; raises XmlError."""
    charge(text, meter)
    return _Reader(values.utf8(text.removeprefix("\ufeff"))).read()


class _Element:
    """An element while it is read: its nodes in order, as name and value, whatever they are."""

    __slots__ = ("arrays", "attributes", "is_array", "nodes", "ours")

    def __init__(self, attributes: list[str], around: Sequence[_Element]) -> None:
        pairs = list(zip(attributes[::2], attributes[1::2], strict=True))
        #: Whether each prefix that is declared here means Newtonsoft's own namespace.
        self.ours = {name[6:]: value == JSON_NAMESPACE for name, value in pairs if name[:6] == "xmlns:"}
        marks = {name for name, _ in pairs if name.endswith(":Array") and self._is_ours(name[:-6], around)}
        self.is_array = any(name in marks and value.strip() in ("true", "1") for name, value in pairs)
        #: What is shown: neither these marks nor the declaration of their namespace.
        self.attributes = [
            (name, value)
            for name, value in pairs
            if name not in marks and not (name[:6] == "xmlns:" and value == JSON_NAMESPACE)
        ]
        self.nodes: list[tuple[str, Json]] = []
        #: The names of the elements in it that are arrays.
        self.arrays: set[str] = set()

    def _is_ours(self, prefix: str, around: Sequence[_Element]) -> bool:
        # Asked of the elements around, no deeper than `DEPTH`, because each may declare thousands of prefixes.
        return next((each.ours[prefix] for each in (self, *reversed(around)) if prefix in each.ours), False)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.stack = [_Element([], ())]
        self.text: list[str] = []
        self.cdata = False
        self.parser = expat.ParserCreate("utf-8")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self.declaration
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text.append
        self.parser.StartCdataSectionHandler = self.start_cdata
        self.parser.EndCdataSectionHandler = self.end_cdata
        self.parser.CommentHandler = self.comment
        self.parser.ProcessingInstructionHandler = self.instruction

    def read(self) -> dict[str, Json]:
        try:
            self.parser.Parse(self.content, True)
        except expat.ExpatError as error:
            raise XmlError(str(error)) from error
        return _grouped(self.stack[0].nodes, self.stack[0].arrays)

    def node(self, name: str, value: Json) -> None:
        self.flush()
        self.stack[-1].nodes.append((name, value))

    def flush(self) -> None:
        """Make a node of the text so far, unless it is only white space between other nodes."""
        text = "".join(self.text)
        self.text.clear()
        if text and (self.cdata or text.strip(" \t\r\n")):
            self.stack[-1].nodes.append(("#cdata-section" if self.cdata else "#text", text))

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        shown: dict[str, Json] = {"@version": version}
        if encoding is not None:
            shown["@encoding"] = encoding
        if standalone >= 0:
            shown["@standalone"] = "yes" if standalone else "no"
        self.node("?xml", shown)

    def doctype(self, *_: Any) -> None:
        raise XmlError("a document type declaration (DTD) is not allowed")

    def start(self, _: str, attributes: list[str]) -> None:
        self.flush()
        if len(self.stack) > DEPTH:
            raise XmlError(f"elements are nested more than {DEPTH} levels deep")
        self.stack.append(_Element(attributes, self.stack))

    def end(self, name: str) -> None:
        self.flush()
        element = self.stack.pop()
        if element.is_array:
            self.stack[-1].arrays.add(name)
        self.stack[-1].nodes.append((name, self.value(element)))

    def value(self, element: _Element) -> Json:
        if not element.attributes and not element.nodes:
            # `<a/>` is null, `<a></a>` is a text. Here the parser stands behind the one tag or before the second.
            here = self.parser.CurrentByteIndex
            return None if self.content[here - 2 : here] == b"/>" else ""
        if not element.attributes and len(element.nodes) == 1 and element.nodes[0][0] == "#text":
            return element.nodes[0][1]
        shown: dict[str, Json] = {f"@{name}": value for name, value in element.attributes}
        return {**shown, **_grouped(element.nodes, element.arrays)}

    def start_cdata(self) -> None:
        self.flush()
        self.cdata = True

    def end_cdata(self) -> None:
        self.flush()
        self.cdata = False

    def comment(self, _: str) -> None:
        self.node("#comment", None)

    def instruction(self, target: str, data: str) -> None:
        self.node(f"?{target}", data)


def _grouped(nodes: list[tuple[str, Json]], arrays: set[str]) -> dict[str, Json]:
    """Gather nodes by name in the order of the first; several of a name become an array."""
    groups: dict[str, list[Json]] = {}
    for name, value in nodes:
        groups.setdefault(name, []).append(value)
    shown: dict[str, Json] = {}
    for name, found in groups.items():
        if name == "#comment":
            # Newtonsoft writes comments as comments of JSON; what is left of several is an empty array.
            if len(found) > 1:
                shown[name] = []
        else:
            shown[name] = found if len(found) > 1 or name in arrays else found[0]
    return shown


def from_json(value: dict[str, Json], meter: Meter) -> str:
    """Turn an object with one property, the root element, into an XML document; raises XmlError."""
    return _Writer(meter).document(value)


class _Writer:
    """Writes elements as .NET does: `<a />` for null, `<a></a>` for an empty text, no white space between them."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.written: list[str] = []
        self.uncharged = 0
        #: How many of the elements around declare each prefix.
        self.prefixes = Counter({"xml": 1})

    def document(self, value: dict[str, Json]) -> str:
        roots = [(name, root) for name, root in value.items() if name[:1] not in ("?", "#", "!")]
        if "!DOCTYPE" in value:
            raise XmlError("a document type declaration (DTD) is not allowed")
        if len(roots) != 1:
            raise XmlError(f"the root object must have a single property, the root element; it has {len(roots)}")
        name, root = roots[0]
        if isinstance(root, list):
            raise XmlError("the root element must not be an array")
        declaration = value.get("?xml")
        if isinstance(declaration, dict):
            shown = "".join(
                f' {key[1:]}="{self.attribute(declaration[key])}"'
                for key in ("@version", "@encoding", "@standalone")
                if key in declaration
            )
            self.add(f"<?xml{shown}?>")
        self.element(name, root, 1)
        self.meter.memory(self.uncharged)
        return "".join(self.written)

    def add(self, text: str) -> None:
        self.written.append(text)
        self.uncharged += len(text) + 8
        if self.uncharged > 4_096:
            self.meter.memory(self.uncharged)
            self.uncharged = 0

    def element(self, name: str, value: Json, depth: int) -> None:
        if depth > min(DEPTH, self.meter.budget.json_depth):
            raise BudgetExceeded("The value is nested too deep to become an XML document.")
        attributes = _attributes(value)
        declared = [key[7:] for key in attributes if key.startswith("@xmlns:")]
        self.prefixes.update(declared)
        self.tags(name, value, attributes, depth)
        self.prefixes.subtract(declared)

    def tags(self, name: str, value: Json, attributes: dict[str, Json], depth: int) -> None:
        tag = self.qualified(name)
        shown = "".join(
            f' {self.qualified(key[1:], "xmlns")}="{self.attribute(entry)}"' for key, entry in attributes.items()
        )
        if value is None or (isinstance(value, dict) and len(attributes) == len(value)):
            self.add(f"<{tag}{shown} />")
            return
        self.add(f"<{tag}{shown}>")
        if isinstance(value, dict):
            for key, entry in value.items():
                if key not in attributes:
                    self.child(key, entry, depth + 1)
        elif isinstance(value, list):
            for entry in value:
                self.element(name, entry, depth + 1)
        else:
            self.add(_escaped(_scalar(value)))
        self.add(f"</{tag}>")

    def child(self, name: str, value: Json, depth: int) -> None:
        for entry in value if isinstance(value, list) else [value]:
            if name in ("#text", "#whitespace", "#significant-whitespace"):
                self.add(_escaped(_scalar(entry)))
            elif name == "#cdata-section":
                self.add(f"<![CDATA[{_allowed(_scalar(entry)).replace(']]>', ']]]]><![CDATA[>')}]]>")
            elif name.startswith("#comment"):
                continue
            else:
                self.element(name, entry, depth)

    def qualified(self, name: str, reserved: str = "") -> str:
        """Encode a name; a prefix that was not declared, and is not the reserved one, is dropped."""
        prefix, colon, local = name.partition(":")
        encoded = xml_names.encode_name((local if colon and prefix else name).replace(":", "\x00")).replace(
            "_x0000_", "_x003A_"
        )
        if not encoded:
            raise XmlError("an element or attribute must have a name")
        known = bool(colon and prefix) and (prefix == reserved or self.prefixes[prefix] > 0)
        return f"{prefix}:{encoded}" if known else encoded

    def attribute(self, value: Json) -> str:
        text = _escaped(_scalar(value)).replace('"', "&quot;")
        return text.replace("\t", "&#x9;").replace("\n", "&#xA;")


def _attributes(value: Json) -> dict[str, Json]:
    """Pick the properties that are attributes: they begin with `@` and are neither objects nor arrays."""
    if not isinstance(value, dict):
        return {}
    return {
        key: entry
        for key, entry in value.items()
        if key[:1] == "@" and len(key) > 1 and not isinstance(entry, dict | list)
    }


def _scalar(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, dict | list):
        raise XmlError("text must be a string, a number or a boolean")
    if isinstance(value, bool):
        return "true" if value else "false"
    return json_text.float_text(value) if isinstance(value, float) else values.to_text(value)


def _allowed(text: str) -> str:
    found = xml_names.FORBIDDEN.search(text)
    if found is not None:
        raise XmlError(f"the character U+{ord(found.group()):04X} may not stand in XML")
    return text


def _escaped(text: str) -> str:
    shown = _allowed(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return shown.replace("\r", "&#xD;")
