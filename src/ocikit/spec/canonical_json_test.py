from __future__ import annotations

import json
import sys
import traceback
import tracemalloc
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidContent, InvalidInput
from ocikit.spec import canonical_json
from ocikit.testing.strategies import json_values


def _nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


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
        pytest.param(_nested(100_000), id="deep"),
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


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'{"a":"\\ud800"}', id="surrogate"),
        pytest.param(b'{"a":"\\uDFFF"}', id="surrogate-in-capitals"),
        pytest.param(b'{"\\udc00\\ud800":1}', id="surrogates-in-a-key-the-wrong-way-round"),
        pytest.param('{"a":"\udc80"}', id="surrogate-in-text"),
        pytest.param(b'{"a":1' + b"0" * 400_000 + b"}", id="digits"),
        pytest.param(b'{"a":1e999}', id="float-too-large"),
        pytest.param(b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", id="levels"),
        pytest.param(b'{"a":"' + b"x" * canonical_json.MAX_SIZE + b'"}', id="size"),
        pytest.param(b'{"a":[' + b"[]," * 200_000 + b"[]]}", id="lists"),
        pytest.param(b'{"a":"' + b'\\"' * 1_000_000, id="text-without-an-end"),
        pytest.param(b'"' * 1_000_000, id="quotes"),
        pytest.param(b'{"a":"\0"}', id="nul"),
    ],
)
def test_documents_beyond_the_limits_are_refused(data: bytes | str) -> None:
    with pytest.raises(InvalidContent, match=r"^the thing is not") as caught:
        canonical_json.loads_object(data, "the thing")
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "data, value",
    [
        pytest.param(b'{"a":"\\ud83d\\ude00"}', {"a": "\N{GRINNING FACE}"}, id="pair"),
        pytest.param(b'{"a":"\\\\ud800"}', {"a": "\\ud800"}, id="backslash"),
        pytest.param(b'{"a":"\\u0000"}', {"a": "\0"}, id="nul"),
        pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="the-last-counts"),
        pytest.param(b'{"a":"' + b"[" * 1000 + b'"}', {"a": "[" * 1000}, id="brackets-in-text"),
        pytest.param(b'{"a":"\\"' + b"[" * 1000 + b'"}', {"a": '"' + "[" * 1000}, id="quote-and-brackets-in-text"),
        pytest.param(b'{"a":"\\\\","b":[' + b"[]," * 200 + b"[]]}", {"a": "\\", "b": [[]] * 201}, id="lists"),
    ],
)
def test_unusual_documents_are_read(data: bytes, value: Any) -> None:
    assert canonical_json.loads_object(data, "the thing") == value


def test_our_own_documents_may_be_large() -> None:
    data = canonical_json.dumps({"a": ["x" * canonical_json.MAX_SIZE, [[]] * 200_000]})
    assert canonical_json.dumps(canonical_json.loads_object(data, "it", max_size=None)) == data


@pytest.mark.parametrize("item", [b"[]", b"{}", b'{"":{}}', b'"\xc3\xa4\xc3\xa4"', b"0.5", b"12345", b'[""]'])
def test_a_document_of_4_mib_takes_bounded_memory(item: bytes) -> None:
    data = b"[" + b",".join([item] * (canonical_json.MAX_SIZE // (len(item) + 1) - 2)) + b"]"
    tracemalloc.start()
    with suppress(InvalidContent):
        canonical_json.frozen(canonical_json.loads_list(data, "it"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150 * 1024 * 1024


@pytest.mark.parametrize("depth", [90, 101, 900, 1_000, 5_000, 100_000])
@pytest.mark.parametrize("stack", [0, 300, 700, 900])
def test_any_depth_on_any_stack_raises_only_our_errors(depth: int, stack: int) -> None:
    data = b'{"a":' + b"[" * depth + b"]" * depth + b"}"

    def read() -> None:
        with suppress(InvalidContent, InvalidInput):
            canonical_json.dumps(canonical_json.frozen(canonical_json.loads_object(data, "it")))

    def deeper(level: int) -> None:
        read() if level == 0 else deeper(level - 1)

    here = len(list(traceback.walk_stack(None)))
    deeper(max(0, min(stack, sys.getrecursionlimit() - 80) - here))


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
