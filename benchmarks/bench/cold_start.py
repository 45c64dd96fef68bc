"""What a backend adds to a start of Pants without its daemon: `pants list ::` in a repository with one target.

Pants with its Python backend alone, and with one more, take turns. Each start is a whole process; the system tells what
processor time it took, and how much memory at most.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.facts import Fact
from support.build_root import PROJECT, BuildRoot

HERE = Path(__file__).resolve().parent.parent
PYTHON = "pants.backend.python"
OURS = "pants_oci"
PEERS = ("pants.backend.docker", "pants.backend.experimental.helm")
MOST_PROCESSOR_TIME = 1.35
MOST_MEMORY = 600

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Start:
    """`processor`: seconds of it, user and system. `memory`: MiB, the most that was in use at once."""

    processor: float
    memory: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/cold_start", description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5, help="starts of each (%(default)s)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder for the results (%(default)s)")
    parser.add_argument("--without-peers", action="store_true", help="measure no other projects' backends")
    arguments = parser.parse_args()
    backends = (PYTHON, *(() if arguments.without_peers else PEERS), OURS)
    starts: dict[str, list[Start]] = {backend: [] for backend in backends}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, ExitStack() as stack:
        roots = {backend: stack.enter_context(_root(Path(folder, backend), backend)) for backend in backends}
        if arguments.repetitions > 1:
            # The first one compiles modules.
            for root in roots.values():
                _start(root)
        for _ in range(arguments.repetitions):
            for backend, root in roots.items():
                starts[backend].append(_start(root))
    facts = tuple(_facts(starts))
    document = {"starts": {backend: list(map(asdict, found)) for backend, found in starts.items()}}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "cold-start.json").write_text(json.dumps(document, indent=2) + "\n")
    page = _page(starts, facts)
    (arguments.output / "cold-start.md").write_text(page)
    print(page)
    return int(not all(fact.met or fact.timed for fact in facts))


def _root(folder: Path, backend: str) -> BuildRoot:
    settings = {
        "pythonpath": [f"{PROJECT}/pants-plugins", f"{PROJECT}/src"] if backend == OURS else [],
        "backend_packages": list(dict.fromkeys((PYTHON, backend))),
    }
    # Lists of strings are in TOML what they are in JSON.
    root = BuildRoot(folder, plugin="\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
    root.write({"BUILD": 'file(name="file", source="BUILD")\n'})
    return root


def _start(root: BuildRoot) -> Start:
    process = root.start("--no-pantsd", "--no-dynamic-ui", "list", "::", stderr=subprocess.STDOUT)
    assert process.stdout
    with process.stdout as pipe:
        said = pipe.read().decode()
    # Of this process and all that it waited for, which `Popen.wait` does not tell.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, "//:file" in said) == (0, True), said
    # Linux counts in KiB, macOS in bytes.
    unit = 1024 if os.uname().sysname == "Linux" else 1
    return Start(round(usage.ru_utime + usage.ru_stime, 2), round(usage.ru_maxrss * unit / _MIB, 1))


Starts = Mapping[str, Sequence[Start]]


def _processor(starts: Sequence[Start]) -> float:
    return median(start.processor for start in starts)


def _memory(starts: Sequence[Start]) -> float:
    return median(start.memory for start in starts)


def _facts(starts: Starts) -> Iterator[Fact]:
    ratio = _processor(starts[OURS]) / _processor(starts[PYTHON])
    memory = _memory(starts[OURS])
    what = f"processor time, times that of {PYTHON} alone"
    yield Fact(what, f"at most {MOST_PROCESSOR_TIME}", f"{ratio:.2f}", ratio <= MOST_PROCESSOR_TIME, timed=True)
    yield Fact("peak memory", f"at most {MOST_MEMORY} MiB", f"{memory:.0f} MiB", memory <= MOST_MEMORY)


def _page(starts: Starts, facts: Sequence[Fact]) -> str:
    alone = starts[PYTHON]
    rows = [
        f"| {backend} | {_processor(found):.2f} | {_processor(found) / _processor(alone):.2f} "
        f"| {_memory(found):.0f} | {_memory(found) / _memory(alone):.2f} |"
        for backend, found in starts.items()
    ]
    checked = [
        f"| {fact.what} | {fact.expected} | {fact.found} | {'met' if fact.met else '**not met**'} |" for fact in facts
    ]
    lines = [
        "# Cold start",
        "",
        f"Written by `benchmarks/cold_start`: `pants --no-pantsd list ::` with {PYTHON} and one other backend,",
        f"{len(alone)} starts of each, {os.cpu_count()} processors. Medians; ratios are to {PYTHON} alone.",
        "",
        "| | processor s | ratio | peak MiB | ratio |",
        "|---|--:|--:|--:|--:|",
        *rows,
        "",
        "| | expected | found | |",
        "|---|---|---|---|",
        *checked,
    ]
    return "\n".join(lines) + "\n"
