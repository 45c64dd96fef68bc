"""A Python application in an image: its layout below a root, its launcher and its few other generated files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ocikit.errors import InvalidInput
from ocikit.python_app.distributions import Distribution, console_scripts
from ocikit.python_app.interpreter import Interpreter
from ocikit.python_app.scripts import call
from ocikit.python_app.site import Site

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAUNCHER = "__main__.py"


@dataclass(frozen=True)
class Main:
    """What to run. `kind` is "module", "function" ("module:name"), "file" (a Python file below the root), "program"
    (another one), or "nothing": a prompt."""

    kind: str
    value: str = ""


@dataclass(frozen=True)
class Application:
    """A Python application below `root`, an absolute path."""

    root: str
    interpreter: Interpreter
    main: Main
    # Also use the packages of the base's Python, after the application's own.
    system_packages: bool = False

    @property
    def site(self) -> Site:
        return site_of(self.root, self.interpreter)

    @property
    def command(self) -> tuple[str, ...]:
        """The entrypoint, without injected arguments."""
        if self.main.kind == "program":
            return (f"{self.root}/{self.main.value}",)
        python = f"{self.root}/bin/python" if self.interpreter.path else "python3"
        prompt = self.main.kind == "nothing" and self.interpreter.path
        return (python,) if prompt else (python, f"{self.root}/{LAUNCHER}")

    def files(self) -> dict[str, bytes]:
        """The generated files of the application, by path below the root."""
        files = {
            LAUNCHER: _launcher(self),
            # `site` reads it at every start, also of child processes: first-party code comes first, as in a PEX.
            f"{self.site.packages}/_first_party.pth": _first_on_the_path(f"{self.root}/src"),
        }
        if self.interpreter.path:
            home = self.interpreter.path.rpartition("/")[0] or "/"
            seen = str(self.system_packages).lower()
            files["pyvenv.cfg"] = (
                f"home = {home}\ninclude-system-site-packages = {seen}\nversion = {self.interpreter.version}\n".encode()
            )
        return files

    def links(self) -> dict[str, str]:
        return {"bin/python": self.interpreter.path} if self.interpreter.path else {}

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """The environment variables to set: the base's PATH with the application's `bin` in front."""
        return {"PATH": f"{self.root}/bin:{base.get('PATH') or DEFAULT_PATH}"}


def site_of(root: str, interpreter: Interpreter) -> Site:
    """The site of applications below `root`. It depends on no other property, so applications can share layers."""
    packages = f"lib/python{interpreter.version}/site-packages"
    if interpreter.path:
        return Site(packages, interpreter.version, f"{root}/bin/python")
    return Site(packages, interpreter.version, None, _set_up(interpreter.version, f"{root}/{packages}"))


def find_main(arguments: Iterable[str], installed: Iterable[Distribution], sources: Iterable[str]) -> Main:
    """Find the code that pex's own arguments select: --entry-point, --console-script or --executable.

    `installed`: all distributions, of which the first with a command has it. `sources`: first-party files. Raises
    InvalidInput if a command or a file is missing.
    """
    found = tuple(installed)
    words = tuple(arguments)
    if not words:
        return Main("nothing")
    option, value = words
    if option == "--console-script":
        scripts = console_scripts(found)
        if value in scripts:
            return _entry_point(scripts[value])
        owner = next((distribution for distribution in found if value in distribution.commands), None)
        if owner:
            return Main("program" if value in owner.programs else "file", f"bin/{value}")
        known = ", ".join(sorted({command for distribution in found for command in distribution.commands})) or "none"
        raise InvalidInput(f'no distribution has the script "{value}"; available: {known}.')
    if option == "--executable":
        fitting = [path for path in sources if f"/{value}".endswith(f"/{path}")]
        if not fitting:
            raise InvalidInput(f'the executable "{value}" is not among the sources.')
        return Main("file", f"src/{max(fitting, key=len)}")
    return _entry_point(value)


def _first_on_the_path(folder: str) -> bytes:
    # `site` reads these files twice in a virtual environment.
    return f"import sys; {folder!r} in sys.path or sys.path.insert(0, {folder!r})\n".encode()


def _entry_point(text: str) -> Main:
    return Main("function" if ":" in text else "module", text)


_RUN: Mapping[str, str] = MappingProxyType(
    {
        "nothing": "    import code\n\n    code.interact()\n",
        "module": '    import runpy\n\n    runpy.run_module({value!r}, run_name="__main__", alter_sys=True)\n',
        "function": "    {importing}\n\n    {calling}\n",
        "program": "    import os\n\n    os.execv({value!r}, [{value!r}, *sys.argv[1:]])\n",
        "file": '    import runpy\n\n    runpy.run_path({value!r}, run_name="__main__")\n',
    }
)


def _launcher(application: Application) -> bytes:
    main = application.main
    value = f"{application.root}/{main.value}" if main.kind in ("file", "program") else main.value
    importing, calling = call(main.value)
    run = _RUN[main.kind].format(value=value, importing=importing, calling=calling)
    # Guarded, because multiprocessing runs this file again in each child that it spawns.
    return (
        '"""Starts this image\'s application."""\n\nimport sys\n\n'
        f"{application.site.set_up}"
        'if __name__ == "__main__":\n'
        f"    sys.path[:] = [path for path in sys.path if path != {application.root!r}]\n"
        f"{run}"
    ).encode()


def _set_up(version: str, packages: str) -> str:
    """Code that does what `site` does for an interpreter with a pyvenv.cfg."""
    expected = tuple(map(int, version.split(".")))
    return f"""\
if sys.version_info[:2] != {expected!r}:
    found = "%d.%d" % sys.version_info[:2]
    sys.exit("This application is built for Python {version}, but python3 is %s (%s)." % (found, sys.executable))

import site

before = list(sys.path)
site.addsitedir({packages!r})
sys.path[:] = [path for path in sys.path if path not in before] + before

"""
