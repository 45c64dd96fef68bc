from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocikit.errors import InvalidInput
from ocikit.migrate.dockerfile import Instruction, parse_dockerfile


def parsed(text: str) -> list[tuple[str, int, str]]:
    return [(one.name, one.line, one.text) for one in parse_dockerfile(text).instructions]


@pytest.mark.parametrize(
    "text, instructions",
    [
        pytest.param("from scratch\ncMd a", [("FROM", 1, "scratch"), ("CMD", 2, "a")], id="any-case"),
        pytest.param("\n  FROM\tscratch  \n\n", [("FROM", 2, "scratch")], id="white-space"),
        pytest.param("\ufeffFROM scratch\r\nCMD a\r\n", [("FROM", 1, "scratch"), ("CMD", 2, "a")], id="windows"),
        pytest.param("FROM scratch\nCMD a \\\n  b", [("FROM", 1, "scratch"), ("CMD", 2, "a   b")], id="continued"),
        pytest.param(
            "FROM scratch\nCMD a \\  \n b", [("FROM", 1, "scratch"), ("CMD", 2, "a  b")], id="blanks-after-escape"
        ),
        pytest.param(
            "FROM scratch\nCMD a \\\n# x\n\n b", [("FROM", 1, "scratch"), ("CMD", 2, "a  b")], id="comment-inside"
        ),
        pytest.param("FROM scratch\nCMD a \\\\\n", [("FROM", 1, "scratch"), ("CMD", 2, "a \\\\")], id="escaped-escape"),
        pytest.param("FROM scratch\nCMD a # b", [("FROM", 1, "scratch"), ("CMD", 2, "a # b")], id="no-comment"),
        pytest.param(
            "# syntax=x\n# escape=`\nFROM scratch\nCMD a `\n b\\",
            [("FROM", 3, "scratch"), ("CMD", 4, "a  b\\")],
            id="escape",
        ),
        pytest.param(
            "\n# escape=`\nFROM scratch\nCMD a `", [("FROM", 3, "scratch"), ("CMD", 4, "a `")], id="no-directive"
        ),
        pytest.param("FROM scratch\nCMD a \\", [("FROM", 1, "scratch"), ("CMD", 2, "a")], id="continued-by-the-end"),
        pytest.param("ARG A=1\nFROM $A", [("ARG", 1, "A=1"), ("FROM", 2, "$A")], id="argument-first"),
        pytest.param(
            "FROM scratch\nRUN <<A <<-'B' cat\nx\nA\nCMD y\n\tB\nCMD z",
            [("FROM", 1, "scratch"), ("RUN", 2, "<<A <<-'B' cat"), ("CMD", 7, "z")],
            id="heredocs",
        ),
        pytest.param(
            "FROM scratch\nRUN cat <<<A; echo $((1<<B))\nCMD a",
            [("FROM", 1, "scratch"), ("RUN", 2, "cat <<<A; echo $((1<<B))"), ("CMD", 3, "a")],
            id="no-heredocs",
        ),
    ],
)
def test_parse(text: str, instructions: list[tuple[str, int, str]]) -> None:
    assert parsed(text) == instructions


def test_flags_come_first() -> None:
    one = parse_dockerfile("FROM scratch\nCOPY --chown=1:1 --link a --b c").instructions[1]
    assert (one.flags, one.text) == ((("chown", "1:1"), ("link", "")), "a --b c")


@pytest.mark.parametrize(
    "text, words",
    [
        pytest.param('["a", "b c"]', ("a", "b c"), id="json"),
        pytest.param("[]", (), id="empty"),
        pytest.param("['a']", None, id="other-quotes"),
        pytest.param("[1]", None, id="number"),
        pytest.param("a b", None, id="shell"),
        pytest.param('["a"] x', None, id="more"),
        pytest.param("[" * 20000, None, id="deep"),
    ],
)
def test_json_form(text: str, words: tuple[str, ...] | None) -> None:
    assert Instruction("CMD", 1, text).words() == words


@pytest.mark.parametrize(
    "text, message",
    [
        pytest.param(
            "", 'D: expected "FROM IMAGE" or "FROM scratch" before other instructions, got no FROM', id="empty"
        ),
        pytest.param(
            "FROM scratch\n\nFORM x", 'D:3: "FORM" is not an instruction; valid instructions: ADD, ARG', id="unknown"
        ),
        pytest.param("CMD a\nFROM scratch", "D:1: expected only ARG before the first FROM, got CMD.", id="too-early"),
        pytest.param("FROM scratch\nCMD", "D:2: expected arguments after CMD, got nothing.", id="nothing"),
        pytest.param(
            "# escape=x\nFROM scratch", 'D:1: expected the escape character "\\" or "`", got "x".', id="escape"
        ),
        pytest.param(
            "FROM scratch\nCOPY <<E /x\nE ", 'D:2: "<<E" has no end: expected a line with only "E"', id="heredoc"
        ),
    ],
)
def test_errors_name_file_and_line(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_dockerfile(text, "D")
    assert message in str(caught.value)


@given(st.text(alphabet="FROMCPYscratch \\`\n\r\t#[]\"'$<-=AB", max_size=80))
def test_every_text_is_parsed_or_rejected(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        instructions = parse_dockerfile(text).instructions
        assert all(one.text and one.text == one.text.strip() for one in instructions)
        assert [one.line for one in instructions] == sorted({one.line for one in instructions})


@given(st.lists(st.text(alphabet="abc$\"' ", min_size=1, max_size=5), min_size=1, max_size=5))
def test_a_continued_line_equals_a_single_line(parts: list[str]) -> None:
    whole = parsed("FROM scratch\nRUN x" + "".join(parts))
    lines = "".join(f"{part}\\ \n# note\n\n" for part in ["RUN x", *parts[:-1]])
    # Empty lines are skipped, and so are lines of blanks.
    continued = parsed(f"FROM scratch\n{lines}{parts[-1]}")
    kept = [part for part in parts if part.strip()]
    assert continued == parsed("FROM scratch\nRUN x" + "".join(kept)) or continued == whole


@pytest.mark.parametrize(
    "text, message",
    [
        pytest.param(
            "FROM scratch\n" + "USER 1\n" * 2_000,
            "D:2001: expected at most 2,000 instructions, got another one",
            id="instructions",
        ),
        pytest.param("FROM scratch\nUSER " + "1" * 2_097_152, "the limit is 2,097,152", id="characters"),
        pytest.param(
            "# a=x" + " " * 1_000_000 + "x\nUSER 1\nFROM scratch",
            "expected only ARG before the first FROM, got USER",
            id="blanks-in-a-directive",
        ),
    ],
)
def test_too_large_dockerfiles_are_rejected_immediately(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_dockerfile(text, "D")
    assert message in str(caught.value)
