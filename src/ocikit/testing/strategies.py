"""Wild values for hypothesis: any JSON, and JSON that is nearly valid."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Union

from hypothesis import strategies as st

_LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["sha256:" + "0" * 64, "linux", "amd64", "a/b", 2, -1])
)


def json_values() -> st.SearchStrategy[Any]:
    """Any JSON value, small."""
    return st.recursive(
        _LEAVES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=8,
    )


def damaged(document: Any) -> st.SearchStrategy[Any]:
    """`document` with some of its members, at any depth, replaced or left out."""
    if isinstance(document, dict):
        return st.fixed_dictionaries(
            {}, optional={key: damaged(value) for key, value in document.items()}
        ) | json_values()  # fmt: skip
    if isinstance(document, list) and document:
        return st.lists(st.one_of(*map(damaged, document)), max_size=3) | json_values()
    return st.just(document) | json_values()


# Values that may break a reader; the texts between "@" are placeholders for what Python's own JSON writer would not
# write.
_RAW: Mapping[str, str] = MappingProxyType(
    {
        "@90 lists@": "[" * 90 + "]" * 90,
        "@101 lists@": "[" * 101 + "]" * 101,
        "@900 objects@": '{"a":' * 900 + "1" + "}" * 900,
        "@100000 lists@": "[" * 100_000,
        "@5000 digits@": "9" * 5000,
        "@400 digits@": "9" * 400,
        "@not a number@": "NaN",
        "@infinite@": "1e999",
        "@half a string@": '"\\',
    }
)
_WILD_VALUES: tuple[Any, ...] = (
    *_RAW,
    None,
    True,
    -1,
    0,
    0.5,
    2**63 - 1,
    2**63,
    10**300,
    "",
    "\0",
    "\ud800",
    "\udfff\ud800",
    "\x1b[2J\u202e\u2028\n",
    "\uff11\u00b2",
    "=",
    "../..",
    "sha512:" + "0" * 128,
    [],
    {},
    [None],
    [[]],
    [{}],
    {"": None},
    {"\ud800": "\udc00"},
    {"a": 1},
)
_WILD: st.SearchStrategy[Any] = st.sampled_from(_WILD_VALUES)


def hostile(document: Any) -> st.SearchStrategy[bytes]:
    """`document` as JSON with unexpected values of some members, and sometimes with damaged bytes."""

    @st.composite
    def changed(draw: st.DrawFn) -> bytes:
        value = json.loads(json.dumps(document))
        for _ in range(draw(st.integers(1, 3))):
            value = _changed(value, draw(st.sampled_from(_paths(value))), draw(_WILD | json_values()))
        text = json.dumps(value, ensure_ascii=draw(st.booleans()))
        for placeholder, raw in _RAW.items():
            text = text.replace(f'"{placeholder}"', raw)
        data = text.encode("utf-8", "surrogatepass")
        if draw(st.integers(0, 9)) == 0:
            position = draw(st.integers(0, len(data)))
            data = data[:position] + draw(st.binary(max_size=4)) + data[position + draw(st.integers(0, 4)) :]
        return data

    return changed()


_Path = tuple[Union[str, int], ...]


def _paths(value: Any, here: _Path = ()) -> list[_Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in items for path in _paths(item, (*here, key)))]


def _changed(value: Any, path: _Path, to: Any) -> Any:
    if not path:
        return to
    copied = value.copy()
    copied[path[0]] = _changed(value[path[0]], path[1:], to)
    return copied
