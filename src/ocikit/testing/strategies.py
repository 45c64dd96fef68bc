"""Wild values for hypothesis: any JSON, and JSON that is nearly what is wanted."""

from __future__ import annotations

from typing import Any

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
