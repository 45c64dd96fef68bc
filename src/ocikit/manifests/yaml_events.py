"""ruamel.yaml's scanner and parser without the layers above them, changed to accept all legal YAML.

Events are enough, so no alias is followed, nothing is constructed and nesting of any depth needs no recursion. kubectl,
helm and docker read with libyaml and its ports. Where ruamel is stricter than these, this module does as they do:

* Tabs may separate where they cannot be mistaken for indentation.
* A block of text may begin with lines of spaces that are shorter than its indentation.
* `...` is allowed without a document.
* `%YAML 1.1` does not bring back the syntax of 1.1, which forbids `{image: a:b}`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from ruamel.yaml.events import Event, ScalarEvent
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner, ScannerError
from ruamel.yaml.tokens import DocumentEndToken, ScalarToken

_VERSION = (1, 2)
_BREAKS = "\r\n\x85\u2028\u2029"
_BLANKS = " \t"
# YAML 1.2.2, "7.4.2. Flow Mappings".
_LONGEST_KEY = 1024


class _TolerantScanner(Scanner):
    """Lets tabs separate, and keeps the last scalar: a ScalarEvent begins at its anchor or tag."""

    last_scalar: ScalarToken | None = None

    @property
    def scanner_processing_version(self) -> Any:
        return _VERSION

    def get_token(self) -> Any:
        token = super().get_token()
        if isinstance(token, ScalarToken):
            self.last_scalar = token
        return token

    def next_possible_simple_key(self) -> Any:
        return next((key.token_number for key in self.possible_simple_keys.values()), None)

    def stale_possible_simple_keys(self) -> None:
        # The keys are in the order of the text, so all keys after a fresh one are fresh, too. Checking all of them at
        # every token takes ten seconds for 3,000 open brackets.
        while self.possible_simple_keys:
            level, key = next(iter(self.possible_simple_keys.items()))
            if key.line == self.reader.line and self.reader.index - key.index <= _LONGEST_KEY:
                return
            if key.required:
                mark = self.reader.get_mark()
                raise ScannerError("while scanning a simple key", key.mark, "could not find expected ':'", mark)
            del self.possible_simple_keys[level]

    def scan_to_next_token(self) -> Any:
        reader = self.reader
        if reader.index == 0 and reader.peek() == "\ufeff":
            reader.forward()
        while True:
            self._skip_blanks()
            if reader.peek() == "#":
                while reader.peek() not in _BREAKS + "\0":
                    reader.forward()
            if not self.scan_line_break():
                return None
            if not self.flow_level:
                self.allow_simple_key = True

    def _skip_blanks(self) -> None:
        """Skip spaces, and tabs except where they would indent something."""
        length = spaces = 0
        while self.reader.peek(length) in _BLANKS:
            if self.reader.peek(length) == " " and spaces == length:
                spaces += 1
            length += 1
        separates = self.flow_level or not self.allow_simple_key or self.reader.peek(length) in _BREAKS + "#\0"
        self.reader.forward(length if separates else spaces)

    def scan_plain_spaces(self, indent: Any, start_mark: Any) -> Any:
        reader = self.reader
        blanks = self._blanks()
        if reader.peek() not in _BREAKS:
            return [blanks] if blanks else []
        first = self.scan_line_break()
        self.allow_simple_key = True
        breaks: list[str] = []
        while True:
            if self._is_document_mark():
                return None
            while reader.peek() == " " or (reader.peek() == "\t" and (self.flow_level or reader.column >= indent)):
                reader.forward()
            if reader.peek() not in _BREAKS:
                break
            breaks.append(self.scan_line_break())
        if first != "\n":
            return [first, *breaks]
        return breaks or [" "]

    def scan_block_scalar_indentation(self) -> Any:
        breaks: list[str] = []
        deepest = 0
        end_mark = self.reader.get_mark()
        while self.reader.peek() in f" {_BREAKS}":
            if self.reader.peek() == " ":
                self.reader.forward()
                deepest = max(deepest, self.reader.column)
            else:
                breaks.append(self.scan_line_break())
                end_mark = self.reader.get_mark()
        return breaks, deepest, end_mark

    def _blanks(self) -> str:
        length = 0
        while self.reader.peek(length) in _BLANKS:
            length += 1
        blanks = str(self.reader.prefix(length))
        self.reader.forward(length)
        return blanks

    def _is_document_mark(self) -> bool:
        return bool(self.check_document_start() or self.check_document_end())


class _TolerantParser(Parser):
    def parse_implicit_document_start(self) -> Any:
        while self.scanner.check_token(DocumentEndToken):
            self.scanner.get_token()
        return super().parse_implicit_document_start()


class _Loader:
    """The attributes that ruamel's parts need of each other."""

    typ: Any = None
    comment_handling: Any = None

    def __init__(self, text: str) -> None:
        self.doc_infos = [SimpleNamespace()]
        self.resolver = SimpleNamespace(processing_version=_VERSION)
        self.reader = Reader(text, loader=self)
        self.scanner = _TolerantScanner(loader=self)
        self.parser = _TolerantParser(loader=self)


def events(text: str) -> Iterator[tuple[Event, int, int]]:
    """Yield the events of a text with their start and end offsets, those of a scalar without anchor and tag.

    Raises the errors of ruamel: YAMLError, or ValueError and IndexError for some nonsense.
    """
    loader = _Loader(text)
    while loader.parser.check_event():
        event = loader.parser.get_event()
        start, token = event.start_mark.index, loader.scanner.last_scalar
        if isinstance(event, ScalarEvent) and token and token.end_mark is event.end_mark:
            start = token.start_mark.index
        yield event, start, event.end_mark.index
