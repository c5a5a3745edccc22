"""Names and values of XML, encoded as .NET's XmlConvert and SecurityElement do: `a b` is the name `a_x0020_b`."""

from __future__ import annotations

import re

#: XML 1.0 (fifth edition), productions 4 and 4a, without the colon.
_START = (
    "A-Z_a-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f\u2c00-\u2fef"
    "\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_REST = _START + r"\-.0-9\u00b7\u0300-\u036f\u203f\u2040"
#: Names may use every plane but the last two.
_PLANES = "\U00010000-\U000effff"
#: A `_` that would read as the start of an escape is escaped itself.
_WRONG_START = re.compile(rf"[^{_START}{_PLANES}:]|_(?=x[0-9A-Fa-f]{{4}}_|x[0-9A-Fa-f]{{8}}_)")
_WRONG_REST = re.compile(rf"[^{_REST}{_PLANES}:]|_(?=x[0-9A-Fa-f]{{4}}_|x[0-9A-Fa-f]{{8}}_)")
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})_")
_ENTITY = re.compile(r"&(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6})|(amp|lt|gt|quot|apos));")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;"})
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
#: What no XML 1.0 document may contain, not even escaped.
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def encode_name(name: str) -> str:
    """Escape whatever may not stand in an XML name as `_xHHHH_`; colons stay."""
    first = _WRONG_START.match(name)
    if first is None:
        return _WRONG_REST.sub(_escape, name)
    return _escape(first) + _WRONG_REST.sub(_escape, name[1:])


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"_x{code:04X}_" if code <= 0xFFFF else f"_x{code:08X}_"


def decode_name(name: str) -> str:
    """Undo `encode_name`."""
    return _ESCAPED.sub(lambda match: _character(int(match[1], 16), match[0]), name)


def encode_value(text: str) -> str:
    """Escape the five characters that are markup."""
    return text.translate(_MARKUP)


def decode_value(text: str) -> str:
    """Undo `encode_value`, and resolve references to characters by number."""
    return _ENTITY.sub(_resolved, text)


def _resolved(match: re.Match[str]) -> str:
    decimal, hexadecimal, name = match.groups()
    if name:
        return _ENTITIES[name]
    return _character(int(decimal) if decimal else int(hexadecimal, 16), match[0])


def _character(code: int, otherwise: str) -> str:
    return chr(code) if code < 0xD800 or 0xE000 <= code <= 0x10FFFF else otherwise
