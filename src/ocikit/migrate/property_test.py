"""Every Dockerfile is rejected, or converted to a BUILD file that Python reads."""

from __future__ import annotations

import ast
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.migrate.build_context import DIRECTORY, Context, ContextFile
from ocikit.migrate.build_file import build_text
from ocikit.migrate.convert import Wishes, convert, report_lines
from ocikit.migrate.dockerfile import INSTRUCTIONS, parse_dockerfile
from ocikit.migrate.dockerignore import Ignore

FILES = (ContextFile("a"), ContextFile("b", DIRECTORY), ContextFile("b/a"), ContextFile("b/b", DIRECTORY))
_LINES = st.tuples(
    st.sampled_from(sorted(INSTRUCTIONS)),
    st.sampled_from(["", "--chown=1 ", "--chmod=7 ", "--from=x ", "--interval=1s "]),
    st.text(alphabet="ab/.*[]$\"'\\={}:, -<0", max_size=12),
)


@given(st.sampled_from(["scratch", "x"]), st.lists(_LINES, max_size=6), st.sampled_from(["", "a", "*\n!b", "**/a"]))
def test_every_dockerfile_is_converted_or_rejected(base: str, lines: list[tuple[str, str, str]], ignored: str) -> None:
    text = "\n".join((f"FROM {base}", *(f"{name} {flags}{rest}" for name, flags, rest in lines)))
    context = Context(everything={file.path: file for file in FILES}, ignore=Ignore.parse(ignored))
    with suppress(InvalidInput):
        conversion = convert(parse_dockerfile(text), context, Wishes())
        written = build_text(conversion.targets, report_lines(conversion.notes))
        calls = [node.value for node in ast.parse(written).body if isinstance(node, ast.Expr)]
        assert len(calls) == len(conversion.targets)
        names = [target.name for target in conversion.targets]
        assert len(set(names)) == len(names)
