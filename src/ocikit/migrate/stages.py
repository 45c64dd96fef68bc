"""Select a stage of a Dockerfile, and the stages that it is built on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ocikit.errors import InvalidInput
from ocikit.migrate.dockerfile import Dockerfile, Instruction
from ocikit.migrate.shell_words import Growth, Lookup, expand, split_words
from ocikit.spec.platform import Platform
from ocikit.whole_number import whole_number


@dataclass(frozen=True)
class Stage:
    """A build stage. `image`: the image that it is built on, as written, or the name of another stage."""

    start: Instruction
    image: str
    platform: str | None
    name: str
    instructions: tuple[Instruction, ...]


@dataclass(frozen=True)
class Chosen:
    """The selected stages, the lowest first, each built on the one before it.

    `others`: the stages that are not part of the image. `arguments`: the values of ARG before the first FROM.
    """

    stages: tuple[Stage, ...]
    others: tuple[Stage, ...]
    arguments: Mapping[str, str]

    @property
    def base(self) -> str | None:
        """The reference of the image that the lowest stage is built on; None for `scratch`."""
        image = self.stages[0].image
        return None if image == "scratch" else image


def platform_arguments(platform: Platform) -> dict[str, str]:
    """The variables that BuildKit sets itself."""
    return {
        f"{kind}{name}": value
        for kind in ("TARGET", "BUILD")
        for name, value in (
            ("PLATFORM", str(platform)),
            ("OS", platform.os),
            ("ARCH", platform.architecture),
            ("VARIANT", platform.variant or ""),
        )
    }


def choose_stage(dockerfile: Dockerfile, name: str, stage: str | None, values: Mapping[str, str]) -> Chosen:
    """Select the stage with the name or number `stage`, by default the last; `values`: those of build arguments.

    Raises InvalidInput with `name`, the Dockerfile's, and its line.
    """
    arguments: dict[str, str] = {}
    growth = Growth()
    stages: list[Stage] = []
    collected: list[Instruction] = []
    for instruction in dockerfile.instructions:
        if instruction.name == "FROM":
            collected = []
            stages.append(_stage(instruction, growth.of({**values, **arguments}.get), dockerfile.escape, name))
        elif stages:
            collected.append(instruction)
            last = stages[-1]
            stages[-1] = Stage(last.start, last.image, last.platform, last.name, tuple(collected))
        else:
            _declare(instruction, values, arguments, growth, dockerfile.escape, name)
    chosen = [_selected(stages, stage, name)]
    while below := _stage_named(chosen[0].image, stages[: stages.index(chosen[0])]):
        chosen.insert(0, below)
    others = tuple(one for one in stages if one not in chosen)
    return Chosen(tuple(chosen), others, arguments)


def _stage(start: Instruction, lookup: Lookup, escape: str, name: str) -> Stage:
    words = start.text.split()
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].lower() != "as"):
        raise InvalidInput(f'{name}:{start.line}: expected "FROM IMAGE" or "FROM IMAGE AS NAME", got "{start}".')
    try:
        image = expand(words[0], lookup, escape)
        platform = expand(start.flag("platform") or "", lookup, escape)
    except InvalidInput as error:
        raise InvalidInput(f"{name}:{start.line}: FROM: {error}") from None
    if not image:
        raise InvalidInput(
            f'{name}:{start.line}: "{words[0]}" is empty: set its ARG, here or with --build-arg NAME=VALUE.'
        )
    return Stage(start, image, platform or None, words[2] if len(words) == 3 else "", ())


def _declare(
    instruction: Instruction, values: Mapping[str, str], known: dict[str, str], growth: Growth, escape: str, name: str
) -> None:
    """Add the variables of an ARG to `known`; defaults can use variables that it already has."""
    lookup = growth.of(lambda variable: known.get(variable, values.get(variable)))
    try:
        for variable, default in declared_arguments(instruction, escape):
            if variable in values:
                known[variable] = values[variable]
            elif default is not None:
                known[variable] = expand(default, lookup, escape)
    except InvalidInput as error:
        raise InvalidInput(f"{name}:{instruction.line}: ARG: {error}") from None


def declared_arguments(instruction: Instruction, escape: str) -> list[tuple[str, str | None]]:
    """The names that an ARG declares, with their defaults as written."""
    found: list[tuple[str, str | None]] = []
    for word in split_words(instruction.text, escape):
        variable, equals, default = word.partition("=")
        if not variable:
            raise InvalidInput(f'expected NAME or NAME=DEFAULT, got "{word}".')
        found.append((variable, default if equals else None))
    return found


def _selected(stages: list[Stage], text: str | None, name: str) -> Stage:
    if text is None:
        return stages[-1]
    number = whole_number(text, len(stages) - 1)
    found = _stage_named(text, stages) or (None if number is None else stages[number])
    if found is None:
        names = ", ".join(stage.name or str(number) for number, stage in enumerate(stages))
        raise InvalidInput(f'{name}: there is no stage "{text}"; available: {names}.')
    return found


def _stage_named(text: str, stages: list[Stage]) -> Stage | None:
    return next((stage for stage in reversed(stages) if stage.name and stage.name.lower() == text.lower()), None)
