"""Random alerts and random filters over them, drawn from few values, so that filters hit."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

_TEXTS = ["", "a", "A", "ab", "b%", "_", "pc1.contoso.com", "PC1", "it's", "ä", "😀", "5", "true", "a b", "\\", '"']
_TIMES = ["2022-01-01T00:00:00Z", "2022-01-01T00:00:00.1Z", "2022-01-01T00:00:00.1000001Z", "2022-04-11T22:37:04.5Z"]
_SEVERITIES = ["unknown", "informational", "low", "medium", "high"]
_ODD = st.sampled_from([None, 5, 5.5, True, "x", [], {}, [1], {"a": "b"}])

_text = st.sampled_from(_TEXTS)
_number = st.sampled_from([0, 1, -1, 5, 99, 5.5, -0.25, 2**40])


def _or_odd(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(usual, usual, usual, _ODD)


def _object(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional={name: _or_odd(each) for name, each in members.items()})


_hash = _object(hashType=st.sampled_from(["sha1", "sha256", "SHA256"]), hashValue=_text)
_host = _object(fqdn=_text, isAzureAdJoined=st.booleans(), netBiosName=_text)
_process = _object(name=_text, createdDateTime=st.sampled_from(_TIMES), fileHash=_hash, processId=_number)

alerts: st.SearchStrategy[Json] = _object(
    title=_text,
    category=_text,
    assignedTo=_text,
    severity=st.sampled_from(_SEVERITIES),
    status=st.sampled_from(["newAlert", "inProgress", "resolved"]),
    confidence=_number,
    createdDateTime=st.sampled_from(_TIMES),
    eventDateTime=st.sampled_from(_TIMES),
    vendorInformation=_object(provider=st.sampled_from(["ASC", "Azure Security Center", "IPC"]), vendor=_text),
    tags=st.lists(_or_odd(_text), max_size=3),
    hostStates=st.lists(_or_odd(_host), max_size=3),
    processes=st.lists(_or_odd(_process), max_size=2),
    custom=st.one_of(_text, _number, st.booleans()),
)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_literal_text = _text.map(_quoted)
_literal_number = _number.map(str)
_literal_time = st.sampled_from([*_TIMES, "2022-01-01", "'2022-04-11T22:37:04.5Z'", "2022-01-01T01:00:00.1+01:00"])
_order = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
_equality = st.sampled_from(["eq", "ne"])


def _join(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


def _texts(*paths: str) -> st.SearchStrategy[str]:
    plain = st.sampled_from(paths)
    return st.one_of(
        plain,
        _join("tolower(", plain, ")"),
        _join("trim(", plain, ")"),
        _join("concat(", plain, ", ", _literal_text, ")"),
        _join("substring(", plain, ", 1)"),
        _join("substring(", plain, ", 0, 2)"),
    )


def _about_texts(*paths: str) -> st.SearchStrategy[str]:
    texts = _texts(*paths)
    other = st.one_of(_literal_text, texts)
    return st.one_of(
        _join(texts, " ", _order, " ", other),
        _join(st.sampled_from(["contains", "startswith", "endswith"]), "(", texts, ", ", other, ")"),
        _join("contains(", texts, ", ", other, ") ", _equality, " true"),
        _join(texts, " in (", _literal_text, ", ", _literal_text, ", null)"),
        _join(texts, " ", _equality, " null"),
        _join("length(", texts, ") ", _order, " 2"),
        _join("indexof(", texts, ", ", other, ") ", _order, " 0"),
    )


def _about_others() -> st.SearchStrategy[str]:
    return st.one_of(
        _join("severity ", _order, " ", st.sampled_from(_SEVERITIES).map(_quoted)),
        _join("tolower(severity) eq ", st.sampled_from(_SEVERITIES).map(_quoted)),
        _join("status ", _equality, " 'newAlert' or 'resolved'"),
        _join("confidence ", _order, " ", _literal_number),
        _join("confidence ", _equality, " null"),
        _join(st.sampled_from(["createdDateTime", "eventDateTime"]), " ", _order, " ", _literal_time),
        _join("createdDateTime ", _order, " eventDateTime"),
        _join("second(createdDateTime) ", _order, " 0"),
        _join("date(createdDateTime) ", _order, " 2022-01-01"),
        _join("Provider ", _equality, " 'ASC' or 'x'"),
        _join("vendorInformation ", _equality, " null"),
        _join("custom ", _order, " ", st.one_of(_literal_text, _literal_number)),
        _join("custom ", _equality, st.sampled_from([" true", " null"])),
        _join("tags/$count ", _order, " 1"),
    )


def _about_collections(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    quantifier = st.sampled_from(["any", "all"])
    host = st.one_of(
        _about_texts("h/fqdn", "h/netBiosName", "title"),
        _join("h/isAzureAdJoined", st.sampled_from(["", " eq true", " ne true", " eq null"])),
        inner,
    )
    process = st.one_of(
        _about_texts("p/name", "p/fileHash/hashValue"),
        _join("p/fileHash/hashType ", _order, " 'sha256'"),
        _join("p/createdDateTime ", _order, " ", _literal_time),
        _join("p/processId ", _order, " ", _literal_number),
        _join("hostStates/", quantifier, "(h: h/fqdn eq p/name)"),
    )
    return st.one_of(
        st.sampled_from(["tags/any()", "hostStates/any()"]),
        _join("tags/", quantifier, "(t: ", _about_texts("t", "category"), ")"),
        _join("hostStates/", quantifier, "(h: ", host, ")"),
        _join("processes/", quantifier, "(p: ", process, ")"),
    )


_leaves = st.one_of(_about_texts("title", "category", "assignedTo"), _about_others())

filters: st.SearchStrategy[str] = st.recursive(
    st.one_of(_leaves, _about_collections(_leaves)),
    lambda inner: st.one_of(
        _join("(", inner, ") and (", inner, ")"),
        _join(inner, " or ", inner),
        _join("not (", inner, ")"),
        _join("(not (", inner, ")) ", _equality, st.sampled_from([" null", " true", " contains(title, 'a')"])),
        _about_collections(_join("(", inner, ")")),
    ),
    max_leaves=5,
)
