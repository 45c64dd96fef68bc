"""The command line."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from bench.cases import CASES, Case
from bench.facts import facts_of
from bench.results import Document, document_of, write
from bench.session import Session, repeat
from bench.site import REGISTRY
from bench.tools import DOCKER, SKOPEO, peers, run

HERE = Path(__file__).resolve().parent.parent
_DEFAULT = tuple(case.name for case in CASES if case.name != "smallest")


def main() -> int:
    arguments = _parse()
    # A signal must also end Pants's daemon, the registry and the proxy.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    missing = [tool for tool in (REGISTRY, SKOPEO) if not shutil.which(tool)]
    if missing:
        return _fail(f"{', '.join(missing)}: not on this machine. ./test installs everything that is needed.")
    crane = find_crane()
    documents = []
    for case in CASES:
        if case.name in arguments.cases:
            with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
                documents.append(_run(case, crane, arguments.repetitions, Path(folder)))
            write(documents[-1], arguments.output)
    facts = [(document["case"], fact) for document in documents for fact in document["facts"]]
    for name, fact in facts:
        met = "met" if fact["met"] else "NOT MET"
        print(f"{met}: {name}: {fact['what']}: {fact['found']}{fact['expected'] and ', expected ' + fact['expected']}")
    # Times are reported but do not fail the run: the machine may have been busy.
    return int(any(not fact["met"] and not fact["timed"] for _, fact in facts))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description="Publish against skopeo, docker and crane.")
    names = [case.name for case in CASES]
    parser.add_argument("cases", nargs="*", metavar="CASE", default=_DEFAULT, help=f"of {', '.join(names)}")
    parser.add_argument("--repetitions", type=int, default=3, help="of every cell (%(default)s)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder for the results (%(default)s)")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.cases) - set(names))
    if unknown:
        parser.error(f"unknown case {', '.join(unknown)}; valid values: {', '.join(names)}.")
    return arguments


def _run(case: Case, crane: str | None, repetitions: int, folder: Path) -> Document:
    session = Session(case, folder)
    with session.tools() as ours, peers(case.peers, crane, folder) as others:
        tools = {**ours, **others}
        missing = [name for name in case.peers if name not in tools]
        if missing:
            print(f"WARNING: {case.name} RUNS WITHOUT {', '.join(missing).upper()}", file=sys.stderr)
        samples = repeat(session, tools, repetitions)
        return document_of(case, samples, facts_of(session, samples), conditions(crane))


def find_crane() -> str | None:
    done = subprocess.run([str(HERE / "fetch_crane")], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"WARNING: NO CRANE, SO NOTHING IS COMPARED WITH IT: {done.stderr}", file=sys.stderr)
        return None
    return done.stdout.strip()


def conditions(crane: str | None) -> Mapping[str, str]:
    """The machine and the versions that the numbers depend on."""
    versions = {"skopeo": run(SKOPEO, "--version").split()[2]}
    if crane:
        versions["crane"] = (Path(crane).parents[2] / "version").read_text().strip()
    engine = subprocess.run(
        [DOCKER, "version", "--format={{.Server.Version}}"], capture_output=True, text=True, check=False
    )
    if engine.returncode == 0:
        versions["docker"] = engine.stdout.strip()
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=HERE, capture_output=True, text=True, check=False
    )
    return {
        "measured": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit.stdout.strip() or "unknown",
        "processors": f"{os.cpu_count()}",
        "system": platform.machine(),
        **versions,
    }


def _fail(message: str) -> int:
    print(f"benchmarks/run: {message}", file=sys.stderr)
    return 1
