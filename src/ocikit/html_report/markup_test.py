from __future__ import annotations

import pytest

from ocikit.html_report.markup import Markup, element, joined


@pytest.mark.parametrize(
    "text, shown",
    [
        pytest.param("<script>", "&lt;script&gt;", id="element"),
        pytest.param("\"'&", "&quot;&#x27;&amp;", id="quotes"),
        pytest.param("a\x00\x1bb\n\u202e", r"a\x00\x1bb\n\u202e", id="controls"),
        pytest.param("\udc80", r"\udc80", id="surrogate"),
    ],
)
def test_text_is_escaped(text: str, shown: str) -> None:
    assert joined(text) == shown
    assert element("p", text, title=text) == f'<p title="{shown}">{shown}</p>'


def test_elements() -> None:
    assert element("p", Markup("<b>x</b>"), "y", class_="z", aria_label="l") == (
        '<p class="z" aria-label="l"><b>x</b>y</p>'
    )
    assert element("details", open=True) == "<details open></details>"
    assert element("details", open=False, id=None) == "<details></details>"
    assert element("rect", width=1) == '<rect width="1"/>'
    assert element("meta", name="n") == '<meta name="n">'
