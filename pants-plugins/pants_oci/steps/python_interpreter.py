"""Which Python a `pex_binary` is laid out for, and which wheels fit it: decided before anything is built."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pants.backend.python.goals.package_pex_binary import PexBinaryFieldSet
from pants.backend.python.subsystems.setup import PythonSetup
from pants.backend.python.target_types import PexCompletePlatformsField
from pants.backend.python.util_rules.interpreter_constraints import InterpreterConstraints
from pants.backend.python.util_rules.pex import CompletePlatforms, PexPlatforms
from pants.backend.python.util_rules.pex_from_targets import InterpreterConstraintsRequest
from pants.engine.addresses import Address
from pants.engine.engine_aware import EngineAwareParameter
from pants.engine.fs import DigestSubset, PathGlobs
from pants.engine.platform import Platform
from pants.engine.rules import collect_rules, rule
from pants.util.logging import LogLevel

import ocikit
from ocikit.python.interpreter import Interpreter, WheelPlatform, matching
from pants_oci.compat import (
    by_name,
    digest_subset_to_digest,
    get_digest_contents,
    implicitly,
    interpreter_constraints_for_targets,
    package_pex_binary,
)
from pants_oci.errors import OciTargetError, blamed_on
from pants_oci.targets.python import OciImagePexLayersField, OciPythonField


@dataclass(frozen=True)
class PythonRequest(EngineAwareParameter):
    """Find what `binary` is to be built for in the image `owner`; `interpreter` is the image's, where it is known."""

    owner: Address
    binary: PexBinaryFieldSet
    platform: ocikit.Platform
    interpreter: Interpreter | None

    def debug_hint(self) -> str:
        return str(self.binary.address)


@dataclass(frozen=True)
class PythonChoice:
    """The interpreter, and at most one platform that is not this machine's."""

    interpreter: Interpreter
    complete_platforms: CompletePlatforms
    platforms: PexPlatforms

    @property
    def constraints(self) -> InterpreterConstraints:
        return InterpreterConstraints([f"CPython=={self.interpreter.version}.*"])

    @property
    def is_of_this_machine(self) -> bool:
        return not self.complete_platforms and not self.platforms

    def pex_arguments(self) -> tuple[str, ...]:
        """For `pex3 venv create`. A name, not a path: where a machine has its Python is no part of the result."""
        if self.is_of_this_machine:
            return (f"--python=python{self.interpreter.version}",)
        return (*self.complete_platforms.generate_pex_arg_list(), *self.platforms.generate_pex_arg_list())


@rule(desc="Find the Python of an OCI image", level=LogLevel.DEBUG)
async def choose_python(request: PythonRequest, python_setup: PythonSetup, machine: Platform) -> PythonChoice:
    constraints = await interpreter_constraints_for_targets(
        InterpreterConstraintsRequest([request.binary.address]), **implicitly()
    )
    built = await package_pex_binary(request.binary, **implicitly())
    complete: CompletePlatforms = built.request.complete_platforms
    contents = await get_digest_contents(complete.digest)
    with blamed_on(request.binary.address):
        files = [WheelPlatform.of_complete_platform(content.path, content.content) for content in contents]
        tags = [WheelPlatform.of_tag(tag) for tag in built.request.platforms]
    wanted = request.interpreter
    if files or tags:
        chosen = _one(request, (*files, *tags))
        subset = await digest_subset_to_digest(
            DigestSubset(complete.digest, PathGlobs([chosen.name] if chosen in files else []))
        )
        if chosen in files:
            complete, platforms = CompletePlatforms([chosen.name], digest=subset), PexPlatforms()
        else:
            complete, platforms = CompletePlatforms(), PexPlatforms([chosen.name])
        return PythonChoice(wanted or Interpreter(chosen.version), complete, platforms)
    _refuse_other_machines(request, machine)
    if wanted is None:
        wanted = _only_version(request, constraints, python_setup)
    _refuse_other_versions(request, wanted, constraints)
    return PythonChoice(wanted, CompletePlatforms(), PexPlatforms())


call_python = by_name(choose_python, PythonChoice, PythonRequest)


def _one(request: PythonRequest, offered: tuple[WheelPlatform, ...]) -> WheelPlatform:
    version = request.interpreter.version if request.interpreter else None
    fitting = matching(offered, request.platform, version)
    if len(fitting) == 1:
        return fitting[0]
    wanted = f"{request.platform}, {request.interpreter or 'any Python'}"
    found = ", ".join(map(str, fitting or offered))
    raise OciTargetError(
        request.owner,
        f"wanted a platform of {request.binary.address} for {wanted}; "
        f"{'several fit' if fitting else 'there are'}: {found}. "
        + (
            f"Say which Python is meant in `{OciPythonField.alias}` of the image or its `oci_base`."
            if fitting and version is None
            else f"Give it one in `{PexCompletePlatformsField.alias}`."
        ),
    )


def _refuse_other_machines(request: PythonRequest, machine: Platform) -> None:
    system, _, architecture = machine.value.partition("_")
    here = ocikit.Platform(system, {"x86_64": "amd64"}.get(architecture, architecture))
    if not request.platform.runs(here):
        raise OciTargetError(
            request.owner,
            f"{request.binary.address} is wanted for {request.platform}, and this machine is {here}: give it the "
            f"image's platform in `{PexCompletePlatformsField.alias}`.",
        )


def _only_version(request: PythonRequest, constraints: InterpreterConstraints, setup: PythonSetup) -> Interpreter:
    versions = _versions(constraints, setup.interpreter_versions_universe)
    if len(versions) == 1:
        return Interpreter(versions[0])
    raise OciTargetError(
        request.owner,
        f"its Python is unknown, and {request.binary.address} runs on several ({constraints}). Name the path of the "
        f'interpreter in `{OciPythonField.alias}` of its `oci_base` or its own, such as "/usr/bin/python3.11", or set '
        f'`{OciImagePexLayersField.alias}="single"`.',
    )


def _versions(constraints: InterpreterConstraints, universe: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(constraints.partition_into_major_minor_versions(universe))
    except ValueError:
        # None of the universe meets them.
        return ()


def _refuse_other_versions(request: PythonRequest, found: Interpreter, constraints: InterpreterConstraints) -> None:
    fits = bool(_versions(constraints, [found.version]))
    if fits and found.release:
        exact = InterpreterConstraints([f"CPython=={found.release}"])
        # Pants knows of patch releases up to some number; what is newer than that is not judged.
        fits = not _versions(exact, [found.version]) or constraints.contains(exact, [found.version])
    if not fits:
        raise OciTargetError(
            request.owner,
            f"{request.binary.address} needs {constraints}, and the image has {found}. Use another base, or other "
            "`interpreter_constraints`.",
        )


def rules() -> Iterable[object]:
    return collect_rules()
