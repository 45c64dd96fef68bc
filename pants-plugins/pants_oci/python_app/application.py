"""Turn a `pex_binary` into layers: third-party distributions, start files, and first-party code on top.

The image does not contain the PEX itself: a PEX needs a writable folder at every start, and one changed line makes all
of it a new file. Its start options go into the image's settings and a small launcher instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet
from pants.backend.python.target_types import PythonDistributionEntryPointsField
from pants.backend.python.util_rules.pex_from_targets import PexFromTargetsRequest
from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import EMPTY_DIGEST, CreateDigest, FileContent, FileEntry, MergeDigests
from pants.engine.rules import collect_rules, rule
from pants.engine.target import TransitiveTargetsRequest
from pants.util.frozendict import FrozenDict
from pants.util.logging import LogLevel

import ocikit
from ocikit.python_app import distributions
from ocikit.python_app.application import Application, find_main, site_of
from ocikit.python_app.distributions import Distribution
from ocikit.python_app.interpreter import Interpreter, variables_of
from pants_oci.compat import (
    by_name,
    by_name_in_environment,
    concurrently,
    create_digest,
    create_pex_from_targets,
    get_digest_entries,
    implicitly,
    merge_digests,
    package_pex_binary,
    transitive_targets,
)
from pants_oci.debug_hints import OfOwner
from pants_oci.errors import error_context, errors_of
from pants_oci.layers.layer import BuiltLayer, LayerRequest, call_build_layer
from pants_oci.layers.layer_inputs import LayerInput
from pants_oci.python_app.compiled_modules import CompileRequest, call_compiled
from pants_oci.python_app.distributions import (
    DistributionPartRequest,
    Distributions,
    InstallRequest,
    RequirementsRequest,
    call_distribution_part,
    call_install,
    call_requirements,
    check_clashes,
)
from pants_oci.python_app.interpreter import PythonChoice, PythonRequest, call_python
from pants_oci.subsystem import OciSubsystem


@dataclass(frozen=True)
class ApplicationRequest(EngineAwareParameter):
    """Lay out `binary` below `root` of the image `owner`. `interpreter`: the Python of the image, if known."""

    owner: Address
    binary: PexBinaryFieldSet
    root: str
    platform: ocikit.Platform
    interpreter: Interpreter | None
    allow_collisions: bool
    compile: bool

    def debug_hint(self) -> str:
        return f"{self.owner} [{self.binary.address}]"


@dataclass(frozen=True)
class PythonApplication:
    """An application's layers, lowest first, and the settings that start it."""

    address: Address
    application: Application
    arguments: tuple[str, ...]
    env: FrozenDict[str, str]
    layers: tuple[BuiltLayer, ...]
    entries: tuple[ocikit.Entry, ...]


@dataclass(frozen=True)
class FirstPartyRequest(OfOwner):
    """Gather the first-party code of a `pex_binary`, including files that its `python_distribution`s install."""

    owner: Address
    pex: PexFromTargetsRequest
    python: PythonChoice
    root: str
    allow_collisions: bool


@dataclass(frozen=True)
class FirstParty:
    """Files below the application's root, and its `python_distribution`s."""

    part: LayerInput
    distributions: tuple[Distribution, ...]


@rule(desc="Gather first-party Python code for an OCI image", level=LogLevel.DEBUG)
async def first_party(request: FirstPartyRequest) -> FirstParty:
    closure = await transitive_targets(TransitiveTargetsRequest(request.pex.addresses), **implicitly())
    # Looking for them costs a process, so skip it if there are none.
    has_distributions = request.pex.include_local_dists and any(
        target.has_field(PythonDistributionEntryPointsField) for target in closure.closure
    )
    requested = replace(
        request.pex,
        output_filename="srcs.pex",
        main=None,
        include_requirements=False,
        include_local_dists=has_distributions,
        hardcoded_interpreter_constraints=request.python.constraints,
    )
    # Only its sources are used: no PEX is built, and no process runs.
    pex_request = await create_pex_from_targets(**implicitly({requested: PexFromTargetsRequest}))
    entries = await get_digest_entries(pex_request.sources or EMPTY_DIGEST)
    found = {f"src/{entry.path}": _moved(entry, "src") for entry in entries if isinstance(entry, FileEntry)}
    address = request.pex.addresses[0]
    site = replace(site_of(request.root, request.python.interpreter), packages="src")
    installed = await concurrently(
        call_install(InstallRequest(pex_request.additional_inputs, name, site))
        for name in _requirements_pexes(pex_request.additional_args)
    )
    own = Distributions.of(request.owner, installed)
    if not request.allow_collisions:
        check_clashes(request.owner, [own])
    part = await call_distribution_part(DistributionPartRequest(address, own.all))
    sources = await create_digest(CreateDigest(found.values()))
    digest = await merge_digests(MergeDigests((sources, part.files)))
    return FirstParty(
        LayerInput(
            address,
            digest,
            (
                *(ocikit.Source(path, str(address), executable=e.is_executable) for path, e in found.items()),
                *part.sources,
            ),
        ),
        own.all,
    )


call_first_party = by_name(first_party, FirstParty, FirstPartyRequest)


@rule(desc="Lay out a Python application for an OCI image", level=LogLevel.DEBUG)
async def python_application(request: ApplicationRequest, oci: OciSubsystem) -> PythonApplication:
    python = await call_python(PythonRequest(request.owner, request.binary, request.platform, request.interpreter))
    built = await package_pex_binary(request.binary, **implicitly())
    address, pex, allow = request.binary.address, built.request, request.allow_collisions
    site = site_of(request.root, python.interpreter)
    own = await call_first_party(FirstPartyRequest(request.owner, pex, python, request.root, allow))
    found = await concurrently(
        call_requirements(RequirementsRequest(request.owner, pex, python, site))
        for _ in range(1 if pex.include_requirements else 0)
    )
    if not allow:
        check_clashes(request.owner, found)
    with errors_of(request.owner), error_context("[oci].max_python_layers"):
        groups = [group for f in found for group in distributions.group(f.all, oci.max_python_layers)]
    with errors_of(address):
        main = find_main(
            tuple(pex.main.iter_pex_args()) if pex.main else (),
            (*own.distributions, *(distribution for f in found for distribution in f.all)),
            [source.path[len("src/") :] for source in own.part.sources if source.path.startswith("src/")],
        )
    sees_system = request.binary.inherit_path.value in ("prefer", "fallback")
    application = Application(request.root, python.interpreter, main, sees_system)
    third_party = await concurrently(
        call_distribution_part(DistributionPartRequest(address, group)) for group in groups
    )
    start = await create_digest(
        CreateDigest([FileContent(path, content) for path, content in application.files().items()])
    )
    starting = LayerInput(address, start, tuple(ocikit.Source(path, str(address)) for path in application.files()))
    parts = await concurrently(
        call_compiled(CompileRequest(part, python.interpreter.version, request.root, request.compile))
        for part in (*third_party, own.part)
    )
    with errors_of(request.owner):
        requests = [
            *(
                _layer(request, _named(group), f"requirements: {_named(group, 20)}", part)
                for group, part in zip(groups, parts)
            ),
            _layer(request, "start", f"start of {address}", starting, application.links()),
            *([_layer(request, "sources", f"sources of {address}", parts[-1])] if own.part.sources else []),
        ]
        entries = ocikit.arrange(entry for layer in requests for entry in layer.entries)
    layers = await concurrently(call_build_layer(layer) for layer in requests)
    origins = (*(_named(group, 20) for group in groups), str(address), str(address))
    return PythonApplication(
        address,
        application,
        pex.inject_args,
        pex.inject_env,
        tuple(replace(layer, origin=origin) for layer, origin in zip(layers, origins)),
        entries,
    )


call_python_application = by_name_in_environment(python_application, PythonApplication, ApplicationRequest)


def started_by(
    settings: ocikit.ContainerSettings, application: PythonApplication, base: Mapping[str, Any]
) -> ocikit.ContainerSettings:
    """Add what starts the application to the author's settings, which take precedence."""
    own = application.application
    variables = {**own.variables(variables_of(base)), **application.env, **settings.env}
    if settings.entrypoint is not None:
        return replace(settings, env=variables)
    return replace(settings, env=variables, entrypoint=(*own.command, *application.arguments))


def root_of(directory: str) -> str:
    """The folder of an application in an image with this `directory`."""
    return "/" + directory.strip("/") if directory.strip("/") else "/app"


def _layer(
    request: ApplicationRequest,
    contents: str,
    created_by: str,
    part: LayerInput,
    links: Mapping[str, str] | None = None,
) -> LayerRequest:
    placement = ocikit.Placement(directory=request.root, symlinks=links or {})
    return LayerRequest(request.owner, contents, created_by, ocikit.place(part.sources, placement), (part,))


def _named(group: Iterable[Distribution], limit: int = 1) -> str:
    names = [str(distribution) for distribution in group]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _moved(entry: FileEntry, folder: str) -> FileEntry:
    return FileEntry(f"{folder}/{entry.path}", entry.file_digest, entry.is_executable)


def _requirements_pexes(arguments: Iterable[str]) -> Iterator[str]:
    """The PEXes of `python_distribution`s, which Pants passes to Pex by name."""
    words = tuple(arguments)
    return (value for option, value in zip(words, words[1:]) if option == "--requirements-pex")


def rules() -> Iterable[object]:
    return collect_rules()
