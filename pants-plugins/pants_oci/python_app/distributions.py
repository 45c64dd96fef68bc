"""The third-party requirements of a `pex_binary`: resolved by Pex, then installed one by one.

Everything here depends only on the requirements, so an edit of first-party code repeats none of it; and a changed
requirement installs only that one again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pants.backend.python.target_types import PexLayout
from pants.backend.python.util_rules.pex import PexRequest
from pants.backend.python.util_rules.pex_from_targets import PexFromTargetsRequest
from pants.engine.addresses import Address
from pants.engine.fs import (
    AddPrefix,
    CreateDigest,
    Digest,
    DigestSubset,
    FileDigest,
    FileEntry,
    PathGlobs,
)
from pants.engine.rules import collect_rules, rule
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.printable import printable
from ocikit.python_app import distributions
from ocikit.python_app.distributions import Distribution, TreeFile
from ocikit.python_app.site import Site
from ocikit.sandbox import protocol
from ocikit.spec import canonical_json
from pants_oci.compat import (
    add_prefix,
    by_name,
    concurrently,
    create_digest,
    create_pex,
    create_pex_from_targets,
    digest_subset_to_digest,
    get_digest_contents,
    get_digest_entries,
    implicitly,
)
from pants_oci.debug_hints import OfOwner
from pants_oci.errors import OciTargetError
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.python_app.interpreter import PythonChoice
from pants_oci.sandbox.process import OcikitProcess, call_try_ocikit
from pants_oci.targets.python import OciImagePexCollisionsField


@dataclass(frozen=True)
class InstallRequest:
    """Install the distributions of the PEX or the wheel `path` in `digest`, as `site` describes."""

    digest: Digest
    path: str
    site: Site


@dataclass(frozen=True)
class Installed:
    """Distributions, or the error if they are not what Pex makes."""

    all: tuple[Distribution, ...]
    problem: str | None


@dataclass(frozen=True)
class Distributions:
    """All distributions. `clashes`: files that several have with different contents; only the first one keeps them."""

    all: tuple[Distribution, ...]
    clashes: tuple[str, ...] = ()

    @classmethod
    def of(cls, owner: Address, installed: Iterable[Installed]) -> Distributions:
        found = tuple(installed)
        problems = [one.problem for one in found if one.problem]
        if problems:
            raise OciTargetError(owner, *(f"its requirements could not be installed: {text}" for text in problems))
        return cls(*distributions.settle(distribution for one in found for distribution in one.all))


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
    site: Site


@rule(desc="Install distributions", level=LogLevel.DEBUG)
async def install(request: InstallRequest) -> Installed:
    name = request.path.rpartition("/")[2]
    document = {"path": request.path, "site": request.site.to_json()}
    tried = await call_try_ocikit(
        OcikitProcess(
            command=protocol.DISTRIBUTIONS,
            request=canonical_json.dumps(document),
            inputs=await add_prefix(AddPrefix(request.digest, protocol.INPUT)),
            description=f"Install {name}",
            output_directories=(protocol.DISTRIBUTIONS_FOLDER,),
            level=LogLevel.DEBUG,
        )
    )
    if tried.problem:
        return Installed((), tried.problem)
    described = await digest_subset_to_digest(DigestSubset(tried.digest, PathGlobs([protocol.DISTRIBUTIONS_FILE])))
    (content,) = await get_digest_contents(described)
    answer = canonical_json.loads_object(content.content, protocol.DISTRIBUTIONS_FILE, max_size=None)
    files: list[dict[str, TreeFile]] = [{} for _ in answer["distributions"]]
    for entry in await get_digest_entries(tried.digest):
        folder, _, rest = entry.path.partition("/")
        if folder == protocol.DISTRIBUTIONS_FOLDER and isinstance(entry, FileEntry):
            number, _, path = rest.partition("/")
            digest = entry.file_digest
            files[int(number)][path] = TreeFile(
                path, digest.fingerprint, digest.serialized_bytes_length, entry.is_executable
            )
    return Installed(
        tuple(
            Distribution(found["name"], found["version"], own, found["scripts"], tuple(found["programs"]))
            for found, own in zip(answer["distributions"], files)
        ),
        None,
    )


call_install = by_name(install, Installed, InstallRequest)


@rule(desc="Install the requirements of an OCI image", level=LogLevel.DEBUG)
async def install_requirements(request: RequirementsRequest) -> Distributions:
    # Packed: each distribution is one file, and the processes that install it have no other input.
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
        return Distributions(())
    pex = await create_pex(**implicitly({pex_request: PexRequest}))
    entries = await get_digest_entries(pex.digest)
    wheels = [entry for entry in entries if isinstance(entry, FileEntry) and "/.deps/" in entry.path]
    # Named alone: the same wheel is the same input, whatever else the PEX contains.
    digests = await concurrently(
        create_digest(CreateDigest([replace(wheel, path=wheel.path.rpartition("/")[2])])) for wheel in wheels
    )
    installed = await concurrently(
        call_install(InstallRequest(digest, wheel.path.rpartition("/")[2], request.site))
        for wheel, digest in zip(wheels, digests)
    )
    return Distributions.of(request.owner, installed)


call_requirements = by_name(install_requirements, Distributions, RequirementsRequest)


@rule(desc="Lay out distributions for an OCI image", level=LogLevel.DEBUG)
async def lay_out(request: DistributionPartRequest) -> LayerInput:
    # A file that two distributions have has the same content.
    files = {path: file for distribution in request.distributions for path, file in distribution.files.items()}
    digest = await create_digest(
        CreateDigest(
            FileEntry(path, FileDigest(file.sha256, file.size), file.executable) for path, file in files.items()
        )
    )
    return LayerInput(
        request.origin,
        digest,
        tuple(ocikit.Source(path, str(request.origin), executable=file.executable) for path, file in files.items()),
        sum(file.size for file in files.values()),
    )


call_distribution_part = by_name(lay_out, LayerInput, DistributionPartRequest)


def check_clashes(owner: Address, found: Iterable[Distributions]) -> None:
    clashes = [clash for one in found for clash in one.clashes]
    if clashes:
        raise OciTargetError(
            owner,
            f"distributions install different files at one path: {'; '.join(clashes)}. Leave out all but one, "
            f'or set `{OciImagePexCollisionsField.alias}="allow"` to keep the first file.',
        )


def rules() -> Iterable[object]:
    return collect_rules()
