"""The third-party requirements of a `pex_binary`: resolved and installed by Pex, then split by distribution.

Everything here depends only on the requirements, so an edit of first-party code repeats none of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.backend.python.target_types import PexLayout
from pants.backend.python.util_rules.pex import PexRequest
from pants.backend.python.util_rules.pex_cli import PexCliProcess
from pants.backend.python.util_rules.pex_from_targets import PexFromTargetsRequest
from pants.engine.addresses import Address
from pants.engine.fs import (
    EMPTY_DIGEST,
    CreateDigest,
    Digest,
    DigestSubset,
    FileContent,
    FileDigest,
    FileEntry,
    MergeDigests,
    PathGlobs,
    RemovePrefix,
)
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.printable import printable
from ocikit.python_app import distributions
from ocikit.python_app.distributions import Distribution, Site, TreeFile
from pants_oci.compat import (
    by_name,
    create_digest,
    create_pex,
    create_pex_from_targets,
    digest_subset_to_digest,
    execute_process,
    get_digest_contents,
    get_digest_entries,
    implicitly,
    merge_digests,
    remove_prefix,
    setup_pex_cli_process,
)
from pants_oci.debug_hints import OfOwner
from pants_oci.errors import OciTargetError
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.python_app.interpreter import PythonChoice
from pants_oci.sandbox.process import CACHE_FIRST_MILLIS
from pants_oci.targets.python import OciImagePexCollisionsField

_FLAT = "flat"
# Only smaller files in `bin` are read as scripts; larger ones are binaries. In bytes.
_LARGEST_SCRIPT = 64 * 1024


@dataclass(frozen=True)
class FlattenRequest(OfOwner):
    """Install the distributions of the PEX `name` in `digest` side by side in one folder."""

    owner: Address
    digest: Digest
    name: str
    python: PythonChoice
    allow_collisions: bool


@dataclass(frozen=True)
class FlatTree:
    digest: Digest


@dataclass(frozen=True)
class DistributionsRequest:
    """Split a flat tree into distributions, for an application laid out as `site` describes."""

    tree: Digest
    site: Site


@dataclass(frozen=True)
class Distributions:
    """All distributions, their console scripts, and the files in their `bin`.

    `clashes`: scripts that several distributions have. Only the first distribution keeps them.
    """

    all: tuple[Distribution, ...]
    scripts: FrozenDict[str, str]
    clashes: tuple[str, ...] = ()

    @property
    def commands(self) -> tuple[str, ...]:
        paths = {path for d in self.all for path in (*d.files, *d.made)}
        return tuple(sorted(path[len("bin/") :] for path in paths if path.startswith("bin/")))


@dataclass(frozen=True)
class DistributionPartRequest:
    """Lay out distributions below the application's root. `origin`: the target that requires them."""

    origin: Address
    distributions: tuple[Distribution, ...]


@dataclass(frozen=True)
class RequirementsRequest(OfOwner):
    """Resolve the requirements of `pex`, and install them."""

    owner: Address
    pex: PexFromTargetsRequest
    python: PythonChoice
    allow_collisions: bool


@rule(desc="Install distributions side by side", level=LogLevel.DEBUG)
async def flatten(request: FlattenRequest) -> FlatTree:
    inputs = await merge_digests(MergeDigests((request.digest, request.python.complete_platforms.digest)))
    process = await setup_pex_cli_process(
        PexCliProcess(
            subcommand=("venv", "create"),
            extra_args=(
                f"--dest-dir={_FLAT}",
                f"--pex-repository={request.name}",
                "--layout=flat",
                "--scope=deps",
                *(["--collisions-ok"] if request.allow_collisions else []),
                *request.python.pex_arguments(),
            ),
            additional_input_digest=inputs,
            output_directories=(_FLAT,),
            description=printable(f"Install the requirements of {request.owner}"),
        ),
        **implicitly(),
    )
    process = replace(process, remote_cache_speculation_delay_millis=CACHE_FIRST_MILLIS)
    result = await execute_process(process, **implicitly())
    if result.exit_code != 0:
        raise OciTargetError(request.owner, *_explained(result.stderr.decode(errors="replace"), request))
    tree = await remove_prefix(RemovePrefix(result.output_digest, _FLAT))
    return FlatTree(tree)


call_flatten = by_name(flatten, FlatTree, FlattenRequest)


@rule(desc="Install the requirements of an OCI image", level=LogLevel.DEBUG)
async def install_requirements(request: RequirementsRequest) -> FlatTree:
    # Packed, because Pants makes files above 512 KB of a loose PEX executable.
    requested = replace(
        request.pex,
        output_filename="deps.pex",
        layout=PexLayout.PACKED,
        main=None,
        inject_args=(),
        inject_env=FrozenDict(),
        include_source_files=False,
        include_local_dists=False,
        warn_for_transitive_files_targets=False,
        complete_platforms=request.python.complete_platforms,
        platforms=request.python.platforms,
        hardcoded_interpreter_constraints=request.python.constraints,
        # This fails most often because the machine lacks the Python, so name the image and the version.
        description=printable(
            f"Resolve the requirements of {request.owner} for Python {request.python.interpreter.version}"
        ),
    )
    pex_request = await create_pex_from_targets(**implicitly({requested: PexFromTargetsRequest}))
    if not pex_request.requirements and not pex_request.pex_path:
        return FlatTree(EMPTY_DIGEST)
    pex = await create_pex(**implicitly({pex_request: PexRequest}))
    return await call_flatten(
        FlattenRequest(request.owner, pex.digest, pex.name, request.python, request.allow_collisions)
    )


call_requirements = by_name(install_requirements, FlatTree, RequirementsRequest)


@rule(desc="Split installed files by distribution", level=LogLevel.DEBUG)
async def take_apart(request: DistributionsRequest) -> Distributions:
    entries = await get_digest_entries(request.tree)
    files = [_tree_file(entry) for entry in entries if isinstance(entry, FileEntry)]
    small = [f.path for f in files if f.path.startswith("bin/") and f.size <= _LARGEST_SCRIPT]
    globs = PathGlobs(["*.dist-info/RECORD", "*.dist-info/entry_points.txt", *map(_literally, small)])
    subset = await digest_subset_to_digest(DigestSubset(request.tree, globs))
    contents = await get_digest_contents(subset)
    texts = {content.path: content.content for content in contents}
    found, clashes = distributions.settle(distributions.take_apart(files, texts, request.site))
    return Distributions(found, FrozenDict(distributions.console_scripts(texts)), clashes)


@rule(desc="Lay out distributions for an OCI image", level=LogLevel.DEBUG)
async def lay_out(request: DistributionPartRequest) -> LayerInput:
    # A file that two distributions claim has the same content.
    entries: dict[str, FileEntry | FileContent] = {}
    for distribution in request.distributions:
        entries.update(
            (path, FileEntry(path, FileDigest(file.sha256, file.size), distribution.is_executable(path)))
            for path, file in distribution.files.items()
        )
        entries.update(
            (path, FileContent(path, content, is_executable=distribution.is_executable(path)))
            for path, content in distribution.made.items()
        )
    digest = await create_digest(CreateDigest(entries.values()))
    return LayerInput(
        request.origin,
        digest,
        tuple(
            ocikit.Source(path, str(request.origin), executable=entry.is_executable) for path, entry in entries.items()
        ),
        sum(file.size for distribution in request.distributions for file in distribution.files.values()),
    )


call_distributions = by_name(take_apart, Distributions, DistributionsRequest)
call_distribution_part = by_name(lay_out, LayerInput, DistributionPartRequest)


def _tree_file(entry: FileEntry) -> TreeFile:
    digest = entry.file_digest
    return TreeFile(entry.path, digest.fingerprint, digest.serialized_bytes_length, entry.is_executable)


def _literally(path: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in path)


def _explained(stderr: str, request: FlattenRequest) -> tuple[str, ...]:
    found = distributions.collisions(stderr)
    if found:
        return (_collisions_message(found),)
    return tuple(f"its requirements could not be installed: {stderr.strip()}".split("\n"))


def check_clashes(owner: Address, found: Iterable[Distributions]) -> None:
    clashes = [clash for one in found for clash in one.clashes]
    if clashes:
        raise OciTargetError(owner, _collisions_message(clashes))


def _collisions_message(found: Iterable[str]) -> str:
    return (
        f"distributions install different files at one path: {'; '.join(found)}. Leave out all but one, "
        f'or set `{OciImagePexCollisionsField.alias}="allow"` to keep the first file.'
    )


def rules() -> Iterable[object]:
    return collect_rules()
