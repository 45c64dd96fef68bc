"""A Dockerfile's text becomes instructions, each with the line it begins at.

Own code, although there are libraries: whoever moves over runs this where the plugin is installed, which brings no
dependencies; and those that are kept up read neither the escape directive nor comments inside a continued line as
Docker does. Source: BuildKit's frontend/dockerfile/parser.
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
# A word of a command; "<<<" and "1<<2" are none.
_HEREDOC = re.compile(r"""(?:^|(?<=\s))[0-9]*<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_.]*)\2(?=\s|$)""")
# No Dockerfile comes near these; buildx takes no larger file.
_MAX_LETTERS = 2 * 1024 * 1024
_MAX_INSTRUCTIONS = 2_000
_WITH_HEREDOCS = ("ADD", "COPY", "RUN")


@dataclass(frozen=True)
class Instruction:
    """`name` in upper case; `flags` as written, without the dashes: {"chown": "1:1", "link": ""}; `text`: the rest.

    Lines that were continued are one. `heredoc`: whether lines after it were its input; they are left out.
    """

    name: str
    line: int
    text: str
    flags: tuple[tuple[str, str], ...] = ()
    heredoc: bool = False

    def __str__(self) -> str:
        """For people: as it was written, shortened."""
        flags = "".join(f"--{name}={value} " if value else f"--{name} " for name, value in self.flags)
        text = f"{self.name} {flags}{' '.join(self.text.split())}"
        return text if len(text) <= 60 else f"{text[:59].rstrip()}…"

    def flag(self, name: str) -> str | None:
        return dict(self.flags).get(name)

    def words(self) -> tuple[str, ...] | None:
        """The words of the JSON form; None for the other form, which every text is that is no list of texts."""
        if not self.text.startswith("["):
            return None
        try:
            words = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return tuple(words) if isinstance(words, list) and all(isinstance(word, str) for word in words) else None


@dataclass(frozen=True)
class Dockerfile:
    """`escape`: the character that continues lines and quotes the next one."""

    instructions: tuple[Instruction, ...]
    escape: str = "\\"


def parse_dockerfile(text: str, name: str = "Dockerfile") -> Dockerfile:
    """Raises InvalidInput with `name` and line: what was found, and what is wanted."""
    if len(text) > _MAX_LETTERS:
        raise InvalidInput(f"{name}: a Dockerfile of {len(text):,} letters: the limit is {_MAX_LETTERS:,}.")
    # Only these end a line for Docker; splitlines() knows many more.
    lines = [line.rstrip("\r") for line in text.lstrip("\ufeff").split("\n")]
    escape = _escape(lines, name)
    instructions = tuple(islice(_instructions(lines, escape, name), _MAX_INSTRUCTIONS + 1))
    if len(instructions) > _MAX_INSTRUCTIONS:
        raise _wrong(name, instructions[-1].line, "one instruction more", f"at most {_MAX_INSTRUCTIONS:,}")
    if not any(instruction.name == "FROM" for instruction in instructions):
        raise InvalidInput(f'{name}: no FROM was found: wanted "FROM IMAGE" or "FROM scratch" before what goes in.')
    for instruction in instructions:
        if instruction.name == "FROM":
            break
        if instruction.name != "ARG":
            raise _wrong(name, instruction.line, f"{instruction.name} before the first FROM", "only ARG there")
    return Dockerfile(instructions, escape)


def _escape(lines: list[str], name: str) -> str:
    """Directives stand before everything else; the first other line, even an empty one, ends them."""
    for number, line in enumerate(lines, 1):
        found = _DIRECTIVE.fullmatch(line.strip())
        if not found:
            break
        if found[1].lower() == "escape":
            if found[2] not in ("\\", "`"):
                raise _wrong(name, number, f'the escape character "{found[2]}"', 'wanted "\\" or "`"')
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
            # A comment or an empty line inside of a continued one does not end it.
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
    raise InvalidInput(f'{where}: "<<{delimiter}" has no end: wanted a line that is "{delimiter}" and nothing else.')


def _instruction(text: str, line: int, name: str) -> Instruction:
    word, _, rest = text.partition(" ") if " " in text.split("\t", maxsplit=1)[0] else text.partition("\t")
    keyword, rest = word.upper(), rest.strip()
    if keyword not in INSTRUCTIONS:
        raise _wrong(name, line, f'the instruction "{word}"', f"there are {', '.join(sorted(INSTRUCTIONS))}")
    flags = []
    while found := _FLAG.match(rest):
        flag, _, value = found.group()[2:].partition("=")
        flags.append((flag.lower(), value))
        rest = rest[found.end() :].lstrip()
    if not rest:
        raise _wrong(name, line, f"{keyword} with nothing after it", "wanted its arguments")
    return Instruction(keyword, line, rest, tuple(flags))


def _wrong(name: str, line: int, found: str, wanted: str) -> InvalidInput:
    return InvalidInput(f"{name}:{line}: found {found}: {wanted}.")
