from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit import canonical_json
from ocikit.errors import InvalidContent, InvalidInput
from ocikit.testing.strategies import json_values


@pytest.mark.parametrize(
    "value, data",
    [
        pytest.param({"b": 1, "a": [True, None]}, b'{"a":[true,null],"b":1}', id="sorted"),
        pytest.param({"ä": "€\u2028"}, '{"ä":"€\u2028"}'.encode(), id="utf-8"),
        pytest.param({"a": "<&>"}, b'{"a":"<&>"}', id="no-html-escapes"),
        pytest.param({"a": '"\\\n\x01\x7f'}, b'{"a":"\\"\\\\\\n\\u0001\x7f"}', id="control"),
        pytest.param((1, (2,)), b"[1,[2]]", id="tuples"),
        pytest.param(canonical_json.frozen({"a": [{}]}), b'{"a":[{}]}', id="frozen"),
        pytest.param({"n": 2**70}, b'{"n":1180591620717411303424}', id="large-number"),
    ],
)
def test_dumps(value: Any, data: bytes) -> None:
    assert canonical_json.dumps(value) == data


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(1.0, id="float"),
        pytest.param({"a": [{"b": 0.5}]}, id="float-inside"),
        pytest.param({1: "a"}, id="key-is-a-number"),
        pytest.param({"a": {None: 1}}, id="key-is-none"),
        pytest.param({"a": b"bytes"}, id="bytes"),
        pytest.param({"a": {"b"}}, id="set"),
        pytest.param({"a": "\ud800"}, id="lone-surrogate"),
        pytest.param({"\udfff": 1}, id="lone-surrogate-in-a-key"),
    ],
)
def test_dumps_refuses(value: Any) -> None:
    with pytest.raises(InvalidInput):
        canonical_json.dumps(value)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="array"),
        pytest.param(b'"a"', id="text"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"{} {}", id="two"),
        pytest.param(b'{"a":NaN}', id="nan"),
        pytest.param(b'{"a":-Infinity}', id="infinity"),
        pytest.param(b'{"a":"\xff"}', id="not-utf-8"),
        pytest.param("{}".encode("utf-16"), id="utf-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte-order-mark"),
        pytest.param(b'{"a":' + b"[" * 100_000, id="deep"),
        pytest.param(b"<html></html>", id="html"),
    ],
)
def test_loads_object_refuses(data: bytes) -> None:
    with pytest.raises(InvalidContent, match=r"^the thing is not"):
        canonical_json.loads_object(data, "the thing")


def _has_float(value: Any) -> bool:
    if isinstance(value, (list, dict)):
        return any(map(_has_float, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


@given(st.dictionaries(st.text(max_size=8), json_values()).filter(lambda v: not _has_float(v)))
def test_written_and_read_again(value: Any) -> None:
    data = canonical_json.dumps(value)
    assert canonical_json.loads_object(data, "it") == value == json.loads(data)
    assert canonical_json.dumps(json.loads(data)) == data
    assert canonical_json.dumps(canonical_json.frozen(value)) == data


@given(st.binary())
def test_any_bytes_are_an_object_or_invalid_content(data: bytes) -> None:
    with suppress(InvalidContent):
        assert isinstance(canonical_json.loads_object(data, "it"), dict)


def test_frozen_is_a_copy_that_cannot_be_changed() -> None:
    inner = ["a"]
    value = canonical_json.frozen({"k": {"list": inner}})
    inner.append("b")
    assert value["k"]["list"] == ("a",)
    with pytest.raises(TypeError):
        value["k"]["list"] = ()
