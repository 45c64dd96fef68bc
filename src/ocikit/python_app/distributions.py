"""Split a flat tree of installed distributions: each distribution with its own files.

`pex3 venv create --layout flat` writes the tree: site-packages, and next to the packages the folders of a prefix
(`bin`, `share`, …). RECORD files say which file belongs to which distribution. Files that installers add, or that
differ between versions of pex, are generated or left out, so that a distribution has the same bytes wherever it is
built.
"""

from __future__ import annotations

import base64
import configparser
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ocikit.errors import InvalidInput

# The installer and the origin: not part of the distribution, and the origin may be a path of the build.
_LEFT_OUT = frozenset(("INSTALLER", "REQUESTED", "direct_url.json", "RECORD.jws", "RECORD.p7s"))
_PREFIX_FOLDERS = frozenset(("bin", "etc", "include", "lib", "man", "sbin", "share", "var"))
_METADATA = re.compile(r"(?P<name>[^/]+)-(?P<version>[^-/]+)\.dist-info/RECORD")
_PLACEHOLDER = b"#!python"
_COLLIDING_FILE = re.compile(r"^\d+\. flat/(\S.*) was provided by:$")
_COLLIDING_WHEEL = re.compile(r"->.*/([^/]+-[^-/]+)-[^/-]+-[^/-]+-[^/-]+\.whl/")


@dataclass(frozen=True)
class TreeFile:
    """A file by its content: the SHA-256 in hex, and the size in bytes."""

    path: str
    sha256: str
    size: int
    executable: bool = False


@dataclass(frozen=True)
class Distribution:
    """A distribution, or the files that no RECORD lists (`name` is empty).

    `files` maps paths below the application's root to files of the tree, `made` maps them to generated contents.
    """

    name: str
    version: str
    files: Mapping[str, TreeFile] = field(hash=False)
    made: Mapping[str, bytes] = field(hash=False)

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files.values()) + sum(map(len, self.made.values()))

    def is_executable(self, path: str) -> bool:
        """Whether one of its files is executable: scripts always are, as with pip, but not with Pex 2.100 and later."""
        return path.startswith("bin/") or (path in self.files and self.files[path].executable)

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.name else "files of no distribution"


@dataclass(frozen=True)
class Site:
    """The target of distributions: the `packages` folder below the root, and the interpreter of scripts."""

    packages: str
    shebang: str


def take_apart(files: Iterable[TreeFile], texts: Mapping[str, bytes], site: Site) -> tuple[Distribution, ...]:
    """Split a flat tree by its distributions, sorted by name.

    `texts` has the contents of all `*.dist-info/RECORD` and `*.dist-info/entry_points.txt`, and of all files in `bin`
    that are small enough to be scripts. A file that two distributions list is in both.
    """
    tree = {file.path: file for file in files if not _is_left_out(file.path)}
    importable = {path.partition("/")[0] for path in tree if path.endswith("/__init__.py") and path.count("/") == 1}
    unclaimed = set(tree)
    found = []
    for record in sorted(path for path in texts if path.endswith("/RECORD")):
        metadata = _METADATA.fullmatch(record)
        if metadata is None:
            continue
        own = {row[0] for row in _rows(texts[record]) if row and row[0] in tree}
        unclaimed -= own | {record}
        scripts = _scripts(texts.get(f"{record.rpartition('/')[0]}/entry_points.txt", b""))
        found.append(
            _distribution(metadata["name"], metadata["version"], record, own, scripts, tree, texts, site, importable)
        )
    rest = {path for path in unclaimed if not path.endswith(".dist-info/RECORD")}
    if rest:
        found.append(_distribution("", "", "", rest, {}, tree, texts, site, importable))
    return tuple(sorted(found, key=lambda d: (d.name.lower(), d.version)))


def group(
    distributions: Iterable[Distribution], budget: int, apart_from: int = 5_000_000
) -> tuple[tuple[Distribution, ...], ...]:
    """Group distributions into at most `budget` layers, the lowest first.

    Each distribution of `apart_from` bytes or more gets its own layer, the largest first, within the budget; all others
    share the top layer. Raises InvalidInput for a budget below 1.
    """
    if budget < 1:
        raise InvalidInput(f"{budget} layers are too few: expected 1 or more.")
    ordered = sorted(distributions, key=lambda d: (-d.size, d.name.lower(), d.version))
    large = [d for d in ordered if d.size >= apart_from]
    alone = large if len(large) == len(ordered) <= budget else large[: budget - 1]
    rest = sorted(ordered[len(alone) :], key=lambda d: (d.name.lower(), d.version))
    return (*((d,) for d in alone), *((tuple(rest),) if rest else ()))


def console_scripts(texts: Mapping[str, bytes]) -> dict[str, str]:
    """The console scripts of every `entry_points.txt` in `texts`: command to "module:function"."""
    found: dict[str, str] = {}
    for path in sorted(texts):
        if path.endswith(".dist-info/entry_points.txt"):
            # If two have the same script, the first wins, as in `settle`.
            found = {**_scripts(texts[path]), **found}
    return found


def settle(distributions: Iterable[Distribution]) -> tuple[tuple[Distribution, ...], tuple[str, ...]]:
    """Keep each path only in the first distribution that has it, because several may have a script of the same name.

    The second result lists paths with different contents: "bin/run (one 1.0, two 1.0)".
    """
    settled: list[Distribution] = []
    owners: dict[str, tuple[Distribution, str]] = {}
    clashes: dict[str, list[str]] = {}
    for distribution in distributions:
        own = {path: (distribution, sha256) for path, (sha256, _) in _digests(distribution.files, distribution.made)}
        lost = {path for path, claim in own.items() if owners.setdefault(path, claim)[1] != claim[1]}
        for path in sorted(lost):
            clashes.setdefault(path, [str(owners[path][0])]).append(str(distribution))
        files = {path: file for path, file in distribution.files.items() if path not in lost}
        made = {path: content for path, content in distribution.made.items() if path not in lost}
        settled.append(replace(distribution, files=files, made=made))
    return tuple(settled), tuple(f"{path} ({', '.join(names)})" for path, names in clashes.items())


def collisions(output: str) -> tuple[str, ...]:
    """Parse pex's report of files that several wheels have: "pkg/file.py (one-1.0, two-2.0)"."""
    found: dict[str, list[str]] = {}
    path = ""
    for line in output.splitlines():
        start = _COLLIDING_FILE.search(line)
        wheel = _COLLIDING_WHEEL.search(line)
        if start:
            path = start[1]
        elif wheel and path:
            found.setdefault(path, []).append(wheel[1])
    return tuple(f"{path} ({', '.join(wheels)})" for path, wheels in found.items())


def _distribution(
    name: str,
    version: str,
    record: str,
    own: Iterable[str],
    scripts: Mapping[str, str],
    tree: Mapping[str, TreeFile],
    texts: Mapping[str, bytes],
    site: Site,
    importable: set[str],
) -> Distribution:
    kept: dict[str, TreeFile] = {}
    made = {f"bin/{script}": _script(target, site.shebang) for script, target in scripts.items()}
    for path in own:
        place = _place(path, site, importable)
        if path == record or place in made:
            continue
        text = texts.get(path, b"")
        if place.startswith("bin/") and text.startswith(_PLACEHOLDER):
            made[place] = f"#!{site.shebang}".encode() + text[len(text.partition(b"\n")[0]) :]
        else:
            kept[place] = tree[path]
    if record:
        made[f"{site.packages}/{record}"] = _record(f"{site.packages}/{record}", kept, made, site)
    return Distribution(name, version, kept, made)


def _place(path: str, site: Site, importable: set[str]) -> str:
    top, slash, _ = path.partition("/")
    return path if slash and top in _PREFIX_FOLDERS - importable else f"{site.packages}/{path}"


def _is_left_out(path: str) -> bool:
    folder, _, name = path.rpartition("/")
    if folder.endswith(".dist-info") and "/" not in folder and name in _LEFT_OUT:
        return True
    # They contain paths of the machine that compiled them, and only some versions of pex write them.
    return f"/{path}".endswith(".pyc") and "/__pycache__/" in f"/{path}"


def _scripts(entry_points: bytes) -> dict[str, str]:
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(entry_points.decode("utf-8", "replace"))
    except configparser.Error:
        return {}
    groups = [dict(parser[name]) for name in ("console_scripts", "gui_scripts") if name in parser]
    # "module:function [extra]": extras are requirements, which are installed by now.
    return {script: target.partition("[")[0].strip() for group in groups for script, target in group.items()}


def _script(target: str, shebang: str) -> bytes:
    module, _, attribute = (part.strip() for part in target.partition(":"))
    call = f"sys.exit({module}.{attribute}())" if attribute else f"{module}.main()"
    return f"#!{shebang}\nimport sys\n\nimport {module}\n\n{call}\n".encode()


def _rows(record: bytes) -> Iterable[list[str]]:
    return csv.reader(io.StringIO(record.decode("utf-8", "replace")))


def _digests(files: Mapping[str, TreeFile], made: Mapping[str, bytes]) -> Iterator[tuple[str, tuple[str, int]]]:
    """SHA-256 and size of contents, by path."""
    yield from ((path, (file.sha256, file.size)) for path, file in files.items())
    yield from ((path, (hashlib.sha256(content).hexdigest(), len(content))) for path, content in made.items())


def _record(own: str, kept: Mapping[str, TreeFile], made: Mapping[str, bytes], site: Site) -> bytes:
    """Write RECORD. Spec: PyPA's recording installed projects, "The RECORD file"."""
    digests = dict(_digests(kept, made))
    up = "../" * (site.packages.count("/") + 1)
    rows = [
        (
            path[len(site.packages) + 1 :] if path.startswith(f"{site.packages}/") else up + path,
            "sha256=" + base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip("="),
            str(size),
        )
        for path, (sha256, size) in digests.items()
    ]
    rows.append((own[len(site.packages) + 1 :], "", ""))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(sorted(rows))
    return text.getvalue().encode()
