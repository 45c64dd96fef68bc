"""Run other programs, with limits of time and output."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from ocikit.interruption import before_end

# How often to check whether a program has ended although another process keeps its output open.
_TICK_SECONDS = 0.1
_PART_SIZE = 64 * 1024
_MOST_OUTPUT = 64 * 1024 * 1024


class Unfinished(Exception):
    """A program that was killed because it took too long or printed too much; the text is the end of a sentence."""


def run(
    command: Sequence[str],
    *,
    seconds: float,
    data: Iterable[bytes] = (),
    most_output: int = _MOST_OUTPUT,
    environ: Mapping[str, str] | None = None,
    folder: str | os.PathLike[str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end, with `data` on its standard input.

    Does not wait for processes that the program started and that keep its output open, as `subprocess.run` does, even
    with a timeout. If `data` raises, the program is killed before it sees the end of its input. Raises Unfinished, and
    OSError if the program cannot be started.
    """
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environ, cwd=folder) as process,
        _killed_at_the_end(process),
    ):
        exchange = _Exchange(process, iter(data), most_output)
        exchange.go_on(time.monotonic() + seconds, seconds)
    return subprocess.CompletedProcess(command, process.returncode, *map(bytes, exchange.output.values()))


@contextmanager
def _killed_at_the_end(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill the program at the end of the body, and of this process."""
    with before_end(process.kill):
        try:
            yield
        finally:
            process.kill()


class _Exchange:
    """Write the input and read the output, as the program is ready for them."""

    def __init__(self, process: subprocess.Popen[bytes], data: Iterator[bytes], most_output: int) -> None:
        assert process.stdin and process.stdout and process.stderr
        self._process = process
        self._data = data
        self._rest = memoryview(b"")
        self._most_output = most_output
        self._input: IO[bytes] = process.stdin
        self.output = {stream.fileno(): bytearray() for stream in (process.stdout, process.stderr)}

    def go_on(self, deadline: float, seconds: float) -> None:
        os.set_blocking(self._input.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._input.fileno(), selectors.EVENT_WRITE)
            for number in self.output:
                selector.register(number, selectors.EVENT_READ)
            while selector.get_map():
                ended = self._process.poll() is not None
                left = deadline - time.monotonic()
                if left <= 0:
                    raise Unfinished(f"it did not answer within {seconds:g} seconds")
                ready = selector.select(0 if ended else min(left, _TICK_SECONDS))
                # All that it printed before it ended has been read.
                if ended and not any(key.fd in self.output for key, _ in ready):
                    break
                for key, _ in ready:
                    if not (self._read(key.fd) if key.fd in self.output else self._write()):
                        selector.unregister(key.fd)
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Unfinished(f"it did not end within {seconds:g} seconds") from None

    def _read(self, number: int) -> bool:
        """Read a part of the output; returns whether there may be more."""
        data = os.read(number, _PART_SIZE)
        self.output[number] += data
        if len(self.output[number]) > self._most_output:
            raise Unfinished(f"it printed more than {self._most_output} bytes")
        return bool(data)

    def _write(self) -> bool:
        """Write a part of the input; returns whether there is more. A program may close its input early."""
        with suppress(BrokenPipeError):
            self._rest = self._rest or memoryview(next(self._data, b""))
            if self._rest:
                with suppress(BlockingIOError):
                    self._rest = self._rest[os.write(self._input.fileno(), self._rest) :]
                return True
        with suppress(BrokenPipeError):
            self._input.close()
        return False
