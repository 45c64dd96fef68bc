from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.migrate.build_file import WIDTH, Call, Target, build_text, target_text


def test_short_targets_take_one_line_and_others_one_line_per_field() -> None:
    targets = (
        Target("files", "a", {"sources": ["x/**", "!y"]}, ("one", "")),
        Target("oci_layer", "b", {"directory": "/srv", "owner": None, "unpack": True}),
    )
    assert build_text(targets, ("top",)) == (
        "# top\n\n"
        '# one\n#\nfiles(name="a", sources=["x/**", "!y"])\n\n'
        'oci_layer(\n    name="b",\n    directory="/srv",\n    unpack=True,\n)\n'
    )


def test_long_values_have_one_item_per_line() -> None:
    words = [f"word number {number}" for number in range(8)]
    text = target_text(Target("t", "n", {"a": words, "b": {"k": words}, "c": Call("parametrize", tuple(words))}))
    assert "    a=[\n        " in text
    assert '    b={\n        "k": [\n            "word number 0",\n' in text
    assert "    c=parametrize(\n" in text
    assert max(map(len, text.splitlines())) <= WIDTH


@pytest.mark.parametrize(
    "value, literal",
    [
        ("it's", '"it\'s"'),
        ('say "x"', "'say \"x\"'"),
        ('it\'s "x"', "'it\\'s \"x\"'"),
        ("it's it's \"", '"it\'s it\'s \\""'),
        ("a\\b\n", '"a\\\\b\\n"'),
        ("é", '"é"'),
    ],
)
def test_strings_have_double_quotes_unless_these_need_more_backslashes(value: str, literal: str) -> None:
    assert target_text(Target("t", value)) == f"t(name={literal})\n"


_TEXTS = st.text(alphabet="ab '\"\\\n\té", max_size=40)
_VALUES = st.recursive(
    _TEXTS | st.booleans() | st.integers(0, 99),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES))
def test_python_reads_the_same_values(fields: dict[str, object]) -> None:
    (statement,) = ast.parse(target_text(Target("t", "n", fields))).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert {word.arg: ast.literal_eval(word.value) for word in statement.value.keywords} == {"name": "n", **fields}
