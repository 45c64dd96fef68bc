"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ocikit.errors import OcikitError
from ocikit.interruption import before_end


@dataclass(frozen=True)
class NewFile:
    """A file that has no name yet. Every method raises OcikitError when the disk is full."""

    path: str
    stream: BinaryIO

    def write(self, data: bytes) -> None:
        with explained(f'write below "{os.path.dirname(self.path)}"'):
            self.stream.write(data)

    def commit(self, path: str, *, executable: bool = False) -> None:
        """Give it its name, where another file is replaced. Readable for all, as with umask 022."""
        with explained(f'write "{path}"'):
            self.stream.flush()
            os.fchmod(self.stream.fileno(), 0o755 if executable else 0o644)
            os.replace(self.path, path)


@contextmanager
def new_file(directory: str) -> Iterator[NewFile]:
    """A new file in `directory`, which is made when missing; it is gone unless it was committed."""
    with explained(f'write below "{directory}"'):
        os.makedirs(directory, exist_ok=True)
        number, path = tempfile.mkstemp(prefix=".ocikit-", dir=directory)
    stream = os.fdopen(number, "wb")
    try:
        with before_end(partial(os.unlink, path)):
            yield NewFile(path, stream)
    finally:
        # What could not be written was told by `write` or `commit`; closing would tell it again.
        with suppress(OSError):
            stream.close()
        with suppress(FileNotFoundError):
            os.unlink(path)


def write(path: str, data: bytes, *, executable: bool = False) -> None:
    """Write a small file so that readers see the old content or the new, never a part."""
    with new_file(os.path.dirname(path)) as file:
        file.write(data)
        file.commit(path, executable=executable)


@contextmanager
def explained(action: str) -> Iterator[None]:
    """Turn an error of the operating system into an OcikitError: what failed, and why."""
    try:
        yield
    except OSError as error:
        raise OcikitError(f"cannot {action}: {error.strerror or error}.") from error
