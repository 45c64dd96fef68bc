"""Select the Python and the wheel platform for a `pex_binary` before anything is built."""

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
from ocikit.python_app.interpreter import Interpreter, WheelPlatform, matching
from pants_oci.compat import (
    by_name,
    digest_subset_to_digest,
    get_digest_contents,
    implicitly,
    interpreter_constraints_for_targets,
    package_pex_binary,
)
from pants_oci.errors import OciTargetError, errors_of
from pants_oci.targets.python import OciImagePexLayersField, OciPythonField


@dataclass(frozen=True)
class PythonRequest(EngineAwareParameter):
    """Select the Python for `binary` in the image `owner`. `interpreter`: the Python of the image, if known."""

    owner: Address
    binary: PexBinaryFieldSet
    platform: ocikit.Platform
    interpreter: Interpreter | None

    def debug_hint(self) -> str:
        return str(self.binary.address)


@dataclass(frozen=True)
class PythonChoice:
    """The interpreter, and at most one platform, which is set only if it is not this machine's."""

    interpreter: Interpreter
    complete_platforms: CompletePlatforms
    platforms: PexPlatforms

    @property
    def constraints(self) -> InterpreterConstraints:
        return InterpreterConstraints([f"CPython=={self.interpreter.version}.*"])


@rule(desc="Select the Python of an OCI image", level=LogLevel.DEBUG)
async def choose_python(request: PythonRequest, python_setup: PythonSetup, machine: Platform) -> PythonChoice:
    constraints = await interpreter_constraints_for_targets(
        InterpreterConstraintsRequest([request.binary.address]), **implicitly()
    )
    built = await package_pex_binary(request.binary, **implicitly())
    complete: CompletePlatforms = built.request.complete_platforms
    contents = await get_digest_contents(complete.digest)
    with errors_of(request.binary.address):
        files = [WheelPlatform.of_complete_platform(content.path, content.content) for content in contents]
        tags = [WheelPlatform.of_tag(tag) for tag in built.request.platforms]
    interpreter = request.interpreter
    if files or tags:
        chosen = _one(request, (*files, *tags))
        subset = await digest_subset_to_digest(
            DigestSubset(complete.digest, PathGlobs([chosen.name] if chosen in files else []))
        )
        if chosen in files:
            complete, platforms = CompletePlatforms([chosen.name], digest=subset), PexPlatforms()
        else:
            complete, platforms = CompletePlatforms(), PexPlatforms([chosen.name])
        return PythonChoice(interpreter or Interpreter(chosen.version), complete, platforms)
    _check_other_machines(request, machine)
    if interpreter is None:
        interpreter = _only_version(request, constraints, python_setup)
    _check_other_versions(request, interpreter, constraints)
    return PythonChoice(interpreter, CompletePlatforms(), PexPlatforms())


call_python = by_name(choose_python, PythonChoice, PythonRequest)


def _one(request: PythonRequest, offered: tuple[WheelPlatform, ...]) -> WheelPlatform:
    version = request.interpreter.version if request.interpreter else None
    fitting = matching(offered, request.platform, version)
    if len(fitting) == 1:
        return fitting[0]
    expected = f"{request.platform}, {request.interpreter or 'any Python'}"
    found = ", ".join(map(str, fitting or offered))
    raise OciTargetError(
        request.owner,
        f"expected one platform of {request.binary.address} for {expected}; "
        f"{'several fit' if fitting else 'available'}: {found}. "
        + (
            f"Set `{OciPythonField.alias}` of the image or its `oci_base` to select one."
            if fitting and version is None
            else f"List one that fits in `{PexCompletePlatformsField.alias}`."
        ),
    )


def _check_other_machines(request: PythonRequest, machine: Platform) -> None:
    system, _, architecture = machine.value.partition("_")
    here = ocikit.Platform(system, {"x86_64": "amd64"}.get(architecture, architecture))
    if not request.platform.runs(here):
        raise OciTargetError(
            request.owner,
            f"{request.binary.address} must be built for {request.platform}, but this machine is {here}: add "
            f"the image's platform to its `{PexCompletePlatformsField.alias}`.",
        )


def _only_version(request: PythonRequest, constraints: InterpreterConstraints, setup: PythonSetup) -> Interpreter:
    versions = _versions(constraints, setup.interpreter_versions_universe)
    if len(versions) == 1:
        return Interpreter(versions[0])
    raise OciTargetError(
        request.owner,
        f"its Python is unknown, and {request.binary.address} runs on several ({constraints}). Set "
        f"`{OciPythonField.alias}` of the image or its `oci_base` to the path of the interpreter, such as "
        f'"/usr/bin/python3.11", or set `{OciImagePexLayersField.alias}="single"`.',
    )


def _versions(constraints: InterpreterConstraints, universe: Iterable[str]) -> tuple[str, ...]:
    try:
        return tuple(constraints.partition_into_major_minor_versions(universe))
    except ValueError:
        # No version of the universe meets them.
        return ()


def _check_other_versions(request: PythonRequest, found: Interpreter, constraints: InterpreterConstraints) -> None:
    fits = bool(_versions(constraints, [found.version]))
    if fits and found.release:
        exact = InterpreterConstraints([f"CPython=={found.release}"])
        # Pants knows patch releases up to some number. Newer ones are accepted.
        fits = not _versions(exact, [found.version]) or constraints.contains(exact, [found.version])
    if not fits:
        raise OciTargetError(
            request.owner,
            f"{request.binary.address} needs {constraints}, but the image has {found}. Use another base, or other "
            "`interpreter_constraints`.",
        )


def rules() -> Iterable[object]:
    return collect_rules()
