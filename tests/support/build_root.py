"""A temporary repository in which Pants runs with this project's plugin, as in a user's repository."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from support.interpreters import find_interpreter

PROJECT = Path(__file__).parents[2]
# Pants tries each Python of its search path whenever it starts, which takes seconds where there are many.
_PYTHONS = ("3.9", "3.10", "3.11")

# Variables of a user's shell that no test may depend on: credentials, settings of Git and Pants.
_LEFT_OUT = ("DOCKER_", "GIT_", "PANTS_", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR")
# Variables by which the launcher finds Pants and the pex tool.
_KEPT = ("PANTS_VERSION", "PANTS_PEX_CLI_", "PANTS_PYTHON_BOOTSTRAP_")

_SETTINGS = """\
[GLOBAL]
pants_version = "{version}"
{plugin}

[anonymous-telemetry]
enabled = false
"""

_FROM_CHECKOUT = f"""\
pythonpath = ["{PROJECT}/pants-plugins", "{PROJECT}/src"]
backend_packages = [{{backends}}"pants_oci"]"""
# Without the Python backend, a start of Pants takes a fifth less.
WITHOUT_PYTHON = _FROM_CHECKOUT.format(backends="")
WITH_PYTHON = _FROM_CHECKOUT.format(backends='"pants.backend.python", ')


@dataclass(frozen=True)
class Result:
    """The result of a command. Texts are decoded; Pants's own log lines are in `stderr`."""

    exit_code: int
    stdout: str
    stderr: str

    def __str__(self) -> str:
        return f"exit code {self.exit_code}\n--- standard output\n{self.stdout}\n--- standard error\n{self.stderr}"


class BuildRoot:
    """A folder with a `pants.toml`, and the Pants that works in it.

    `settings`: more tables of `pants.toml`, for other scopes than GLOBAL. `plugin`: the options of GLOBAL for the
    source of the plugin, and for backends. `options`: options of every call. Pants takes some ten seconds to start and
    about one for each later call: share one build root in a test module, and `stop()` it (or use `with`) at its end.
    """

    def __init__(self, path: Path, settings: str = "", plugin: str = WITHOUT_PYTHON) -> None:
        self.path = path.resolve()
        self.options: Sequence[str] = ()
        self._search_path = search_path(one=plugin == WITHOUT_PYTHON)
        version = os.environ.get("PANTS_VERSION") or _project_version()
        self._settings = _SETTINGS.format(version=version, plugin=plugin) + settings
        self.write({"pants.toml": self._settings})

    def __enter__(self) -> BuildRoot:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()

    def write(self, files: Mapping[str, str | bytes]) -> None:
        """Write files, by path from the build root, and create their folders."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def pants(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        told_folder: str | None = None,
        check: bool = True,
        seconds: float | None = None,
    ) -> Result:
        """Run Pants in `folder`. `env` is added to a clean environment; `check` fails on any exit code but 0.

        `told_folder`: the value of `PWD`, for a launcher that is not a shell. Raises subprocess.TimeoutExpired after
        `seconds`.
        """
        launcher = [str(PROJECT / "pants")] if told_folder is None else _launcher_with_pwd(told_folder)
        run = partial(
            subprocess.run,
            [*launcher, "--no-dynamic-ui", "--no-colors", *self._search_path, *self.options, *arguments],
            cwd=folder or self.path,
            env={**self._environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        done = run()
        # Pants fails at times if it forks in one thread while another writes the program of a process.
        if "retry for ETXTBSY" in done.stderr:
            done = run()
        result = Result(done.returncode, done.stdout, done.stderr)
        # pytest shows it where a test fails, and shortens the values of an assertion.
        print(f"pants {' '.join(arguments)}: {result}")
        assert not check or done.returncode == 0, result
        return result

    def start(
        self,
        *arguments: str,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start Pants without waiting for it."""
        return subprocess.Popen(
            [str(PROJECT / "pants"), *self._search_path, *self.options, *arguments],
            cwd=self.path,
            env=self._environment(),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
        )

    def git(self, *arguments: str) -> str:
        """Run Git with a configured user, on the branch `main`; return its output."""
        identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "init.defaultBranch=main"]
        done = subprocess.run(
            ["git", *identity, *arguments],
            cwd=self.path,
            env={**self._environment(), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def commit(self) -> None:
        """Commit everything but Pants's own folders; the first call creates the Git repository."""
        if not (self.path / ".git").exists():
            self.git("init", "--quiet")
            self.write({".git/info/exclude": "/.*\n/dist/\n"})
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=Change")

    def restore(self) -> None:
        """Revert every change since the last commit."""
        self.git("reset", "--quiet", "--hard")
        self.git("clean", "--quiet", "--force", "-d")

    def clear(self) -> None:
        """Delete everything but the settings, which are as they were at first. A daemon goes on."""
        for path in self.path.iterdir():
            if path.name not in ("pants.toml", ".pants.d", ".pids"):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        if (self.path / "pants.toml").read_text() != self._settings:
            self.write({"pants.toml": self._settings})

    def stop(self) -> None:
        """Stop Pants's daemon and delete the folder."""
        stop_daemons(self.path)
        shutil.rmtree(self.path)

    def _environment(self) -> dict[str, str]:
        return {**clean_environment(), "DOCKER_CONFIG": str(self.path / ".nobody")}


def search_path(*, one: bool = False) -> Sequence[str]:
    """The option that names few Pythons, or one: the newest of them, which is enough for the plugin itself."""
    folders = [folder for version in _PYTHONS if (folder := find_interpreter(version))]
    return [f"--python-bootstrap-search-path={folders[-1:] if one else folders}"] if folders else []


def write_launcher(folder: Path) -> None:
    """Write `pants`, as it lies on the PATH of a user who has few Pythons."""
    folder.mkdir()
    (folder / "pants").write_text(f'#!/bin/sh\nexec {shlex.join([str(PROJECT / "pants"), *search_path()])} "$@"\n')
    (folder / "pants").chmod(0o755)


def stop_daemons(path: Path) -> None:
    """Stop Pants's daemons of a build root."""
    for name in path.glob(".pids/**/pantsd/pid"):
        pid = int(name.read_text())
        # A daemon that has ended leaves its process ID behind, which another process may have by now.
        with contextlib.suppress(OSError):
            if str(path).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                _stop_process(pid)


def clean_environment() -> dict[str, str]:
    """This process's environment, without variables that no test may depend on."""
    return {
        name: value for name, value in os.environ.items() if name.startswith(_KEPT) or not name.startswith(_LEFT_OUT)
    }


def _launcher_with_pwd(folder: str) -> list[str]:
    """The last steps of `./pants`, which has run before; as a shell, `./pants` would set `PWD` itself."""
    with (PROJECT / "pants").open("rb") as recipe:
        checksum = subprocess.run(["cksum"], stdin=recipe, capture_output=True, text=True, check=True).stdout.split()[0]
    version = os.environ.get("PANTS_VERSION") or _project_version()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    script = """
[ -n "${PANTS_PEX_CLI_URL_TEMPLATE:-}" ] || . "$0/settings"
export NO_SCIE_WARNING=1 _PANTS_SERVER_EXE="$0/bin/pants"
folder=$1
shift
exec env PWD="$folder" "$0/bin/native_client" "$@"
"""
    return ["sh", "-c", script, f"{cache}/pants-oci/pants-{version}-{checksum}", folder]


def _project_version() -> str:
    lines = (PROJECT / "pants.toml").read_text().splitlines()
    return next(line.split('"')[1] for line in lines if line.startswith("pants_version"))


def _stop_process(pid: int) -> None:
    """Terminate Pants's daemon, which is not a child process, and kill it after ten seconds."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(100):
            os.kill(pid, 0)
            time.sleep(0.1)
        os.kill(pid, signal.SIGKILL)
