"""Start-up time of one application for each way of packing it, without the container engine.

Each start is a new container whose own Python runs the application's command and measures the time: from the start of
the process until it has imported its requirements and ended. Ways take turns; the least of the repetitions counts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from support.build_root import WITH_PYTHON, BuildRoot
from support.commands import DOCKER, run
from support.layouts import python_base

HERE = Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3.11"
REQUIREMENTS = ("numpy==1.26.4", "requests==2.32.3")
OURS, COMPILED = "layers", "layers, pex_compile"
PLAIN, PLAIN_COMPILED, ZIPAPP = "venv, pip --no-compile", "venv, pip", "zipapp PEX"

_SETTINGS = '\n[source]\nroot_patterns = ["/src"]\n\n[python]\ninterpreter_constraints = ["CPython==3.11.*"]\n'
_MAIN = "import numpy\nimport requests\n\nif numpy.arange(3).sum() == 3:\n    print(requests.__version__)\n"
_BUILD = f"""\
python_requirements(name="requirements")
oci_base(name="base", path="base", python="{PYTHON}")
python_sources()
pex_binary(name="bin", entry_point="application.py")
oci_image(name="ours", base=":base", dependencies=[":bin"])
oci_image(name="compiled", base=":base", dependencies=[":bin"], pex_compile=True)
oci_image(
    name="zipapp", base=":base", dependencies=[":bin"], pex_layers="single", entrypoint=["python3", "/bin.pex"],
    env={{"PEX_ROOT": "/tmp/pex"}},
)
"""
_DOCKERFILE = """\
FROM {base}
COPY app /app
COPY src /app/src
ENV PYTHONPATH=/app/src
ENTRYPOINT ["/app/bin/python", "-m", "application"]
"""
# Run by the image's own Python, which measures the application from outside.
_TIMER = """\
import subprocess, sys, time
start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(time.perf_counter() - start)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks/start_up", description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7, help="starts of each (%(default)s)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="folder for the results (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        images = _images(Path(folder))
        try:
            seconds: dict[str, list[float]] = {way: [] for way in images}
            for _ in range(arguments.repetitions):
                for way, image in images.items():
                    seconds[way].append(_start(image, writable=way == ZIPAPP))
        finally:
            run(DOCKER, "image", "rm", "--force", *images.values())
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "start-up.json").write_text(json.dumps(seconds, indent=2) + "\n")
    page = _page(seconds)
    (arguments.output / "start-up.md").write_text(page)
    print(page)
    return 0


def _start(image: str, *, writable: bool) -> float:
    """Seconds of a first start in a new container, read-only unless the way needs to write."""
    config = json.loads(run(DOCKER, "image", "inspect", image))[0]["Config"]
    options = ["--tmpfs=/tmp:exec"] if writable else []
    return float(
        run(
            DOCKER, "run", "--rm", "--read-only", "--user=1000", "--network=none", *options, f"--entrypoint={PYTHON}",
            image, "-S", "-c", _TIMER, *config["Entrypoint"],
        )
    )  # fmt: skip


def _images(folder: Path) -> Mapping[str, str]:
    """Load the images: ours, and those that are usually built with Dockerfiles."""
    names = {OURS: "ours", COMPILED: "compiled", ZIPAPP: "zipapp"}
    with BuildRoot(folder / "root", _SETTINGS, WITH_PYTHON) as root:
        root.write({"src/BUILD": _BUILD, "src/application.py": _MAIN, "src/requirements.txt": "\n".join(REQUIREMENTS)})
        python_base(root.path / "src/base")
        root.pants("package", *(f"src:{name}" for name in names.values()))
        images = {way: _load(root.path / f"dist/src/{name}", name) for way, name in names.items()}
        base = _load(root.path / "src/base", "base")
    for way, options in ((PLAIN, ["--no-compile"]), (PLAIN_COMPILED, [])):
        images[way] = _docker_build(folder / way, base, options)
    return {way: images[way] for way in (OURS, COMPILED, PLAIN, PLAIN_COMPILED, ZIPAPP)}


def _load(layout: Path, name: str) -> str:
    image = f"localhost/pants-oci-start-up:{name}"
    source = f"oci:{layout}:latest" if name == "base" else f"oci:{layout}"
    run("skopeo", "copy", "--quiet", source, f"docker-daemon:{image}")
    return image


def _docker_build(folder: Path, base: str, options: Sequence[str]) -> str:
    """An image as from `python -m venv` and `pip install` in a Dockerfile, but run here: the base has no pip."""
    app = folder / "app"
    run(PYTHON, "-m", "venv", "--without-pip", str(app))
    site = app / "lib/python3.11/site-packages"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    subprocess.run(
        [
            sys.executable, "-m", "pip", "install", "--quiet", *options, f"--target={site}", "--python-version=3.11",
            "--only-binary=:all:", *REQUIREMENTS,
        ],
        env=environment,
        check=True,
    )  # fmt: skip
    if not options:
        # This machine's Python may differ from the image's.
        run(PYTHON, "-m", "compileall", "-q", "-f", str(site))
    (folder / "src").mkdir()
    (folder / "src/application.py").write_text(_MAIN)
    (folder / "Dockerfile").write_text(_DOCKERFILE.format(base=base))
    image = f"localhost/pants-oci-start-up:venv{len(options)}"
    run(DOCKER, "build", "--quiet", "--tag", image, str(folder))
    return image


def _page(seconds: Mapping[str, Sequence[float]]) -> str:
    least = {way: min(found) for way, found in seconds.items()}
    rows = [
        f"| {way} | {least[way]:.2f} / {median(seconds[way]):.2f} | {least[OURS] / least[way]:.2f} "
        f"| {least[COMPILED] / least[way]:.2f} |"
        for way in seconds
    ]
    head = (
        "# Start-up\n\n"
        f"Written by `benchmarks/start_up`: {', '.join(REQUIREMENTS)}; {len(seconds[OURS])} starts of each, "
        f"{os.cpu_count()} processors. Seconds are\nthe least and, after the stroke, the median; ratios are of the "
        "least, below 1 ours is faster.\n\n"
        f"| | s | ratio of {OURS} | ratio of {COMPILED} |\n|---|--:|--:|--:|\n"
    )
    return head + "\n".join(rows) + "\n"
