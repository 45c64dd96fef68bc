"""Parse a Dockerfile into instructions, each with the number of its first line.

No library is used: the plugin has no dependencies, and the maintained libraries read neither the escape directive nor
comments inside a continued line as Docker does. Source: BuildKit's frontend/dockerfile/parser.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from ocikit.errors import InvalidInput

INSTRUCTIONS = frozenset((
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
    "ONBUILD", "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
))  # fmt: skip

_DIRECTIVE = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+)")
_FLAG = re.compile(r"--[a-zA-Z][a-zA-Z-]*(=\S*)?(?=\s|$)")
# A word of a command; "<<<" and "1<<2" are not heredocs.
_HEREDOC = re.compile(r"""(?:^|(?<=\s))[0-9]*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)""")
# Far above any real Dockerfile; buildx rejects larger files.
_MAX_LETTERS = 2 * 1024 * 1024
_MAX_INSTRUCTIONS = 2_000
_WITH_HEREDOCS = ("ADD", "COPY", "RUN")


@dataclass(frozen=True)
class Instruction:
    """An instruction: `name` in upper case, `flags` without dashes such as {"chown": "1:1", "link": ""}, other `text`.

    Continued lines are joined. `heredoc`: whether lines after it are its input; they are left out.
    """

    name: str
    line: int
    text: str
    flags: tuple[tuple[str, str], ...] = ()
    heredoc: bool = False

    def __str__(self) -> str:
        """The instruction as written, shortened to 60 characters."""
        flags = "".join(f"--{name}={value} " if value else f"--{name} " for name, value in self.flags)
        text = f"{self.name} {flags}{' '.join(self.text.split())}"
        return text if len(text) <= 60 else f"{text[:59].rstrip()}…"

    def flag(self, name: str) -> str | None:
        return dict(self.flags).get(name)

    def words(self) -> tuple[str, ...] | None:
        """The words of the JSON form; None for the shell form: any text that is not a JSON list of strings."""
        if not self.text.startswith("["):
            return None
        try:
            words = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Dockerfile:
    """The instructions of a file. `escape`: the character that continues lines and escapes the next character."""

    instructions: tuple[Instruction, ...]
    escape: str = "\\"


def parse_dockerfile(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Parse a Dockerfile; raises InvalidInput with `name`, line, what was expected and what was found."""
    if len(text) > _MAX_LETTERS:
        raise InvalidInput(f"{name}: the Dockerfile has {len(text):,} characters; the limit is {_MAX_LETTERS:,}.")
    # Docker knows only these line ends; splitlines() knows many more.
    lines = [line.rstrip("\r") for line in text.lstrip("\ufeff").split("\n")]
    escape = _escape(lines, name)
    instructions = tuple(islice(_instructions(lines, escape, name), _MAX_INSTRUCTIONS + 1))
    if len(instructions) > _MAX_INSTRUCTIONS:
        raise _wrong(name, instructions[-1].line, f"at most {_MAX_INSTRUCTIONS:,} instructions", "another one")
    if not any(instruction.name == "FROM" for instruction in instructions):
        raise InvalidInput(f'{name}: expected "FROM IMAGE" or "FROM scratch" before other instructions, got no FROM.')
    for instruction in instructions:
        if instruction.name == "FROM":
            break
        if instruction.name != "ARG":
            raise _wrong(name, instruction.line, "only ARG before the first FROM", instruction.name)
    return Dockerfile(instructions, escape)


def _escape(lines: list[str], name: str) -> str:
    """The escape character. Directives come first; the first other line, even an empty one, ends them."""
    for number, line in enumerate(lines, 1):
        found = _DIRECTIVE.fullmatch(line.strip())
        if not found:
            break
        if found[1].lower() == "escape":
            if found[2] not in ("\\", "`"):
                raise _wrong(name, number, 'the escape character "\\" or "`"', f'"{found[2]}"')
            return found[2]
    return "\\"


def _instructions(lines: list[str], escape: str, name: str) -> Iterator[Instruction]:
    continued = re.compile(rf"(^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*$")
    position = 0
    while position < len(lines):
        first = position
        text, goes_on = "", True
        while goes_on and position < len(lines):
            line = lines[position]
            position += 1
            # A comment or an empty line inside a continued line does not end it.
            if line.lstrip().startswith("#") or not line.strip():
                goes_on = bool(text)
                continue
            first = first if text else position - 1
            line = line if text else line.lstrip()
            joined = continued.sub(r"\1", line)
            goes_on = joined != line
            text += joined
        if not text.strip():
            continue
        instruction = _instruction(text.strip(), first + 1, name)
        if instruction.name in _WITH_HEREDOCS and instruction.words() is None:
            delimiters = [(found[1], found[3]) for found in _HEREDOC.finditer(instruction.text)]
            for dash, delimiter in delimiters:
                position = _after_heredoc(lines, position, dash, delimiter, f"{name}:{first + 1}")
            instruction = Instruction(
                instruction.name, instruction.line, instruction.text, instruction.flags, bool(delimiters)
            )
        yield instruction


def _after_heredoc(lines: list[str], position: int, dash: str, delimiter: str, where: str) -> int:
    for number in range(position, len(lines)):
        if (lines[number].lstrip("\t") if dash else lines[number]) == delimiter:
            return number + 1
    raise InvalidInput(f'{where}: "<<{delimiter}" has no end: expected a line with only "{delimiter}", got none.')


def _instruction(text: str, line: int, name: str) -> Instruction:
    word, _, rest = text.partition(" ") if " " in text.split("\t", maxsplit=1)[0] else text.partition("\t")
    keyword, rest = word.upper(), rest.strip()
    if keyword not in INSTRUCTIONS:
        raise InvalidInput(
            f'{name}:{line}: "{word}" is not an instruction; valid instructions: {", ".join(sorted(INSTRUCTIONS))}.'
        )
    flags = []
    while found := _FLAG.match(rest):
        flag, _, value = found.group()[2:].partition("=")
        flags.append((flag.lower(), value))
        rest = rest[found.end() :].lstrip()
    if not rest:
        raise _wrong(name, line, f"arguments after {keyword}", "nothing")
    return Instruction(keyword, line, rest, tuple(flags))


def _wrong(name: str, line: int, expected: str, found: str) -> InvalidInput:
    return InvalidInput(f"{name}:{line}: expected {expected}, got {found}.")
