"""Files that appear whole or not at all, and of which nothing stays when their writer is killed.

A file is written in the folder `.ocikit-new` beside its later name, and its writer holds a lock on it. A file there
without a lock has lost its writer: the next one removes it. The folder holds only what is being written at the moment,
so that looking through it is cheap, however many files are beside it. The last writer removes it; in a directory with
the sticky bit, an empty folder of another user stays until that user writes again. Where a file system has no locks,
nothing is removed.

Who made the directory may be hostile: a link in the place of the folder is an error, and nothing in it is removed but
files with names such as ours. What is looked at is the folder that was opened, whatever has its name by then.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from ocikit.errors import OcikitError
from ocikit.interruption import before_end

FOLDER = ".ocikit-new"
_PREFIX = "file-"
# Each is in vain only when another writer has ended in between.
_ATTEMPTS = 1000
_PAUSE = 0.001
_THE_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class NewFile:
    """A file that has no name yet. Every method raises OcikitError when the disk is full."""

    path: str
    stream: BinaryIO

    def write(self, data: bytes) -> None:
        with explained(f'write below "{os.path.dirname(os.path.dirname(self.path))}"'):
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
    folder = os.path.join(directory, FOLDER)
    with explained(f'write below "{directory}"'):
        number, path = _locked_file(folder)
    stream = os.fdopen(number, "wb")
    try:
        _remove_abandoned(folder, path)
        with before_end(partial(os.unlink, path)):
            yield NewFile(path, stream)
    finally:
        # Still locked, so that nobody else takes it for abandoned, and removes another one of that name.
        with suppress(OSError):
            os.unlink(path)
        # What could not be written was told by `write` or `commit`; closing would tell it again.
        with suppress(OSError):
            stream.close()
        # It is not empty while others write.
        with suppress(OSError):
            os.rmdir(folder)


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


def without_waiting(path: str, flags: int) -> int:
    """An opener: a pipe in the place of a file is empty, where `open` would wait for whoever writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


def _locked_file(folder: str) -> tuple[int, str]:
    """A new file in `folder`, locked: its number and its path."""
    failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    for _ in range(_ATTEMPTS):
        try:
            _make_folder(folder)
            number, path = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        except FileNotFoundError:
            # The last writer before has removed the folder.
            continue
        except PermissionError as error:
            # Another user makes the folder, and has not yet opened it for all who may write beside it.
            if not os.access(os.path.dirname(folder) or os.curdir, os.W_OK | os.X_OK):
                raise
            failure = error
            time.sleep(_PAUSE)
        else:
            with suppress(OSError):
                fcntl.flock(number, fcntl.LOCK_EX)
            # Before it was locked, it looked like one without a writer.
            if os.fstat(number).st_nlink:
                return number, path
            os.close(number)
    raise failure


def _make_folder(folder: str) -> None:
    """Whoever may write beside it may write in it: users may share a directory."""
    around = os.path.dirname(folder) or os.curdir
    os.makedirs(around, exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(folder)
        number = os.open(folder, _THE_FOLDER)
        try:
            # Another user may have removed it and made one of theirs.
            with suppress(PermissionError):
                os.fchmod(number, _mode(around))
        finally:
            os.close(number)
    if os.path.islink(folder):
        raise OSError(errno.ELOOP, f'"{folder}" is a link, which this program never makes; remove it')


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _remove_abandoned(folder: str, own: str) -> None:
    """Remove the files that no writer holds a lock on; those of other users stay for these to remove."""
    with suppress(OSError):
        number = os.open(folder, _THE_FOLDER)
        try:
            for name in os.listdir(number):
                if name.startswith(_PREFIX) and name != os.path.basename(own):
                    with suppress(OSError):
                        _remove_if_unlocked(name, number)
        finally:
            os.close(number)


def _remove_if_unlocked(name: str, folder: int) -> None:
    number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A writer that is done has given it another name: then there is nothing at this path.
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(number)
