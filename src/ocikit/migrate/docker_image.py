"""Convert a `docker_image` with its Dockerfile to an `oci_image` and an `oci_push`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from ocikit.errors import InvalidInput
from ocikit.migrate.build_context import Context
from ocikit.migrate.build_file import Call, Target
from ocikit.migrate.build_reader import Finder, FoundTarget, absolute_address
from ocikit.migrate.convert import DEFAULT_PLATFORM, Conversion, Wishes, convert
from ocikit.migrate.dockerfile import parse_dockerfile
from ocikit.migrate.notes import Note
from ocikit.spec.platform import Platform

_KEPT = ("description", "tags")
# Fields that are read below.
_READ: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("source", "context_root", "target_stage", "repository"), str),
        **dict.fromkeys(("instructions", "extra_build_args", "registries", "image_tags", "dependencies"), list),
        "build_platform": (str, list),
        "image_labels": dict,
        "skip_push": bool,
    }
)
_FOR_RUN = "only RUN uses it, and Pants runs nothing"
_NOT_NEEDED: Mapping[str, str] = MappingProxyType(
    {
        "secrets": _FOR_RUN,
        "ssh": _FOR_RUN,
        "build_network": _FOR_RUN,
        "extra_build_hosts": _FOR_RUN,
        "cache_to": "Pants caches layers, and its remote cache shares them",
        "cache_from": "Pants caches layers, and its remote cache shares them",
        "pull": "oci.lock has the digests of the tags of bases; `pants oci-lock` looks them up",
        "squash": "files that change together are one layer anyway",
        "extra_build_options": "they are options of Docker",
        "extra_run_args": "`pants run` takes them from [oci].run_args",
        "restartable": "`pants run` ends with the container",
        "output_path": "the image has its own default; set `output_path` if something reads the file",
        "outputs_match_mode": "there are no outputs",
    }
)
_LOST: Mapping[str, str] = MappingProxyType(
    {
        "output": "`oci_push` publishes an image, and `package` writes it",
        "output_files": "Pants does not extract files from images; make them with a target of their own",
        "output_directories": "Pants does not extract files from images; make them with a target of their own",
    }
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_KNOWN = ("directory", "parent_directory", "full_directory")
_INSTEAD = MappingProxyType(
    {
        "pants.hash": "use {digest}, the image's own",
        "tags.": "write the tag out, or take it from {env.NAME}",
        "build_args.": "write the value out, set it with --build-arg, or take it from {env.NAME}",
    }
)


@dataclass(frozen=True)
class Surroundings:
    """The repository around a target. `read(path)`: a file's text, None if it does not exist; from the build root.

    `context(root, folder, dockerfile, words)`: the build context; `words` are the paths that the Dockerfile names.
    """

    read: Callable[[str], str | None]
    context: Callable[[str, str, str, tuple[str, ...]], Context]
    find: Finder
    default_repository: str = "{name}"
    default_context_root: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    base_env: Mapping[str, str] = field(default_factory=dict)
    base_workdir: str | None = None


def image_name(name: str) -> str:
    """The name of the `oci_image`: not the `docker_image`'s, so that both can be in one BUILD file."""
    return f"{name}-oci"


def index_name(name: str) -> str:
    return f"{name}-index"


def push_name(name: str) -> str:
    return f"{name}-push"


def convert_docker_image(found: FoundTarget, around: Surroundings, taken: Iterable[str] = ()) -> Conversion:
    """Convert one target; `taken`: the names of the other targets in its BUILD file.

    Raises InvalidInput, the address first, for a Dockerfile that Docker rejects.
    """
    try:
        return _DockerImage(found, around, (*taken, push_name(found.name), index_name(found.name))).convert()
    except InvalidInput as error:
        raise InvalidInput(f"{found.address}: {error}") from None


class _DockerImage:
    def __init__(self, found: FoundTarget, around: Surroundings, taken: tuple[str, ...]) -> None:
        self._found = found.checked(_READ)
        self._around = around
        self._taken = taken
        self._notes: list[Note] = []

    def convert(self) -> Conversion:
        found = self._found
        for name, source in found.unreadable.items():
            self._tell(name, f"{source} cannot be read: write it by hand")
        for name, value in found.fields.items():
            if name in _NOT_NEEDED:
                self._tell(name, f"not needed: {_NOT_NEEDED[name]}", matters=False)
            elif name in _LOST and value not in ({"type": "docker"}, [], None):
                self._tell(name, f"has no counterpart: {_LOST[name]}")
            elif name not in (*_READ, *_KEPT, *_LOST):
                self._tell(name, "is an unknown field: check whether the `oci_image` needs it")
        platforms = self._platforms()
        inner = self._inner(platforms)
        *before, image = inner.targets
        self._advise_on_pexes(before)
        kept = {name: found.fields[name] for name in _KEPT if name in found.fields}
        labels = {**(image.fields.get("labels") or {}), **self._labels()}
        fields: dict[str, Any] = {**image.fields, "labels": labels or None, **kept}
        targets = [*before]
        published = image.name
        if len(platforms) > 1:
            fields["platform"] = Call("parametrize", platforms)
            targets += [
                replace(image, fields=fields),
                Target("oci_index", index_name(found.name), {"images": [f":{image.name}"]}),
            ]
            published = index_name(found.name)
        else:
            targets.append(replace(image, fields=fields))
        targets.append(self._push(published))
        notes = [replace(note, where=f"{found.address}: {note.where}") for note in inner.notes]
        return Conversion(tuple(targets), (*self._notes, *notes))

    def _inner(self, platforms: tuple[str, ...]) -> Conversion:
        found, around = self._found, self._around
        file, text = self._dockerfile()
        dockerfile = parse_dockerfile(text, file)
        root = found.fields.get("context_root")
        root = around.default_context_root if root is None else str(root)
        if root == "." or root.startswith("./"):
            root = f"{found.folder}/{root[1:].strip('/')}"
        words = tuple(
            word
            for one in dockerfile.instructions
            if one.name in ("ADD", "COPY")
            for word in (one.words() or one.text.split())
        )
        context = around.context(root.strip("/"), found.folder, file, words)
        return convert(
            dockerfile,
            context,
            Wishes(
                file=file,
                name=image_name(found.name),
                prefix=f"{found.name}-",
                taken=self._taken,
                stage=found.fields.get("target_stage"),
                arguments=self._arguments(),
                platform=Platform.parse(platforms[0]) if platforms else DEFAULT_PLATFORM,
                base_env=around.base_env,
                base_workdir=around.base_workdir,
                address_of=self._image_address,
            ),
        )

    def _image_address(self, image: str) -> str | None:
        """The address of the converted image, if a FROM has the address of a `docker_image`."""
        folder, name, _ = absolute_address(image, self._found.folder)
        named = self._around.find(f"{folder}:{name}")
        if named is None or named.kind != "docker_image":
            return None
        return f"{folder or '//'}:{image_name(name)}"

    def _advise_on_pexes(self, targets: Iterable[Target]) -> None:
        addresses = [a for target in targets if target.kind == "oci_layer" for a in target.fields["dependencies"] or ()]
        for address in addresses:
            named = None if address.startswith(":") else self._around.find(address)
            if named and named.kind == "pex_binary":
                self._tell(
                    "COPY",
                    f"{address} is copied as one file, as with Docker. In `dependencies` of the `oci_image`, without "
                    "`entrypoint`, it becomes layers that images share, and starts without unpacking itself",
                    matters=False,
                )

    def _dockerfile(self) -> tuple[str, str]:
        """The Dockerfile's name for messages, and its text."""
        instructions = self._found.fields.get("instructions")
        if instructions:
            return "instructions", "\n".join(map(str, instructions))
        name = self._found.fields.get("source") or "Dockerfile"
        path = f"{self._found.folder}/{name}".lstrip("/")
        text = self._around.read(path)
        if text is None:
            raise InvalidInput(f'there is no "{path}", which `source` names, and there are no `instructions`.')
        return path, text

    def _arguments(self) -> dict[str, str]:
        arguments = dict(self._around.arguments)
        for entry in self._found.fields.get("extra_build_args") or ():
            name, equals, value = str(entry).partition("=")
            if equals:
                arguments[name] = value
            elif name not in arguments:
                self._tell("extra_build_args", f"{name} comes from the environment: set it with --build-arg")
        return arguments

    def _platforms(self) -> tuple[str, ...]:
        value = self._found.fields.get("build_platform") or ()
        return (value,) if isinstance(value, str) else tuple(map(str, value))

    def _labels(self) -> dict[str, str]:
        labels = self._found.fields.get("image_labels") or {}
        filled = {name: self._fill("image_labels", str(value), literal=True) for name, value in labels.items()}
        return {name: value for name, value in filled.items() if value is not None}

    def _push(self, image: str) -> Target:
        fields = self._found.fields
        own = str(fields.get("repository") or self._around.default_repository)
        own = own.replace("{default_repository}", self._around.default_repository)
        tags = [self._fill("image_tags", str(tag)) for tag in fields.get("image_tags") or ()]
        repository = self._fill("repository", own)
        return Target(
            "oci_push",
            push_name(self._found.name),
            {
                "image": f":{image}",
                "repository": repository.lower() if repository else None,
                "registries": fields.get("registries"),
                "image_tags": [tag for tag in tags if tag] or None,
                "skip_push": fields.get("skip_push"),
            },
        )

    def _fill(self, name: str, template: str, *, literal: bool = False) -> str | None:
        """The template with the placeholders of `oci_push`; None, with a note, if one has no counterpart.

        `literal`: no placeholder has a counterpart.
        """
        arguments = self._arguments()
        bad: list[str] = []

        def replaced(match: re.Match[str]) -> str:
            key = match.group(1)
            if key == "name":
                return self._found.name
            if key.startswith("build_args.") and key.partition(".")[2] in arguments:
                return arguments[key.partition(".")[2]]
            if key not in _KNOWN or literal:
                bad.append(key)
            return match.group()

        filled = _PLACEHOLDER.sub(replaced, template)
        for key in bad:
            instead = next((text for start, text in _INSTEAD.items() if key.startswith(start)), "write the value out")
            self._tell(name, f'"{template}" is left out, because there is no placeholder {{{key}}}: {instead}')
        return None if bad else filled

    def _tell(self, name: str, text: str, *, matters: bool = True) -> None:
        note = Note(self._found.address, f"`{name}`", text, matters)
        if note not in self._notes:
            self._notes.append(note)
