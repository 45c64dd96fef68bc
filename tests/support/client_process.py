"""The real client in a process of its own, with a deadline and limits, and measured."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from support.build_root import clean_environment
from support.commands import SOURCES

# Limits that stop a runaway process. They are far above what tests allow, so that a test still reports the excess.
_ADDRESS_SPACE = 3 * 1024 * 1024 * 1024
_FILE_SIZE = 2 * 1024 * 1024 * 1024
# A small process measures: a process forked by a large one begins with the memory of its parent.
_MEASURE = """
import json, os, resource, signal, sys
result, memory, file, *command = sys.argv[1:]
process = os.fork()
if not process:
    resource.setrlimit(resource.RLIMIT_AS, (int(memory),) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(file),) * 2)
    os.execvp(command[0], command)
# The signal is for the program that is measured.
signal.signal(signal.SIGINT, signal.SIG_IGN)
_, status, usage = os.wait4(process, 0)
with open(result, "w") as stream:
    json.dump({"kibibytes": usage.ru_maxrss, "seconds": usage.ru_utime + usage.ru_stime}, stream)
sys.exit(status >> 8 if not status & 127 else 128 + (status & 127))
"""


@dataclass(frozen=True)
class Ran:
    """The result of a process. `exit_code` is None if the deadline came first; output is bytes as written."""

    exit_code: int | None
    stdout: bytes
    stderr: bytes
    seconds: float
    mebibytes: float
    processor_seconds: float

    def __str__(self) -> str:
        used = f"{self.seconds:.1f} s ({self.processor_seconds:.1f} of a processor), {self.mebibytes:.0f} MiB"
        return f"exit code {self.exit_code} after {used}\n--- stdout\n{self.stdout!r}\n--- stderr\n{self.stderr!r}"


def run_client(
    arguments: Sequence[str],
    folder: Path,
    results: Path,
    *,
    seconds: float,
    env: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
    interrupted: Callable[[], bool] | None = None,
) -> Ran:
    """Run `python -m ocikit ARGUMENTS` in `folder`, with its output in `results`.

    `within`: the beginning of a command line that runs the rest, such as `ip netns exec NAME`. `interrupted`: the
    condition after which the program gets SIGINT, as by Ctrl-C; `seconds` count from then on.
    """
    started = time.monotonic()
    process = start_client(arguments, folder, results, env=env, within=within)
    if interrupted:
        while not interrupted() and process.poll() is None:
            time.sleep(0.01)
        started = time.monotonic()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
    try:
        exit_code: int | None = process.wait(seconds)
    except subprocess.TimeoutExpired:
        exit_code = None
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    taken = time.monotonic() - started
    usage_file = results / "usage.json"
    usage = json.loads(usage_file.read_text()) if exit_code is not None and usage_file.exists() else {}
    return Ran(
        exit_code,
        (results / "stdout").read_bytes(),
        (results / "stderr").read_bytes(),
        taken,
        usage.get("kibibytes", 0) / 1024,
        usage.get("seconds", 0.0),
    )


def start_client(
    arguments: Sequence[str],
    folder: Path,
    results: Path,
    *,
    env: Mapping[str, str] | None = None,
    within: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start the client without waiting. It leads a process group: send signals to the group."""
    results.mkdir(parents=True, exist_ok=True)
    limits = (str(results / "usage.json"), str(_ADDRESS_SPACE), str(_FILE_SIZE))
    with (results / "stdout").open("wb") as stdout, (results / "stderr").open("wb") as stderr:
        return subprocess.Popen(
            [*within, sys.executable, "-I", "-S", "-c", _MEASURE, *limits, sys.executable, "-m", "ocikit", *arguments],
            cwd=folder,
            env={**clean_environment(), "PYTHONPATH": str(SOURCES), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
