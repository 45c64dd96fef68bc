"""Convert targets of `pants-backend-oci` to their counterparts, with the same names."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from ocikit.migrate.build_file import Target
from ocikit.migrate.build_reader import Finder, FoundTarget, absolute_address
from ocikit.migrate.convert import DEFAULT_PLATFORM, Conversion
from ocikit.migrate.notes import Note

_KEPT = ("description", "tags")
_READ: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("repository", "digest", "os", "architecture", "entrypoint", "commands", "tag", "main"), str),
        **dict.fromkeys(("packages", "layers", "args", "env"), list),
        "base": (str, list),
        "variants": dict,
    }
)
_IMAGES = ("oci_image_build", "oci_python_image")
_EMPTY = "empty"
_BUILT_IN = (
    "Pants runs nothing while it builds an image. Make the outputs with a target, such as a `shell_command` or a "
    "`pex_binary`, and add that to `dependencies`"
)


def convert_backend_oci(found: FoundTarget, find: Finder) -> Conversion:
    """Convert one target; `find` looks up the targets that it names."""
    return _Target(found, find).convert()


class _Target:
    def __init__(self, found: FoundTarget, find: Finder) -> None:
        self._found = found.checked(_READ)
        self._fields = self._found.fields
        self._find = find
        self._notes: list[Note] = []

    def convert(self) -> Conversion:
        for name, source in self._found.unreadable.items():
            self._tell(f"`{name}`", f"{source} cannot be read: write it by hand")
        targets = tuple(KINDS[self._found.kind](self))
        return Conversion(targets, tuple(self._notes))

    def pulled(self) -> Iterable[Target]:
        yield self._base(self._found.name, self._fields.get("digest"))

    def pulled_several(self) -> Iterable[Target]:
        for variant, digest in (self._fields.get("variants") or {}).items():
            yield self._base(variant_name(self._found.name, variant), digest)

    def layer(self) -> Iterable[Target]:
        packages = self._fields.get("packages") or []
        known = [self._named(address) for address in packages]
        folders = {posixpath.dirname(one.package) for one in known if one and one.package}
        places = folders | ({""} if any(one is None or not one.package for one in known) else set())
        if len(places) > 1:
            self._tell(
                "`packages`",
                f"pants-backend-oci puts packages into {' and '.join(f'/{folder}/' for folder in sorted(folders))}, "
                "pants-oci into `directory`: where a path matters, use an `oci_layer` of its own",
                matters=False,
            )
        directory = f"/{folders.pop()}" if len(places) == 1 and folders else None
        yield Target("oci_layer", self._found.name, {"dependencies": packages, "directory": directory, **self._kept()})

    def image(self) -> Iterable[Target]:
        entrypoint = self._fields.get("entrypoint")
        packages = self._fields.get("packages") or None
        words = [entrypoint] if isinstance(entrypoint, str) and entrypoint else None
        if self._fields.get("commands"):
            self._tell("`commands`", _BUILT_IN)
        if self._fields.get("terminal"):
            self._tell("`terminal`", "not needed: `pants run` attaches the terminal it has", matters=False)
        if words is None:
            words = self._default_entrypoint(packages or [])
        yield Target(
            "oci_image",
            self._found.name,
            {
                "base": self._base_address(),
                "layers": self._fields.get("layers") or None,
                "dependencies": packages,
                "entrypoint": words,
                "args": self._fields.get("args"),
                "env": self._env(),
                "platform": self._platform(),
                "output_path": self._fields.get("output_path"),
                **self._kept(),
            },
        )
        yield from self._push()

    def python_image(self) -> Iterable[Target]:
        if self._fields.get("main"):
            self._tell("`main`", "a `pex_binary` starts with its own `entry_point`: set it there", matters=False)
        yield Target(
            "oci_image",
            self._found.name,
            {
                "base": self._base_address(),
                "dependencies": self._fields.get("packages"),
                "platform": self._platform(),
                **self._kept(),
            },
        )
        yield from self._push()

    def empty(self) -> Iterable[Target]:
        self._tell(self._found.kind, "not needed: an `oci_image` without `base` starts from nothing", matters=False)
        return ()

    def built_layer(self) -> Iterable[Target]:
        self._tell(self._found.kind, _BUILT_IN)
        return ()

    def extracted(self) -> Iterable[Target]:
        self._tell(
            self._found.kind,
            "Pants does not extract files from images: build on the image, or unpack the files into the repository",
        )
        return ()

    def _base(self, name: str, digest: Any) -> Target:
        text = str(digest) if digest else None
        if text and ":" not in text:
            text = f"sha256:{text}"
        if self._fields.get("anonymous"):
            self._tell(
                "`anonymous`",
                "not needed: Pants looks for credentials as Docker does; without any, requests are anonymous",
                matters=False,
            )
        platform = _platform_of(self._fields)
        fields = {
            "image": self._fields.get("repository"),
            "digest": text,
            "platforms": [platform] if platform else None,
        }
        return Target("oci_base", name, {**fields, **self._kept()})

    def _push(self) -> Iterable[Target]:
        repository = self._fields.get("repository")
        if repository:
            tags = [self._fields["tag"]] if self._fields.get("tag") else None
            yield Target(
                "oci_push",
                f"{self._found.name}-push",
                {"image": f":{self._found.name}", "repository": repository, "image_tags": tags},
            )

    def _base_address(self) -> str | None:
        bases = self._fields.get("base") or []
        address = bases if isinstance(bases, str) else (str(bases[0]) if bases else "")
        if not address:
            return None
        folder, name, variant = absolute_address(address, self._found.folder)
        named = self._named(address)
        if (named and named.kind == "oci_image_empty") or (not named and (folder, name) == ("", _EMPTY)):
            return None
        plain = address.partition("#")[0]
        return variant_name(plain, variant) if variant and not (named and named.kind in _IMAGES) else plain

    def _platform(self) -> str | None:
        bases = self._fields.get("base") or []
        named = self._named(bases if isinstance(bases, str) else str(bases[0])) if bases else None
        platform = _platform_of(named.fields) if named else None
        return platform if platform != str(DEFAULT_PLATFORM) else None

    def _default_entrypoint(self, packages: list[str]) -> list[str] | None:
        """The entrypoint if none is set: the last package. None for a `pex_binary`, which starts by itself."""
        known = [one for one in map(self._named, packages) if one and one.package]
        if not known:
            if self._fields.get("layers"):
                self._tell(
                    "`layers`",
                    "pants-backend-oci starts the package of a layer: set it as `entrypoint`",
                    matters=False,
                )
            return None
        return None if known[-1].kind == "pex_binary" else [f"/{posixpath.basename(str(known[-1].package))}"]

    def _env(self) -> dict[str, str] | None:
        pairs = [str(entry).partition("=") for entry in self._fields.get("env") or ()]
        for name, equals, _ in pairs:
            if not equals:
                self._tell("`env`", f'"{name}" has no value: write NAME=VALUE')
        return {name: value for name, equals, value in pairs if equals} or None

    def _kept(self) -> dict[str, Any]:
        return {name: self._fields[name] for name in _KEPT if name in self._fields}

    def _named(self, address: str) -> FoundTarget | None:
        folder, name, _ = absolute_address(address, self._found.folder)
        return self._find(f"{folder}:{name}")

    def _tell(self, what: str, text: str, *, matters: bool = True) -> None:
        self._notes.append(Note(self._found.address, what, text, matters))


def variant_name(name: str, variant: str) -> str:
    """The name of the `oci_base` for a variant of `oci_pull_images`."""
    return f"{name}-{re.sub(r'[^A-Za-z0-9_.-]+', '-', variant)}"


def _platform_of(fields: Mapping[str, Any]) -> str | None:
    architecture = fields.get("architecture")
    return f"{fields.get('os') or 'linux'}/{architecture}" if architecture else None


KINDS: Mapping[str, Callable[[_Target], Iterable[Target]]] = MappingProxyType(
    {
        "oci_pull_image": _Target.pulled,
        "oci_pull_images": _Target.pulled_several,
        "oci_image_build": _Target.image,
        "oci_python_image": _Target.python_image,
        "oci_image_empty": _Target.empty,
        "oci_build_layer": _Target.built_layer,
        "oci_extract": _Target.extracted,
        "oci_layer": _Target.layer,
    }
)
