from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocikit import program
from ocikit.errors import InvalidContent
from ocikit.program import Unfinished

_SLACK = 20.0


def _run(script: str, *, seconds: float = 20.0, **options: object) -> subprocess.CompletedProcess[bytes]:
    return program.run(["/bin/sh", "-c", script], seconds=seconds, **options)  # type: ignore[arg-type]


def test_input_output_errors_and_the_exit_code() -> None:
    done = _run("cat; echo oh >&2; exit 3", data=[b"a", b"", b"never"][:1])
    assert (done.stdout, done.stderr, done.returncode) == (b"a", b"oh\n", 3)


def test_large_input_output_and_errors() -> None:
    """More than pipes can buffer: a caller that only writes, or only reads, would hang."""
    script = "import sys, shutil; sys.stderr.write('e' * 300_000); shutil.copyfileobj(sys.stdin, sys.stdout)"
    chunks = [bytes([65 + number]) * 99_999 for number in range(20)]
    done = program.run([sys.executable, "-c", script], data=chunks, seconds=20)
    assert (done.stdout, done.stderr) == (b"".join(chunks), b"e" * 300_000)


def test_a_program_that_closes_its_input() -> None:
    done = _run("exec <&-; echo done", data=[bytes(1_000_000)] * 3)
    assert (done.stdout, done.returncode) == (b"done\n", 0)


@pytest.mark.parametrize(
    "script, text",
    [
        pytest.param("exec sleep 60", "it did not answer within 0.2 seconds", id="silent"),
        pytest.param("exec >&- 2>&-; sleep 60", "it did not end within 0.2 seconds", id="closes-its-output"),
        pytest.param("sleep 60 & wait", "it did not answer within 0.2 seconds", id="waits-for-another"),
        pytest.param("while :; do echo y; sleep 0.01; done", "it did not answer within 0.2 seconds", id="drips"),
        pytest.param("trap '' TERM INT HUP; while :; do sleep 1; done", "it did not answer within 0.2", id="stubborn"),
    ],
)
def test_a_program_that_takes_too_long(script: str, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(Unfinished, match=text):
        _run(script, seconds=0.2)
    assert time.monotonic() - started < _SLACK


def test_background_processes_are_not_waited_for() -> None:
    """A key agent, for instance, keeps the output of its parent open."""
    started = time.monotonic()
    done = _run("sleep 30 & echo here")
    assert (done.stdout, done.returncode) == (b"here\n", 0)
    assert time.monotonic() - started < _SLACK


def test_a_program_that_prints_too_much() -> None:
    with pytest.raises(Unfinished, match="it printed more than 1000 bytes"):
        _run("yes", most_output=1000)


def test_a_program_is_killed_if_its_input_fails(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise InvalidContent("damaged")

    with pytest.raises(InvalidContent):
        _run(f"cat && touch {tmp_path}/whole", data=broken())
    assert os.listdir(tmp_path) == []


def test_a_missing_program() -> None:
    with pytest.raises(FileNotFoundError):
        program.run(["/does/not/exist"], seconds=1)
