"""Files that appear whole or not at all, and leave nothing behind if their writer is killed.

A writer creates its file in the folder `.ocikit-new`, next to the final name, and locks it. A file there without a lock
has lost its writer; the next writer removes it. The folder contains only files that are being written, so listing it is
cheap, however many files the directory has. The last writer removes the folder; in a directory with the sticky bit, an
empty folder of another user stays until that user writes again. If a file system has no locks, nothing is removed.

The directory may belong to a hostile user. A link instead of the folder is an error, and only files with our prefix are
removed. The folder is opened once and used through its file descriptor, so replacing its name has no effect.
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
# An attempt fails only if another writer has ended in between.
_ATTEMPTS = 1000
_PAUSE = 0.001
_THE_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class NewFile:
    """A file without its final name. Its methods raise OcikitError, for instance if the disk is full."""

    path: str
    stream: BinaryIO

    def write(self, data: bytes) -> None:
        with explained(f'write below "{os.path.dirname(os.path.dirname(self.path))}"'):
            self.stream.write(data)

    def commit(self, path: str, *, executable: bool = False) -> None:
        """Move the file to `path` and replace any file there. All users may read it, as with umask 022."""
        with explained(f'write "{path}"'):
            self.stream.flush()
            os.fchmod(self.stream.fileno(), 0o755 if executable else 0o644)
            os.replace(self.path, path)


@contextmanager
def new_file(directory: str) -> Iterator[NewFile]:
    """A new file in `directory`, which is created if missing; the file is removed unless it was committed."""
    folder = os.path.join(directory, FOLDER)
    with explained(f'write below "{directory}"'):
        number, path = _locked_file(folder)
    stream = os.fdopen(number, "wb")
    try:
        _remove_abandoned(folder, path)
        with before_end(partial(os.unlink, path)):
            yield NewFile(path, stream)
    finally:
        # Unlink while it is locked: an unlocked file looks abandoned, and its name could already be that of another.
        with suppress(OSError):
            os.unlink(path)
        # `write` or `commit` has already raised the error that closing would raise again.
        with suppress(OSError):
            stream.close()
        # Fails while other writers have files in it.
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
    """An opener for `open` that does not wait for a writer if `path` is a pipe: the pipe is read as empty."""
    return os.open(path, flags | os.O_NONBLOCK)


def _locked_file(folder: str) -> tuple[int, str]:
    """Create a locked file in `folder`; returns its file descriptor and its path."""
    failure: OSError = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), folder)
    for _ in range(_ATTEMPTS):
        try:
            _make_folder(folder)
            number, path = tempfile.mkstemp(prefix=_PREFIX, dir=folder)
        except FileNotFoundError:
            # The previous writer has removed the folder.
            continue
        except PermissionError as error:
            # Another user has created the folder and not yet set its mode.
            if not os.access(os.path.dirname(folder) or os.curdir, os.W_OK | os.X_OK):
                raise
            failure = error
            time.sleep(_PAUSE)
        else:
            with suppress(OSError):
                fcntl.flock(number, fcntl.LOCK_EX)
            # Another writer may have removed it before it was locked.
            if os.fstat(number).st_nlink:
                return number, path
            os.close(number)
    raise failure


def _make_folder(folder: str) -> None:
    """Create `folder` with the mode of its parent, because users may share a directory."""
    around = os.path.dirname(folder) or os.curdir
    os.makedirs(around, exist_ok=True)
    with suppress(FileExistsError):
        os.mkdir(folder)
        number = os.open(folder, _THE_FOLDER)
        try:
            # Another user may have replaced the folder with their own.
            with suppress(PermissionError):
                os.fchmod(number, _mode(around))
        finally:
            os.close(number)
    if os.path.islink(folder):
        raise OSError(errno.ELOOP, f'"{folder}" is a link, which this program never creates; remove it')


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _remove_abandoned(folder: str, own: str) -> None:
    """Remove the files that no writer has locked; only their owners can remove those of other users."""
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
        # If its writer has committed it, this path no longer exists and `unlink` fails.
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(number)
