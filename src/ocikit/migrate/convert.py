"""Convert a Dockerfile to targets and notes. Pure: the context has everything that was read."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from textwrap import wrap

from ocikit.errors import InvalidInput
from ocikit.layer.placement import Owner, parse_mode
from ocikit.migrate import advice
from ocikit.migrate.build_context import Context, copied
from ocikit.migrate.build_file import WIDTH, Target
from ocikit.migrate.directories import ROOT
from ocikit.migrate.dockerfile import Dockerfile, Instruction
from ocikit.migrate.image_settings import DEFAULT_PATH, ImageSettings
from ocikit.migrate.layer_targets import Layers, Names, parse_owner
from ocikit.migrate.notes import Note
from ocikit.migrate.shell_words import Growth, expand
from ocikit.migrate.stages import Chosen, choose_stage, declared_arguments, platform_arguments
from ocikit.spec.platform import Platform
from ocikit.spec.reference import Reference

DEFAULT_PLATFORM = Platform("linux", "amd64")
_SETTINGS = (
    *("CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "SHELL", "STOPSIGNAL", "USER"),
    "VOLUME",
)
_URL = re.compile(r"[a-z]+://|git@", re.IGNORECASE)
# Debian and others link these to directories of the same name in /usr.
_OFTEN_LINKS = ("bin/", "sbin/", "lib/", "lib64/", "var/run/")
_HOMES = "home/"


@dataclass(frozen=True)
class Wishes:
    """Inputs besides the Dockerfile. `name`: the image's; `prefix`: put before the names of all other targets.

    `taken`: names of existing targets. `base_env`, `base_workdir`: from the base's config. `address_of`: the address of
    the target that a FROM refers to, if any.
    """

    file: str = "Dockerfile"
    name: str = "image"
    prefix: str = ""
    taken: tuple[str, ...] = ()
    stage: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    platform: Platform = DEFAULT_PLATFORM
    base_env: Mapping[str, str] = field(default_factory=dict)
    base_workdir: str | None = None
    address_of: Callable[[str], str | None] = lambda _image: None


@dataclass(frozen=True)
class Conversion:
    """The targets, the image last, and the notes on what to check or do by hand."""

    targets: tuple[Target, ...]
    notes: tuple[Note, ...]

    @property
    def is_complete(self) -> bool:
        return not any(note.matters for note in self.notes)


def convert(dockerfile: Dockerfile, context: Context, wishes: Wishes) -> Conversion:
    """Convert a Dockerfile. Raises InvalidInput if Docker rejects it; the notes list what has no counterpart."""
    values = {**platform_arguments(wishes.platform), **wishes.arguments}
    chosen = choose_stage(dockerfile, wishes.file, wishes.stage, values)
    return _Conversion(dockerfile, chosen, context, wishes, values).run()


class _Conversion:
    def __init__(
        self, dockerfile: Dockerfile, chosen: Chosen, context: Context, wishes: Wishes, values: Mapping[str, str]
    ) -> None:
        self._escape = dockerfile.escape
        self._chosen = chosen
        self._context = context
        self._wishes = wishes
        self._values = values
        self._names = Names(wishes.prefix, (*wishes.taken, wishes.name))
        self._notes: list[Note] = []
        self._settings = ImageSettings()
        self._arguments: dict[str, str] = {}
        self._unknown: list[str] = []
        self._lookup = Growth().of(self._value_of)
        self._layers = Layers(context, self._names, on_base=chosen.base is not None)
        self._assumes_root = False

    def run(self) -> Conversion:
        base = self._base()
        for stage in self._chosen.others:
            self._notes.append(Note(self._where(stage.start), str(stage.start), advice.STAGE, matters=False))
        if self._chosen.base is None:
            self._settings.env["PATH"] = DEFAULT_PATH
        for stage in self._chosen.stages:
            self._settings.has_args = False
            for instruction in stage.instructions:
                self._one(instruction)
        self._layers.finish()
        if base is None and not self._layers.names:
            self._tell(self._chosen.stages[-1].start, "the image is empty: it cannot be built")
        image = Target(
            "oci_image",
            self._wishes.name,
            {
                "base": base if isinstance(base, str) or base is None else f":{base.name}",
                "layers": [f":{name}" for name in self._layers.names] or None,
                **self._settings.fields(),
                "platform": self._platform(),
            },
        )
        before = (base,) if isinstance(base, Target) else ()
        notes = sorted((*self._notes, *self._layers.notes), key=lambda note: int(note.where.rpartition(":")[2]))
        return Conversion((*before, *self._layers.targets, image), tuple(notes))

    def _base(self) -> Target | str | None:
        """An `oci_base`, or the address of the target to build on."""
        image, start = self._chosen.base, self._chosen.stages[0].start
        if image is None:
            return None
        address = self._wishes.address_of(image)
        if address:
            return address
        try:
            reference = Reference.parse(image)
        except InvalidInput as error:
            raise InvalidInput(f"{self._where(start)}: FROM: {error}") from None
        if not reference.tag and not reference.digest:
            reference = reference.with_tag("latest")
        name = self._names.give(posixpath.basename(reference.repository.path))
        fields = {
            "image": str(replace(reference, digest=None)),
            "digest": str(reference.digest) if reference.digest else None,
        }
        return Target("oci_base", name, fields, (f"{self._where(start)}: {start}",))

    def _platform(self) -> str | None:
        text = self._chosen.stages[0].platform or str(self._wishes.platform)
        try:
            Platform.parse(text)
        except InvalidInput as error:
            raise InvalidInput(f"{self._where(self._chosen.stages[0].start)}: FROM: {error}") from None
        return None if text == str(DEFAULT_PLATFORM) else text

    def _one(self, instruction: Instruction) -> None:
        self._unknown = []
        try:
            hint = self._apply(instruction)
        except InvalidInput as error:
            self._tell(instruction, str(error).rstrip("."))
            return
        if hint:
            self._tell(instruction, hint, matters=False)

    def _apply(self, instruction: Instruction) -> str | None:
        name = instruction.name
        if name in _SETTINGS:
            return self._setting(instruction)
        if name == "ARG":
            self._argument(instruction)
        elif name == "WORKDIR":
            self._workdir(instruction)
        elif name in ("COPY", "ADD"):
            self._copy(instruction)
        elif name == "RUN":
            self._tell(instruction, advice.instead_of_run(instruction.text))
        else:
            self._tell(instruction, advice.ONBUILD)
        return None

    def _setting(self, instruction: Instruction) -> str | None:
        before = deepcopy(self._settings)
        try:
            hint = self._settings.apply(instruction, self._lookup, self._escape)
            self._check_unknown()
        except InvalidInput:
            self._settings = before
            raise
        return hint

    def _argument(self, instruction: Instruction) -> None:
        for name, default in declared_arguments(instruction, self._escape):
            if name in self._values:
                self._arguments[name] = self._values[name]
            elif default is not None:
                self._arguments[name] = self._expand(default)
            elif name in self._chosen.arguments:
                self._arguments[name] = self._chosen.arguments[name]

    def _workdir(self, instruction: Instruction) -> None:
        path = self._absolute(instruction, self._expand(instruction.text))
        self._settings.workdir = path
        self._doubt_place(instruction, path)
        self._layers.make_directory(
            path, self._user_as_owner(instruction), f"{self._where(instruction)}: {instruction}"
        )

    def _user_as_owner(self, instruction: Instruction) -> Owner:
        """The owner of a WORKDIR: USER, as with BuildKit."""
        user = self._settings.user
        if user in (None, "root"):
            return ROOT
        try:
            return Owner.parse(str(user))
        except InvalidInput:
            self._tell(
                instruction,
                f'Docker makes "{user}" the owner of the directory, Pants root: set `owner` of its `oci_layer`',
                matters=False,
            )
            return ROOT

    def _copy(self, instruction: Instruction) -> None:
        if instruction.heredoc:
            raise InvalidInput(advice.HEREDOC)
        if instruction.flag("from") is not None:
            raise InvalidInput(advice.COPY_FROM)
        words = instruction.words()
        texts = [self._expand(word) for word in (instruction.text.split() if words is None else words)]
        if len(texts) < 2:
            raise InvalidInput("expected a source and a destination")
        *sources, last = texts
        if any(_URL.match(source) for source in sources):
            raise InvalidInput(advice.URL)
        owner, mode = self._flags(instruction)
        slash = last in (".", "..") or last.endswith(("/", "/."))
        found = copied(
            self._context,
            sources,
            self._absolute(instruction, last),
            slash=slash,
            is_directory=self._layers.tree.has,
            unpack=instruction.name == "ADD",
        )
        where, what = self._where(instruction), str(instruction)
        for one in found:
            self._layers.add(one, owner, mode, where, what)
            self._doubt_place(instruction, one.directory)

    def _doubt_place(self, instruction: Instruction, directory: str) -> None:
        """Note what a layer could change in directories of the base, which is not read."""
        path = f"{directory.strip('/')}/"
        if self._chosen.base is None:
            return
        if path.startswith(_OFTEN_LINKS):
            link = path.partition("/")[0]
            text = (
                f"if the base links /{link} to another directory, as Debian does, use that directory: a layer with a "
                "directory in its place replaces the link"
            )
            self._tell(instruction, text, matters=False)
        elif path.startswith(_HOMES) and path != _HOMES:
            home = "/".join(path.split("/")[:2])
            text = (
                f"if /{home} of the base has another owner than root, set it again in a layer on top: "
                f'oci_layer(name="home", directory="/{home}", owner="1000:1000")'
            )
            self._tell(instruction, text, matters=False)

    def _flags(self, instruction: Instruction) -> tuple[Owner, int | None]:
        owner, mode = ROOT, None
        for name, value in instruction.flags:
            if name == "chown":
                owner = parse_owner(self._expand(value))
            elif name == "chmod":
                mode = parse_mode(self._expand(value))
            elif name not in ("link", "checksum"):
                raise InvalidInput(f"--{name} has no counterpart: list the files in `dependencies` of an `oci_layer`")
        return owner, mode

    def _absolute(self, instruction: Instruction, text: str) -> str:
        self._check_unknown()
        start = self._wishes.base_workdir
        if not text.startswith("/") and not self._settings.workdir and start is None and self._chosen.base is not None:
            if not self._assumes_root:
                self._tell(
                    instruction,
                    "the base's working directory is not read; / is assumed: set --base-workdir DIR if it is another",
                    matters=False,
                )
            self._assumes_root = True
        return self._settings.path(text, start or "/")

    def _expand(self, text: str) -> str:
        expanded = expand(text, self._lookup, self._escape)
        self._check_unknown()
        return expanded

    def _value_of(self, name: str) -> str | None:
        for variables in (self._settings.env, self._arguments, self._wishes.base_env):
            if name in variables:
                return variables[name]
        if self._chosen.base is not None:
            self._unknown.append(name)
        return None

    def _check_unknown(self) -> None:
        if self._unknown:
            names = " and ".join(f"${name}" for name in dict.fromkeys(self._unknown))
            self._unknown = []
            raise InvalidInput(advice.BASE_VARIABLES.format(names=names))

    def _tell(self, instruction: Instruction, text: str, *, matters: bool = True) -> None:
        self._notes.append(Note(self._where(instruction), str(instruction), text, matters))

    def _where(self, instruction: Instruction) -> str:
        return f"{self._wishes.file}:{instruction.line}"


def report_lines(notes: tuple[Note, ...]) -> list[str]:
    """The notes as comments for the top of a BUILD file."""
    lines: list[str] = []
    indent = " " * 4
    for heading, matters in (("Left out, because it has no counterpart:", True), ("Worth a look:", False)):
        chosen = [note for note in notes if note.matters == matters]
        if chosen:
            lines.append(heading)
            for note in chosen:
                lines += [
                    f"  {note.where}: {note.what}",
                    *wrap(note.advice, WIDTH - 2, initial_indent=indent, subsequent_indent=indent),
                ]
    return lines
