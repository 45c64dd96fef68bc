"""Quotes, escapes and variables in a Dockerfile's words. Source: BuildKit's frontend/dockerfile/shell/lex.go."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ocikit.errors import InvalidInput

# Looks up the value of a variable; None if it is not set.
Lookup = Callable[[str], "str | None"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
# People write two or three levels, and Python recurses at most a thousand times.
_MAX_LEVELS = 100
# Values may each use another one twice: thirty lines make a gigabyte. Linux rejects values above 128 KiB.
_MAX_LETTERS = 1024 * 1024
_MODIFIERS = (":-", ":+", ":?", "-", "+", "?")


def expand(text: str, lookup: Lookup, escape: str = "\\") -> str:
    """Remove quotes and escapes, and substitute variables. Raises InvalidInput for an unclosed quote or brace."""
    return _Lexer(text, lookup, escape).run()


class Growth:
    """Counts the characters that values of variables add to the texts of a Dockerfile."""

    def __init__(self) -> None:
        self._letters = 0

    def of(self, lookup: Lookup) -> Lookup:
        """The same lookup, counted; it raises InvalidInput above the limit."""

        def counted(name: str) -> str | None:
            value = lookup(name)
            self._letters += len(value or "")
            if self._letters > _MAX_LETTERS:
                raise InvalidInput(
                    f"with {name}, the values of variables exceed {_MAX_LETTERS:,} characters, because they use each "
                    "other repeatedly; write them out."
                )
            return value

        return counted


def split_words(text: str, escape: str = "\\") -> Iterator[str]:
    """The words between white space that is neither quoted nor escaped; quotes and escapes are kept."""
    word, quote, position = "", "", 0
    while position < len(text):
        character = text[position]
        if character == escape and quote != "'" and position + 1 < len(text):
            word += text[position : position + 2]
            position += 2
            continue
        if character.isspace() and not quote:
            if word:
                yield word
            word = ""
        else:
            if character in "\"'" and quote in ("", character):
                quote = "" if quote else character
            word += character
        position += 1
    if word:
        yield word


def key_values(text: str, escape: str = "\\") -> list[tuple[str, str]]:
    """The pairs of ENV and LABEL: `a=b c="d e"`, or the old form `a b c`; quotes and escapes are kept."""
    words = list(split_words(text, escape))
    if "=" not in words[0]:
        rest = text[text.index(words[0]) + len(words[0]) :].strip()
        if not rest:
            raise InvalidInput(f'expected NAME=VALUE, got "{words[0]}".')
        return [(words[0], rest)]
    pairs = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InvalidInput(f'expected NAME=VALUE, got "{word}"; put quotes around a value with spaces.')
        pairs.append((name, value))
    return pairs


class _Lexer:
    def __init__(self, text: str, lookup: Lookup, escape: str) -> None:
        self._text = text
        self._lookup = lookup
        self._escape = escape
        self._at = self._level = 0

    def run(self) -> str:
        return self._until("")

    def _until(self, stop: str) -> str:
        """The text before `stop`, which is skipped; without `stop` the whole text."""
        done = ""
        while self._at < len(self._text):
            character = self._next()
            if character == stop:
                return done
            if character == "'":
                done += self._single()
            elif character == '"':
                done += self._double()
            elif character == "$":
                done += self._variable()
            elif character == self._escape:
                done += self._next() if self._at < len(self._text) else ""
            else:
                done += character
        if stop:
            raise self._open("${")
        return done

    def _next(self) -> str:
        self._at += 1
        return self._text[self._at - 1]

    def _single(self) -> str:
        end = self._text.find("'", self._at)
        if end < 0:
            raise self._open("'")
        quoted, self._at = self._text[self._at : end], end + 1
        return quoted

    def _double(self) -> str:
        done = ""
        while self._at < len(self._text):
            character = self._next()
            if character == '"':
                return done
            if character == "$":
                done += self._variable()
            elif character == self._escape and self._at < len(self._text):
                following = self._next()
                done += following if following in ('"', "$", self._escape) else character + following
            else:
                done += character
        raise self._open('"')

    def _variable(self) -> str:
        if self._text.startswith("{", self._at):
            self._at += 1
            return self._braced()
        found = _NAME.match(self._text, self._at)
        if not found:
            return "$"
        self._at = found.end()
        return self._lookup(found.group()) or ""

    def _braced(self) -> str:
        found = _NAME.match(self._text, self._at)
        if not found:
            raise InvalidInput(f"{self._text!r}: expected ${{NAME}}, got ${{ without a name.")
        name, self._at = found.group(), found.end()
        if self._text.startswith("}", self._at):
            self._at += 1
            return self._lookup(name) or ""
        modifier = next((m for m in _MODIFIERS if self._text.startswith(m, self._at)), None)
        if modifier is None:
            if self._at >= len(self._text):
                raise self._open("${")
            raise InvalidInput(
                f"{self._text!r}: expected }} or one of {', '.join(_MODIFIERS)} after ${{{name}, got "
                f"{self._text[self._at]!r}; write the value out."
            )
        self._at += len(modifier)
        if self._level == _MAX_LEVELS:
            raise InvalidInput(f"{self._text!r:.100}: nested variables have at most {_MAX_LEVELS} levels.")
        self._level += 1
        word = self._until("}")
        self._level -= 1
        value = self._lookup(name)
        is_set = bool(value) if modifier.startswith(":") else value is not None
        if modifier.endswith("+"):
            return word if is_set else ""
        if is_set:
            return value or ""
        if modifier.endswith("?"):
            raise InvalidInput(f"{self._text!r}: {name} has no value: {word or 'it must be set'}.")
        return word

    def _open(self, what: str) -> InvalidInput:
        return InvalidInput(f"{self._text!r}: {what} is not closed.")
