"""Search for texts in files (plain, encoded, compressed) and in this machine's processes."""

from __future__ import annotations

import base64
import html
import json
import os
import re
import stat
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

_MOST_UNPACKED = 4 * 1024 * 1024
# The first bytes of streams of zlib (by level) and gzip, and the window to read them with.
_STREAMS = {b"\x78\x01": 15, b"\x78\x5e": 15, b"\x78\x9c": 15, b"\x78\xda": 15, b"\x1f\x8b\x08": 31}
_SECONDS = 0.02
_JSON_ESCAPE = re.compile(rb"\\u00([0-9a-fA-F]{2})|\\([\"/\\])")


def written(text: str) -> Mapping[str, bytes]:
    """All encodings of `text` to search for. In base64 it may begin at each of three positions of a group."""
    data = text.encode()
    groups = {
        # Characters that also encode neighbouring bytes are left out.
        f"base64 from {start}": base64.b64encode(b"\0" * start + data)[2 * start : len(data) // 3 * 4 - 4]
        for start in range(3)
    }
    others = {
        "plain": data,
        "upper case": text.upper().encode(),
        "lower case": text.lower().encode(),
        "JSON": json.dumps(text)[1:-1].encode(),
        "JSON, every character": "".join(f"\\u{ord(letter):04x}" for letter in text).encode(),
        "URL": quote(text, safe="").encode(),
        "URL, every byte": "".join(f"%{octet:02X}" for octet in data).encode(),
        "URL, every byte, twice": "".join(f"%25{octet:02x}" for octet in data).encode(),
        "HTML, every character": "".join(f"&#{ord(letter)};" for letter in text).encode(),
        "hexadecimal": data.hex().encode(),
        "UTF-16": text.encode("utf-16-le"),
    }
    lower = {f"{name}, lower case": form.lower() for name, form in groups.items()}
    return {**others, **groups, **lower}


def told(text: str) -> str:
    """`text` in all these encodings, for a header or a message of a server."""
    return " ".join(form.decode() for name, form in written(text).items() if name != "UTF-16")


@dataclass(frozen=True)
class Traces:
    """A search for named `texts`; results have names and encodings, never the text.

    `loosely`: ignore case, and also find texts with any of their characters escaped.
    """

    texts: Mapping[str, str]
    loosely: bool = False

    def in_bytes(self, data: bytes) -> set[str]:
        forms = [(f"{name} ({way})", form) for name, text in self.texts.items() for way, form in written(text).items()]
        parts = chain((data,), _unpacked(data))
        if self.loosely:
            forms = [(what, form.lower()) for what, form in forms]
            parts = chain.from_iterable(map(_read_loosely, parts))
        return {what for part in parts for what, form in forms if form in part}

    def in_files(self, folder: Path, since: float = 0) -> dict[str, set[str]]:
        """Traces by the path from `folder`, also in names of files. `since`: skip files without later changes."""
        found = {}
        # Pants hard-links files, so one file may have many names.
        seen: set[int] = set()
        for path in (Path(top, name) for top, *names in os.walk(folder) for name in chain(*names)):
            try:
                status = path.lstat()
                if status.st_ctime < since:
                    continue
                data = path.read_bytes() if stat.S_ISREG(status.st_mode) and status.st_ino not in seen else b""
            except FileNotFoundError:
                # Pants's daemon removes files of its own at any time.
                continue
            name = str(path.relative_to(folder))
            seen.add(status.st_ino)
            traces = self.in_bytes(os.fsencode(name) + b"\0" + data)
            if traces:
                found[name] = traces
        return found


def _read_loosely(data: bytes) -> Iterator[bytes]:
    """Yield `data` in lower case, and decoded as by readers of URLs, JSON and HTML."""
    seen = set()
    for _ in range(3):
        if data in seen:
            return
        seen.add(data)
        yield data.lower()
        data = unquote_to_bytes(_JSON_ESCAPE.sub(_unescaped, data))
        if b"&" in data:
            data = html.unescape(data.decode("latin-1")).encode("latin-1", "replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    return bytes([int(found[1], 16)]) if found[1] else found[2]


def _unpacked(data: bytes) -> Iterator[bytes]:
    """Yield the unpacked content of compressed streams anywhere in `data`, as far as they are valid."""
    for magic, window in _STREAMS.items():
        at = data.find(magic)
        while at >= 0:
            try:
                content = zlib.decompressobj(window).decompress(data[at : at + _MOST_UNPACKED], _MOST_UNPACKED)
            except zlib.error:
                content = b""
            if content:
                yield content
            at = data.find(magic, at + 1)


@dataclass(frozen=True)
class Sighting:
    """A text seen in the `arguments` or the `environment` of a process.

    `commands`: those of the process, its parent, and so on. `ours`: whether one of these is the watching process.
    """

    commands: tuple[str, ...]
    place: str
    name: str
    ours: bool


class ProcessWatch:
    """A watch that inspects the processes of this machine fifty times a second."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {name: text.encode() for name, text in texts.items()}
        self._read: dict[str, bytes] = {}
        self.commands: set[str] = set()
        self.sightings: set[Sighting] = set()

    @contextmanager
    def running(self) -> Iterator[ProcessWatch]:
        end = threading.Event()

        def watch() -> None:
            while not end.is_set():
                self._look()
                time.sleep(_SECONDS)

        thread = threading.Thread(target=watch)
        thread.start()
        try:
            yield self
        finally:
            end.set()
            thread.join()

    def _look(self) -> None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes()
                # A process's environment changes only when it executes another program.
                if self._read.get(folder.name) == arguments:
                    continue
                environment = (folder / "environ").read_bytes()
                # A process that executes another program just now is inspected the next time.
                if not arguments or (folder / "cmdline").read_bytes() != arguments:
                    continue
            except OSError:
                continue
            self._read[folder.name] = arguments
            self.commands.add(_command(arguments))
            places = (("arguments", arguments), ("environment", environment))
            seen = [(place, name) for place, data in places for name, text in self._texts.items() if text in data]
            if seen:
                line = dict(_line(int(folder.name)))
                self.sightings |= {Sighting(tuple(line.values()), *found, ours=os.getpid() in line) for found in seen}


def _line(process: int) -> Iterator[tuple[int, str]]:
    """The IDs and commands of a process and its ancestors."""
    while process > 1:
        folder = Path("/proc", str(process))
        try:
            arguments, status = (folder / "cmdline").read_bytes(), (folder / "stat").read_text()
        except OSError:
            return
        yield process, _command(arguments)
        # The name, in parentheses, may contain spaces. proc(5)
        process = int(status.rpartition(")")[2].split()[1])


def _command(arguments: bytes) -> str:
    return arguments.replace(b"\0", b" ").decode(errors="replace").strip()
